import type { Message } from '@confab/client'
import { t } from '../i18n'

const joined = /^(.*) joins the room$/s
const left = /^(.*) leaves the room$/s

/** A system message in the reader's language; as it stands if it is none that is known. */
export function systemText(content: string): string {
  const came = joined.exec(content)
  if (came) return t('log.joins', { name: came[1] ?? '' })
  const went = left.exec(content)
  if (went) return t('log.leaves', { name: went[1] ?? '' })
  return content
}

/** A message in one line. */
export function preview(message: Message): string {
  if (message.deleted) return t('log.deleted')
  if (message.systemMessage) return systemText(message.content)
  // Of a long text the beginning is enough.
  return message.content.slice(0, 1000).replace(/```(?:[a-zA-Z0-9+#.-]*\n)?|`/g, '').replace(/\s+/g, ' ').trim().slice(0, 200)
}
