import type { Message } from '@confab/client'
import { region, t, type Key } from '../i18n'
import { fullName } from '../state/room.svelte'
import { parse, wordsOf } from './blocks'
import { kindText, noticeOf } from './kinds'

const joined = /^(.*) joins the room$/s
const left = /^(.*) leaves the room$/s

const told: Record<string, Key> = {
  joined: 'log.joins',
  left: 'log.leaves',
  removed: 'notice.removed',
  banned: 'notice.banned',
  muted: 'notice.muted',
  unmuted: 'notice.unmuted',
  owner: 'notice.owner',
  admin: 'notice.admin',
  member: 'notice.member',
  announcement: 'notice.announcement',
  renamed: 'notice.renamed',
  created: 'notice.created',
}

/** A system message in the reader's language: worded from its data, or from the English text of one that has none. */
export function systemText(message: Message): string {
  const notice = noticeOf(message)
  const key = told[notice?.type ?? '']
  if (notice && key) {
    const names = { name: notice.who ? fullName(notice.who) : '', text: notice.text ?? '' }
    if (key !== 'notice.removed') return t(key, names)
    const said = notice.by ? t('notice.removedBy', { ...names, by: fullName(notice.by) }) : t(key, names)
    return notice.text ? t('notice.because', { said, reason: notice.text }) : said
  }
  const [came, went] = comesOrGoes(message)
  if (came !== undefined) return t('log.joins', { name: came })
  if (went !== undefined) return t('log.leaves', { name: went })
  return message.content
}

/** Who came, or who went. */
function comesOrGoes(message: Message): [came: string | undefined, went: string | undefined] {
  const notice = noticeOf(message)
  if (notice) {
    const name = notice.who ? fullName(notice.who) : ''
    const went = notice.type === 'left' || notice.type === 'removed'
    return [notice.type === 'joined' ? name : undefined, went ? name : undefined]
  }
  return [joined.exec(message.content)?.[1], left.exec(message.content)?.[1]]
}

/** Who came and who went, of several system messages in a row, and what else they tell. */
export function comings(messages: readonly Message[]): string {
  const [here, gone, more] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const message of messages) {
    const [came, went] = comesOrGoes(message)
    const notice = noticeOf(message)
    if (notice?.type === 'removed' && notice.text) more.add(systemText(message))
    else if (came !== undefined) here.add(came)
    else if (went !== undefined) gone.add(went)
    else if (notice) more.add(systemText(message))
  }
  const names = (all: Set<string>): string => {
    const some = [...all].slice(0, 3)
    return new Intl.ListFormat(region(), { type: 'conjunction' }).format(all.size > 3 ? [...some, t('log.others', { n: all.size - 3 })] : some)
  }
  return [here.size > 0 ? t('log.joins', { name: names(here) }) : '', gone.size > 0 ? t('log.leaves', { name: names(gone) }) : '', ...more].filter((x) => x !== '').join(' · ')
}

/** A message in one line. */
export function preview(message: Message): string {
  if (message.deleted) return t('log.deleted')
  if (message.systemMessage) return systemText(message)
  return message.kind ? kindText(message) : line(message.content)
}

/** A text in one line, without its marks. Of a long one the beginning is enough. */
export function line(content: string): string {
  return wordsOf(parse(content.slice(0, 1000), () => false)).replace(/\s+/g, ' ').trim().slice(0, 200)
}
