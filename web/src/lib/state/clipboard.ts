import { t } from '../i18n'
import { notices } from './notices.svelte'

/** Copies a text and says so, or why not. */
export async function copyText(text: string, done: string): Promise<void> {
  const copied = (await modern(text)) || old(text)
  notices.show(copied ? done : t('error.clipboard'), copied ? 'info' : 'error')
}

async function modern(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Not there over plain http, or refused.
    return false
  }
}

/** How pages copied before: what is selected. It works over plain http. */
function old(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'sr'
  // Where everything else is inert, only what is in the dialog can be selected.
  const dialogs = document.querySelectorAll('dialog[open]')
  ;(dialogs[dialogs.length - 1] ?? document.body).append(area)
  area.select()
  try {
    return document.execCommand('copy')
  } catch {
    return false
  } finally {
    area.remove()
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true })
  }
}
