export type Route =
  | { at: 'home' }
  | { at: 'room'; room: string; message: string | null }
  | { at: 'browse' }
  | { at: 'profile' }
  | { at: 'login' }
  | { at: 'signup'; invitation: string | null }

/** Reads a location's hash. What it does not know is home. */
export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#?\/?/, '').split('/').map(decode)
  const [place, room, below, message] = parts
  if (place === 'rooms' && room) {
    return { at: 'room', room, message: below === 'messages' && message ? message : null }
  }
  if (place === 'signup') return { at: place, invitation: room || null }
  if (place === 'browse' || place === 'profile' || place === 'login') return { at: place }
  return { at: 'home' }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function roomHash(room: string, message?: string): string {
  return `#/rooms/${encodeURIComponent(room)}${message === undefined ? '' : `/messages/${message}`}`
}

class Router {
  route = $state.raw<Route>({ at: 'home' })
  /** Counts calls to a place, also to the one that is shown already. */
  visits = $state(0)

  start(): void {
    const read = (): void => {
      this.route = parseRoute(location.hash)
      this.visits++
    }
    window.addEventListener('hashchange', read)
    read()
  }

  go(hash: string, replace = false): void {
    if (location.hash === hash) {
      this.visits++
      this.route = parseRoute(hash)
    } else if (replace) {
      history.replaceState(null, '', hash)
      this.route = parseRoute(hash)
      this.visits++
    } else location.hash = hash
  }
}

export const router = new Router()
