import { describe, expect, it } from 'vitest'
import { ApiError, idBefore, type Message } from '@confab/client'
import type { Outgoing } from '../state/outbox.svelte'
import { Heights, rowAt } from './heights'
import { buildRows, stillUnderWay, writtenEarly, type RowsOf } from './rows'

describe('heights', () => {
  const rows = ['a', 'b', 'c', 'd'].map((key) => ({ key }))

  it('takes measures before guesses', () => {
    const heights = new Heights()
    expect(heights.set('b', 50)).toBe(true)
    expect(heights.set('b', 50.2)).toBe(false)
    expect([...heights.offsets(rows, () => 10)]).toEqual([0, 10, 60, 70, 80])
    heights.clear()
    expect([...heights.offsets(rows, () => 10)]).toEqual([0, 10, 20, 30, 40])
  })

  it('finds the row at a height', () => {
    const offsets = new Heights().offsets(rows, () => 10)
    expect([-5, 0, 9.9, 10, 35, 400].map((y) => rowAt(offsets, y))).toEqual([0, 0, 0, 1, 3, 3])
    expect(rowAt(new Float64Array(1), 5)).toBe(0)
  })

  it('finds it fast among 100,000', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => ({ key: String(i) }))
    const offsets = new Heights().offsets(many, () => 20)
    expect(rowAt(offsets, 20 * 77_777 + 3)).toBe(77_777)
  })
})

const noon = new Date(2026, 0, 5, 12).getTime()
const msg = (minutes: number, login = 'ann', more: Partial<Message> = {}): Message => ({
  messageId: idBefore(noon + minutes * 60_000),
  author: { login, firstname: login, lastname: 'X' },
  content: `at ${minutes}`,
  systemMessage: false,
  creationDate: '',
  ...more,
})
const out = (content: string, minutes: number, state: Outgoing['state'] = 'sending'): Outgoing => ({
  key: `k-${content}`, room: 'r', content, replyTo: null, at: noon + minutes * 60_000, state, reason: null, slow: false,
})
const rowsOf = (of: Partial<RowsOf>): ReturnType<typeof buildRows> =>
  buildRows({ messages: [], hasOlder: false, outgoing: [], self: 'me', readBefore: null, keys: new Map(), ...of })

describe('rows', () => {
  it('groups what one person says in a short time', () => {
    const rows = rowsOf({ messages: [msg(0), msg(1), msg(2, 'bob'), msg(3, 'bob'), msg(30, 'bob'), msg(31, 'bob', { replyTo: 'x' })] })
    expect(rows.map((r) => r.grouped)).toEqual([false, true, false, true, false, false])
  })

  it('folds many who come and go in a row, and few not', () => {
    const came = (minutes: number): Message => msg(minutes, 'admin', { systemMessage: true, content: `P${minutes} X joins the room` })
    const messages = [msg(0), came(1), came(2), came(3), msg(4), came(5), came(6), came(7), came(8), came(9), msg(10)]
    const rows = rowsOf({ messages })
    expect(rows.map((r) => r.folded?.length ?? 0)).toEqual([0, 0, 0, 0, 0, 5, 0])
    // The row has the place of the first and stands for the last.
    expect([rows[5]?.key, rows[5]?.message?.messageId]).toEqual([came(5).messageId, came(9).messageId])
    // What is unread begins a row of its own.
    expect(rowsOf({ messages, readBefore: came(7).messageId }).map((r) => r.folded?.length ?? 0)).toEqual(Array(11).fill(0))
  })

  it('begins each day with its name and a head', () => {
    const rows = rowsOf({ messages: [msg(-1), msg(719), msg(721)] })
    expect(rows.map((r) => r.day)).toEqual([true, false, true])
    expect(rows[2]?.grouped).toBe(false)
  })

  it('does not change a row when older ones are loaded', () => {
    const all = [msg(0), msg(1), msg(2), msg(3), msg(800)]
    const part = rowsOf({ messages: all.slice(1), hasOlder: true })
    const whole = rowsOf({ messages: all })
    expect(whole.slice(-part.length)).toEqual(part)
    expect(part).toHaveLength(3)
  })

  it('draws the line above the first unread message of somebody else', () => {
    const messages = [msg(0), msg(1), msg(2, 'me'), msg(3), msg(4)]
    expect(rowsOf({ messages, readBefore: messages[1]!.messageId }).map((r) => r.fresh)).toEqual([false, false, false, true, false])
    expect(rowsOf({ messages }).some((r) => r.fresh)).toBe(false)
    expect(rowsOf({ messages, readBefore: messages[4]!.messageId }).some((r) => r.fresh)).toBe(false)
  })

  it('keeps the name of a row when its message gets an id', () => {
    const sent = msg(1, 'me')
    const before = rowsOf({ messages: [msg(0)], outgoing: [out('x', 1)] })
    const after = rowsOf({ messages: [msg(0), sent], keys: new Map([[sent.messageId, 'k-x']]) })
    expect(after.at(-1)?.key).toBe(before.at(-1)?.key)
  })

  it('groups what is under way with what was sent before', () => {
    const rows = rowsOf({ messages: [msg(0, 'me')], outgoing: [out('x', 1), out('y', 1)] })
    expect(rows.map((r) => r.grouped)).toEqual([false, true, true])
  })

  it('hides what is under way and was heard already', () => {
    const heard = [msg(1, 'me', { content: 'x' })]
    expect(stillUnderWay([out('x', 1), out('y', 1)], heard, 'me', new Map()).map((o) => o.content)).toEqual(['y'])
    // The same words of earlier, or of others, are another message.
    expect(stillUnderWay([out('x', 5)], heard, 'me', new Map())).toHaveLength(1)
    expect(stillUnderWay([out('x', 1)], [msg(1, 'bob', { content: 'x' })], 'me', new Map())).toHaveLength(1)
    expect(stillUnderWay([out('x', 1, 'failed')], heard, 'me', new Map())).toHaveLength(1)
  })

  it('hides what was tried in vain and arrived all the same, and no other message of the same words', () => {
    const heard = [msg(1, 'me', { content: 'x' })]
    const late = { ...out('x', 1, 'queued'), reason: new ApiError(0, 'late') }
    expect(stillUnderWay([late], heard, 'me', new Map())).toEqual([])
    // Not tried yet: another one.
    expect(stillUnderWay([out('x', 1, 'queued')], heard, 'me', new Map())).toHaveLength(1)
    // The message is known to be another one that was under way.
    expect(stillUnderWay([late], heard, 'me', new Map([[heard[0]!.messageId, 'other']]))).toHaveLength(1)
    expect(stillUnderWay([late], heard, 'me', new Map([[heard[0]!.messageId, late.key]]))).toEqual([])
  })

  it('is shown before the messages have come: under way, sent, and heard once more', () => {
    const [sent, waiting] = [msg(1, 'me', { content: 'x' }), out('y', 2)]
    const early = [{ message: msg(0, 'bob') }, { message: sent }, { message: { ...sent } }]
    const rows = writtenEarly(early, [waiting], 'me', new Map([[sent.messageId, 'k']]))
    expect(rows.map((r) => [r.key, r.message?.content ?? r.outgoing?.content])).toEqual([['k', 'x'], [waiting.key, 'y']])
    expect(writtenEarly(early, [], 'me', new Map())).toEqual([])
  })
})
