import { describe, expect, it } from 'vitest'
import { ApiError, compareIds, idBefore, timeOf, type Message, type MessagePage, type PageQuery } from '@confab/client'
import { RoomLog } from './log.svelte'

const t0 = Date.UTC(2026, 0, 5, 12)
const id = (n: number): string => idBefore(t0 + n * 1000)
const message = (n: number, content = `m${n}`): Message => ({
  messageId: id(n),
  author: { login: 'ann', firstname: 'Ann', lastname: 'A' },
  content,
  systemMessage: false,
  creationDate: new Date(t0 + n * 1000).toISOString(),
})

/** A room that answers as the server does. */
class Room {
  messages: Message[]
  asked: PageQuery[] = []
  gate: Promise<void> = Promise.resolve()

  constructor(n: number) {
    this.messages = Array.from({ length: n }, (_, i) => message(i))
  }

  fetch = async (q: PageQuery): Promise<MessagePage> => {
    this.asked.push(q)
    const all = [...this.messages]
    await this.gate
    const n = q.fetchSize ?? 50
    if (q.before !== undefined) {
      const older = all.filter((m) => compareIds(m.messageId, q.before!) < 0)
      return { messages: older.slice(-n), hasMore: older.length > n, kept: false }
    }
    if (q.after !== undefined) {
      const newer = all.filter((m) => compareIds(m.messageId, q.after!) > 0)
      return { messages: newer.slice(0, n), hasMore: newer.length > n, kept: false }
    }
    if (q.around !== undefined) {
      const at = all.findIndex((m) => compareIds(m.messageId, q.around!) >= 0)
      const from = Math.max(0, Math.min((at < 0 ? all.length : at) - Math.floor((n - 1) / 2), all.length - n))
      const messages = all.slice(from, from + n)
      const [before, after] = [from > 0, from + n < all.length]
      return { messages, hasMore: before || after, hasMoreBefore: before, hasMoreAfter: after, kept: false }
    }
    return { messages: all.slice(-n), hasMore: all.length > n, kept: false }
  }
}

