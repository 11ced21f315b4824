// Where the page keeps what is a user's own: drafts, unsent messages, read positions. A session that is not remembered
// leaves nothing behind when its tab closes, so its things are only in the tab's own storage.

const rememberedName = 'confab:remembered'
const own = /^confab:(?:draft|out|read|muted):([^:]*):/

/** The browser's storage, for what is not private; null if it is switched off. */
export function storage(): Storage | null {
  try {
    return window.localStorage
  } catch {
    return null
  }
}

function tabStorage(): Storage | null {
  try {
    return window.sessionStorage
  } catch {
    return null
  }
}

/** Reports whether the user asked this browser to remember them. */
export function isRemembered(login: string): boolean {
  return storage()?.getItem(rememberedName) === login
}

export function remember(login: string | null): void {
  if (login === null) storage()?.removeItem(rememberedName)
  else storage()?.setItem(rememberedName, login)
}

/** Where the user's own things are kept. What an earlier version of the page kept for ever moves along. */
export function privateStorage(login: string): Storage | null {
  const tab = tabStorage()
  if (isRemembered(login) || !tab) return storage()
  for (const name of namesOf(storage(), (l) => l === login)) {
    tab.setItem(name, tab.getItem(name) ?? storage()?.getItem(name) ?? '')
    storage()?.removeItem(name)
  }
  return tab
}

/** Removes the user's own things from this browser. */
export function forget(login: string): void {
  for (const kept of [storage(), tabStorage()]) for (const name of namesOf(kept, (l) => l === login)) kept?.removeItem(name)
}

/** Removes what other users left in this tab. */
export function forgetOthers(login: string): void {
  const tab = tabStorage()
  for (const name of namesOf(tab, (l) => l !== login)) tab?.removeItem(name)
}

function namesOf(kept: Storage | null, wanted: (login: string) => boolean): string[] {
  if (!kept) return []
  return Object.keys(kept).filter((name) => {
    const m = own.exec(name)
    return m !== null && wanted(m[1] ?? '')
  })
}

/** What the service worker keeps of the API's answers. It keeps them only while this cache is there. */
const answers = 'confab-data'

/** Lets the service worker keep answers for this user, or no one. What it has of others goes. */
export async function keepAnswers(login: string | null): Promise<void> {
  if (!('caches' in window)) return
  try {
    const of = storage()?.getItem('confab:answers') ?? null
    if (login === null || of !== login) await caches.delete(answers)
    if (login === null) return storage()?.removeItem('confab:answers')
    storage()?.setItem('confab:answers', login)
    await caches.open(answers)
  } catch {
    // No storage at all: then nothing is kept.
  }
}

/**
 * Puts an answer of the API in the place of the one that the service worker has, if it keeps any. The worker does it, which
 * knows the answers that are under way. Where none works yet, none reads what is kept either.
 */
export function keepAnswer(address: string, answer: unknown): void {
  navigator.serviceWorker?.controller?.postMessage({ keep: address, answer: JSON.stringify(answer) })
}

/** Takes back what the page shows outside of itself: the number on its icon, and notifications. */
export function clearDesktop(): void {
  if ('clearAppBadge' in navigator) void navigator.clearAppBadge().catch(() => {})
  void navigator.serviceWorker
    ?.getRegistration()
    .then((worker) => worker?.getNotifications())
    .then((shown) => shown?.forEach((n) => n.close()))
    .catch(() => {})
}

/** Shows the page in another language from now on; empty: in the browser's. */
export function speak(tag: string): void {
  if (tag) storage()?.setItem('confab:language', tag)
  else storage()?.removeItem('confab:language')
  location.reload()
}
