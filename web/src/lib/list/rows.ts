import { compareIds, timeOf, type Message } from '@confab/client'
import type { Outgoing } from '../state/outbox.svelte'
import { dayOf } from '../text/time'

/** One row of the log. What a row shows does not depend on what is loaded before it later. */
export interface Row {
  /** Stays the same when a message gets its id. */
  key: string
  message: Message | null
  outgoing: Outgoing | null
  at: number
  /** The first of its day. */
  day: boolean
  /** Shown below its forerunner without a head of its own. */
  grouped: boolean
  /** The first that was unread when the room was opened. */
  fresh: boolean
  /** Who came and went in a row, this message the last of them; null if they are few. */
  folded: readonly Message[] | null
}

// Messages of one author within this time are one group.
const together = 5 * 60_000

export interface RowsOf {
  messages: readonly Message[]
  /** There is something older: the first message is then only context, so that no row changes when it comes. */
  hasOlder: boolean
  outgoing: readonly Outgoing[]
  self: string
  /** The last message read before the room was opened; null if the line is not to be shown. */
  readBefore: string | null
  keys: ReadonlyMap<string, string>
}

// Rows are built anew with every message: what never changes is reckoned once.
const times = new WeakMap<Message, { at: number; day: number }>()

function timesOf(m: Message): { at: number; day: number } {
  let known = times.get(m)
  if (!known) {
    const at = timeOf(m.messageId)
    times.set(m, (known = { at, day: dayOf(at) }))
  }
  return known
}

export function buildRows({ messages, hasOlder, outgoing, self, readBefore, keys }: RowsOf): Row[] {
  const rows: Row[] = []
  let before: Message | null = null
  let marked = readBefore === null
  for (const [i, m] of messages.entries()) {
    const { at, day: date } = timesOf(m)
    const earlier: { at: number; day: number } | null = before ? timesOf(before) : null
    const isNew: boolean = !marked && readBefore !== null && compareIds(m.messageId, readBefore) > 0 && m.author.login !== self
    const day = earlier === null || earlier.day !== date
    if (i > 0 || !hasOlder) {
      if (isNew) marked = true
      rows.push({
        key: keys.get(m.messageId) ?? m.messageId,
        message: m,
        outgoing: null,
        at,
        day,
        grouped: !day && !isNew && before !== null && earlier !== null && belongs(before, m, at - earlier.at),
        fresh: isNew,
        folded: null,
      })
    }
    before = m
  }
  fold(rows)
  for (const o of outgoing) {
    const last = rows.at(-1)
    const at = Math.max(o.at, last?.at ?? 0)
    const day = !last || dayOf(last.at) !== dayOf(at)
    const author = last?.message ? (last.message.systemMessage ? null : last.message.author.login) : last ? self : null
    rows.push({
      key: o.key,
      message: null,
      outgoing: o,
      at,
      day,
      grouped: !day && author === self && o.replyTo === null && Math.abs(o.at - (last?.at ?? 0)) < together && Math.floor(at / together) === Math.floor((last?.at ?? 0) / together),
      fresh: false,
      folded: null,
    })
  }
  return rows
}

// So many who come and go in a row are one line.
const many = 4

function fold(rows: Row[]): void {
  for (let end = rows.length, at = rows.length - 1; at >= 0; at--) {
    if (!rows[at]?.message?.systemMessage) end = at
    // A run begins where another kind of row is before it, a day or what is unread begins.
    else if (at === 0 || rows[at]?.day || rows[at]?.fresh || !rows[at - 1]?.message?.systemMessage) {
      const run = rows.slice(at, end)
      const last = run.at(-1)
      if (run.length >= many && last) rows.splice(at, run.length, { ...last, ...rows[at], message: last.message, at: last.at, folded: run.flatMap((r) => r.message ?? []) } as Row)
      end = at
    }
  }
}

function belongs(before: Message, m: Message, gap: number): boolean {
  if (before.systemMessage !== m.systemMessage) return false
  if (m.systemMessage) return true
  // A long group says whose it is once in a while. The message before is all that may count: older ones may not be loaded.
  return before.author.login === m.author.login && gap < together && !m.replyTo && Math.floor(timesOf(before).at / together) === Math.floor(timesOf(m).at / together)
}

/**
 * Leaves out what is under way and has been received already: the answer to sending may come after the message itself,
 * or never. `keys` has the names of rows by message.
 */
export function stillUnderWay(outgoing: readonly Outgoing[], messages: readonly Message[], self: string, keys: ReadonlyMap<string, string>): Outgoing[] {
  if (!outgoing.some(tried)) return [...outgoing]
  const recent = messages.slice(-30).filter((m) => m.author.login === self)
  return outgoing.filter((o) => !recent.some((m) => (keys.has(m.messageId) ? keys.get(m.messageId) === o.key : isHeard(o, m))))
}

/** The rows of what was written here while the first page is still to come: under way, or sent. */
export function writtenEarly(early: readonly { message: Message }[], outgoing: readonly Outgoing[], self: string, keys: ReadonlyMap<string, string>): Row[] {
  // As the answer and over the socket it may come twice.
  const messages = [...new Map(early.map(({ message }) => [message.messageId, message])).values()].filter((m) => keys.has(m.messageId))
  return buildRows({ messages, hasOlder: false, outgoing: stillUnderWay(outgoing, messages, self, keys), self, readBefore: null, keys })
}

// By so many ms this machine's clock and the server's may differ.
const slack = 6000

/** Reports whether a message of the user is what is under way. */
export function isHeard(o: Outgoing, m: Message): boolean {
  return tried(o) && m.content === o.content && timesOf(m).at >= o.at - slack
}

/** It may have arrived. */
function tried(o: Outgoing): boolean {
  return o.state === 'sending' || (o.state === 'queued' && o.reason !== null)
}
