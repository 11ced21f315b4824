import { compareIds, type Message } from '@confab/client'
import { counts } from '../state/room.svelte'

export interface Seen {
  /** What is loaded, oldest first. */
  messages: readonly Message[]
  hasOlder: boolean
  lastRead: string | null
  /** How many are unread, by the server's count: 100 means 100 or more. */
  unread: number
  self: string
  /** The first and the last message on the screen. */
  from: string
  to: string
}

/**
 * The message up to which all has been read, when those from `from` to `to` are on the screen. Null if something unread
 * lies before them that was not: a read position that passed it would hide it for ever.
 */
export function readUpTo({ messages, hasOlder, lastRead, unread, self, from, to }: Seen): string | null {
  if (unread === 0 || lastRead === null) return to
  let first: string | undefined
  let n = 0
  let i = messages.length - 1
  for (; i >= 0; i--) {
    const m = messages[i]
    if (!m || compareIds(m.messageId, lastRead) <= 0) break
    if (!counts(m, self)) continue
    first = m.messageId
    n++
  }
  // All that is unread is loaded if what was read last is, or if there are as many as the server has counted.
  const all = i >= 0 || !hasOlder || (unread < 100 && n >= unread)
  return all && (first === undefined || compareIds(first, from) >= 0) ? to : null
}