const numbers = (log: RoomLog): number[] => log.messages.map((m) => Number(m.content.slice(1)))
const run = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe('the part of a history that is loaded', () => {
  it('opens at the newest and goes back to the first without hole or double', async () => {
    const room = new Room(200)
    const log = new RoomLog(room.fetch)
    await log.open()
    expect(numbers(log)).toEqual(run(140, 200))
    while (log.hasOlder) await log.loadOlder()
    expect(numbers(log)).toEqual(run(0, 200))
    await log.loadOlder()
    expect(room.asked).toHaveLength(4)
  })

  it('opens around a message and goes both ways', async () => {
    const log = new RoomLog(new Room(300).fetch)
    expect(await log.open(id(100))).toBe(true)
    expect(log.hasOlder && log.hasNewer).toBe(true)
    while (log.hasNewer) await log.loadNewer()
    while (log.hasOlder) await log.loadOlder()
    expect(numbers(log)).toEqual(run(0, 300))
  })

  it('says when the message is not there', async () => {
    const log = new RoomLog(new Room(3).fetch)
    expect(await log.open(idBefore(t0 + 1500))).toBe(false)
    expect(numbers(log)).toEqual([0, 1, 2])
  })

  it('takes live messages in their order and once', async () => {
    const log = new RoomLog(new Room(3).fetch)
    await log.open()
    log.hear(message(4))
    log.hear(message(3))
    log.hear(message(4))
    expect(numbers(log)).toEqual([0, 1, 2, 3, 4])
  })

  it('keeps what it hears before the first page', async () => {
    const log = new RoomLog(new Room(3).fetch)
    const opening = log.open()
    log.hear(message(3))
    log.hear(message(2))
    await opening
    expect(numbers(log)).toEqual([0, 1, 2, 3])
  })

  it('only counts what is beyond the end of a part of the past', async () => {
    const room = new Room(300)
    const log = new RoomLog(room.fetch)
    await log.open(id(100))
    room.messages.push(message(300))
    log.hear(message(300))
    expect(log.below).toBe(1)
    expect(numbers(log)).not.toContain(300)
    while (log.hasNewer) await log.loadNewer()
    expect(numbers(log).at(-1)).toBe(300)
    expect(log.below).toBe(0)
  })

  it('takes changes of what it has and ignores others', async () => {
    const log = new RoomLog(new Room(100).fetch)
    await log.open()
    log.hear({ ...message(90), content: 'm90 edited' }, true)
    expect(log.get(id(90))?.content).toBe('m90 edited')
    log.hear({ ...message(2), content: 'old' }, true)
    log.hear({ ...message(500), content: 'future' }, true)
    expect(numbers(log).length).toBe(60)
    expect(log.newest?.messageId).toBe(id(99))
  })

  it('does not let an older page undo a change', async () => {
    const room = new Room(10)
    const log = new RoomLog(room.fetch)
    await log.open()
    let open = (): void => {}
    room.gate = new Promise((r) => (open = r))
    const refreshing = log.refresh()
    log.hear({ ...message(9), content: 'm9 edited' }, true)
    open()
    await refreshing
    expect(log.get(id(9))?.content).toBe('m9 edited')
    // A page that was asked for later counts again.
    room.messages[9] = { ...message(9), content: 'm9 edited twice' }
    await log.refresh()
    expect(log.get(id(9))?.content).toBe('m9 edited twice')
  })

  it('closes a hole after a connection was lost', async () => {
    const room = new Room(50)
    const log = new RoomLog(room.fetch)
    await log.open()
    room.messages.push(...run(50, 120).map((n) => message(n)))
    await log.refresh()
    expect(numbers(log)).toEqual(run(0, 120))
  })

  it('goes to the newest after a long absence if the reader was there', async () => {
    const room = new Room(50)
    const log = new RoomLog(room.fetch)
    await log.open()
    room.messages.push(...run(50, 400).map((n) => message(n)))
    await log.refresh()
    expect(numbers(log)).toEqual(run(300, 400))
    expect(log.hasOlder).toBe(true)
  })

  it('leaves a reader of the past where they are', async () => {
    const room = new Room(50)
    const log = new RoomLog(room.fetch)
    await log.open()
    log.following = false
    room.messages.push(...run(50, 400).map((n) => message(n)))
    await log.refresh()
    expect(numbers(log)).toEqual(run(0, 50))
    expect(log.hasNewer).toBe(true)
    while (log.hasNewer) await log.loadNewer()
    expect(numbers(log)).toEqual(run(0, 400))
  })

  it('holds a bounded part of a long history', async () => {
    const log = new RoomLog(new Room(8000).fetch)
    await log.open()
    let most = 0
    while (log.hasOlder) {
      await log.loadOlder()
      most = Math.max(most, log.messages.length)
      const n = numbers(log)
      expect(n).toEqual(run(n[0]!, n[0]! + n.length))
    }
    expect(most).toBeLessThanOrEqual(3100)
    expect(numbers(log)[0]).toBe(0)
    expect(log.hasNewer).toBe(true)
    while (log.hasNewer) await log.loadNewer()
    expect(numbers(log).at(-1)).toBe(7999)
    expect(log.messages.length).toBeLessThanOrEqual(3100)
  })

  it('resumes from a message ten seconds before the newest, or the newest if it is quiet', async () => {
    let now = t0
    const log = new RoomLog(new Room(100).fetch, undefined, undefined, () => now)
    expect(log.resume()).toBeUndefined()
    await log.open()
    expect(log.resume()).toBe(id(89))
    now += 10_000
    expect(log.resume()).toBe(id(99))
    log.hear(message(100))
    expect(log.resume()).toBe(id(90))
    const short = new RoomLog(new Room(3).fetch, undefined, undefined, () => now)
    await short.open()
    expect(short.resume()).toBe(id(0))
  })

  it('tells a failure, and is not spoiled by a late answer', async () => {
    const log = new RoomLog(() => Promise.reject(new ApiError(0, 'no')))
    await expect(log.open()).rejects.toBeInstanceOf(ApiError)
    expect(log.status).toBe('failed')

    const room = new Room(100)
    const late = new RoomLog(room.fetch)
    await late.open()
    let open = (): void => {}
    room.gate = new Promise((r) => (open = r))
    const loading = late.loadOlder()
    late.clear()
    open()
    await loading
    expect(late.messages).toEqual([])
  })
})

