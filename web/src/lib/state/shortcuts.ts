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
export function shortcut(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'target'>): Shortcut | null {
  const command = isMac ? e.metaKey : e.ctrlKey
  if (command && !e.altKey && !e.shiftKey) {
    if (e.key === 'k') return 'find'
    if (e.key === '/') return 'help'
    if (e.key === '.') return 'people'
  }
  if (e.altKey && !e.ctrlKey && !e.metaKey) {
    if (e.key === 'ArrowDown') return e.shiftKey ? 'nextUnread' : 'next'
    if (e.key === 'ArrowUp') return e.shiftKey ? 'previousUnread' : 'previous'
  }
  if (e.key === '?' && !command && !e.altKey && !isTextField(e.target)) return 'help'
  return null
}

export function isTextField(target: EventTarget | null): boolean {
  if (typeof HTMLElement === 'undefined' || !(target instanceof HTMLElement)) return false
  return target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=button])')
}

/** Reports whether a key writes something and nothing on the page waits for it: it was meant for the message. */
export function isStray(e: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target' | 'defaultPrevented' | 'isComposing'>): boolean {
  if (e.defaultPrevented || e.isComposing || e.ctrlKey || e.metaKey || e.altKey || [...e.key].length !== 1 || e.key === ' ') return false
  if (typeof HTMLElement === 'undefined' || !(e.target instanceof HTMLElement)) return false
  return !isTextField(e.target) && e.target.closest('dialog, [role=dialog], [role=menu]') === null
}
