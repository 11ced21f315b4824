import type { Message } from '@confab/client'
import { region, t } from '../i18n'
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

/** Who came and who went, of several system messages in a row. */
export function comings(contents: readonly string[]): string {
  const [here, gone] = [new Set<string>(), new Set<string>()]
  for (const content of contents) {
    const [came, went] = [joined.exec(content), left.exec(content)]
    if (came) here.add(came[1] ?? '')
    if (went) gone.add(went[1] ?? '')
  }
  const names = (all: Set<string>): string => {
    const some = [...all].slice(0, 3)
    return new Intl.ListFormat(region(), { type: 'conjunction' }).format(all.size > 3 ? [...some, t('log.others', { n: all.size - 3 })] : some)
  }
  return [here.size > 0 ? t('log.joins', { name: names(here) }) : '', gone.size > 0 ? t('log.leaves', { name: names(gone) }) : ''].filter((x) => x !== '').join(' · ')
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
