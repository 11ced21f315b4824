export type Shortcut =
  | 'help'
  | 'find'
  | 'next'
  | 'previous'
  | 'nextUnread'
  | 'previousUnread'
  | 'people'

export const isMac = typeof navigator !== 'undefined' && /Mac|iP(hone|ad)/.test(navigator.platform)

/** What a key means wherever the focus is; null if it is for the focused element. */
export function shortcut(e: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'target'>): Shortcut | null {
  const command = isMac ? e.metaKey : e.ctrlKey
  if (command && !e.altKey) {
    // On many layouts / and . need Shift, and Caps Lock makes a K.
    if (!e.shiftKey && latin(e) === 'k') return 'find'
    if (e.key === '/' || (!e.shiftKey && e.code === 'Slash' && isForeign(e))) return 'help'
    if (e.key === '.' || (!e.shiftKey && e.code === 'Period' && isForeign(e))) return 'people'
  }
  if (e.altKey && !e.ctrlKey && !e.metaKey) {
    if (e.key === 'ArrowDown') return e.shiftKey ? 'nextUnread' : 'next'
    if (e.key === 'ArrowUp') return e.shiftKey ? 'previousUnread' : 'previous'
  }
  if (e.key === '?' && !command && !e.altKey && !isTextField(e.target)) return 'help'
  return null
}

/** What Ctrl or Cmd with a letter does to the text that is being written: the mark it puts around what is selected. By its place where the layout has no Latin letters. */
export function markFor(e: Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): '**' | '_' | '~~' | '`' | '>' | null {
  if (!(isMac ? e.metaKey : e.ctrlKey) || e.altKey) return null
  const letter = latin(e)
  if (e.shiftKey) return letter === 'x' ? '~~' : e.code === 'Digit9' ? '>' : null
  return letter === 'b' ? '**' : letter === 'i' ? '_' : letter === 'e' ? '`' : null
}

/** The Latin letter of a key, small; where the layout writes another script, the one at its place on most keyboards. */
export function latin(e: Pick<KeyboardEvent, 'key' | 'code'>): string {
  const key = e.key.toLowerCase()
  if (/^[a-z]$/.test(key)) return key
  return /^Key[A-Z]$/.test(e.code) && !/^[\x20-\x7e]$/.test(key) ? e.code.charAt(3).toLowerCase() : key
}

/** The layout has another script's letter where others have this mark. */
function isForeign(e: Pick<KeyboardEvent, 'key'>): boolean {
  return /^\p{L}$/u.test(e.key)
}

export function isTextField(target: EventTarget | null): boolean {
  if (typeof HTMLElement === 'undefined' || !(target instanceof HTMLElement)) return false
  return target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=button])')
}

/** Reports whether a key writes something and nothing on the page waits for it: it was meant for the message. */
export function isStray(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target' | 'defaultPrevented' | 'isComposing' | 'keyCode'>): boolean {
  if (e.defaultPrevented || isComposing(e) || e.ctrlKey || e.metaKey || e.altKey || [...e.key].length !== 1 || e.key === ' ') return false
  if (typeof HTMLElement === 'undefined' || !(e.target instanceof HTMLElement)) return false
  return !isTextField(e.target) && e.target.closest('dialog, [role=dialog], [role=menu]') === null
}

/** An input method takes the key: in Safari the one that ends a composition comes after its end, with this code. */
export function isComposing(e: Pick<KeyboardEvent, 'isComposing' | 'keyCode'>): boolean {
  return e.isComposing || e.keyCode === 229
}