describe('what was changed while nobody listened', () => {
  const edited = (n: number): Message => ({ ...message(n), content: `edited ${n}` })

  it('is fetched for all that is loaded, page after page, from before the break on', async () => {
    const room = new Room(300)
    const asked: string[] = []
    const pages = [[edited(5), edited(120)], [], [edited(299)]]
    const log = new RoomLog(room.fetch, (after) => {
      asked.push(after)
      const changes = (pages.shift() ?? []).map((m) => ({ changeId: id(400 + asked.length), kind: 'edit' as const, message: m }))
      return Promise.resolve({ changes, hasMore: pages.length > 0, next: id(500 + asked.length) })
    })
    await log.open()
    while (log.hasOlder) await log.loadOlder()
    log.reached(id(350))
    log.resume()
    // Heard before the changes are fetched: it does not hide what was missed.
    log.reached(id(390))
    await log.catchUp()
    expect(asked).toEqual([idBefore(timeOf(id(350)) - 10_000), id(501), id(502)])
    expect([5, 120, 299, 6].map((n) => log.get(id(n))?.content)).toEqual(['edited 5', 'edited 120', 'edited 299', 'm6'])
    // Nothing is missing any more.
    await log.catchUp()
    expect(asked).toHaveLength(3)
  })

  it('is asked for again from there when fetching it failed', async () => {
    const asked: string[] = []
    let fails = true
    const log = new RoomLog(new Room(10).fetch, (after) => {
      asked.push(after)
      return fails ? Promise.reject(new ApiError(0, 'no')) : Promise.resolve({ changes: [], hasMore: false })
    })
    await log.open()
    log.resume()
    await expect(log.catchUp()).rejects.toThrow('no')
    log.reached(id(500))
    log.resume()
    fails = false
    await log.catchUp()
    expect(asked).toHaveLength(2)
    expect(asked[1]).toBe(asked[0])
  })

  it('does not undo what was heard later, and brings no message that is not loaded', async () => {
    const room = new Room(100)
    let answer = (_: { changes: { changeId: string; kind: 'edit'; message: Message }[]; hasMore: boolean }): void => {}
    const log = new RoomLog(room.fetch, () => new Promise((resolve) => (answer = resolve)))
    await log.open()
    log.resume()
    const catching = log.catchUp()
    log.hear({ ...message(99), content: 'newer' }, true)
    answer({ changes: [edited(99), edited(3)].map((m) => ({ changeId: id(200), kind: 'edit', message: m })), hasMore: false })
    await catching
    expect(log.get(id(99))?.content).toBe('newer')
    expect(log.get(id(3))).toBeUndefined()
    expect(numbers(log)[0]).toBe(40)
  })

  it('is fetched by looks, each from where the one before has ended, and not lost when one fails halfway', async () => {
    const asked: string[] = []
    let fails = false
    let now = t0
    const room = new Room(100)
    const log = new RoomLog(room.fetch, (after) => {
      asked.push(after)
      return fails ? Promise.reject(new ApiError(0, 'no')) : Promise.resolve({ changes: [], hasMore: false })
    }, undefined, () => now)
    await log.open()
    room.messages.push(message(200))
    await log.look()
    expect(log.newest?.content).toBe('m200')
    room.messages.push(message(300))
    await log.look()
    expect(asked).toEqual([id(89), id(190)])
    fails = true
    room.messages.push(message(400))
    await expect(log.look()).rejects.toThrow('no')
    now += 60_000
    // The connection is back: what was changed before message 400 is asked for too.
    expect([log.newest?.content, log.resume()]).toEqual(['m400', id(290)])
  })

  it('is not fetched when it was replayed, or when everything is read anew', async () => {
    let asked = 0
    const log = new RoomLog(new Room(10).fetch, () => (asked++, Promise.resolve({ changes: [], hasMore: false })))
    await log.catchUp()
    await log.open()
    log.resume()
    log.caughtUp()
    await log.catchUp()
    log.resume()
    await log.open()
    await log.catchUp()
    expect(asked).toBe(0)
  })
})
