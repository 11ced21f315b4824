import { t } from '../i18n'
import { notices } from './notices.svelte'

let said = false

/** Finds out whether the server has another version of the page than this one, and says so once. */
export async function lookForNewVersion(): Promise<void> {
  const own = document.querySelector<HTMLScriptElement>('script[type=module][src]')?.src
  if (said || !own || !import.meta.env.PROD) return
  try {
    const answer = await fetch(import.meta.env.BASE_URL, { cache: 'no-cache' })
    if (!answer.ok || (await answer.text()).includes(new URL(own).pathname) || said) return
  } catch {
    return // Without a connection nobody knows.
  }
  said = true
  notices.stay(t('app.newVersion'), { text: t('app.reload'), run: () => location.reload() })
}
