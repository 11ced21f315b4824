import type { Message } from '@confab/client'
import { t } from '../i18n'
import { parse, wordsOf } from './blocks'

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
  return line(message.content)
}

/** A text in one line, without its marks. Of a long one the beginning is enough. */
export function line(content: string): string {
  return wordsOf(parse(content.slice(0, 1000), () => false)).replace(/\s+/g, ' ').trim().slice(0, 200)
}
