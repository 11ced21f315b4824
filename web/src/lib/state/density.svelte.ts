import { storage } from './shelf'

const name = 'confab:compact'

let compact = $state(storage()?.getItem(name) === '1')
show()

/** Messages stand close to each other. */
export function isCompact(): boolean {
  return compact
}

export function setCompact(on: boolean): void {
  compact = on
  show()
  try {
    if (on) storage()?.setItem(name, '1')
    else storage()?.removeItem(name)
  } catch {
    // Then it counts as long as this page lives.
  }
}

function show(): void {
  document.documentElement.classList.toggle('compact', compact)
}
