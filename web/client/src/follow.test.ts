import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from './errors.js'
import { followRoom, type FollowOptions, type Following } from './follow.js'
import type { Listener, Realtime } from './realtime.js'
import type { ChatApi } from './rest.js'
import { compareIds, idBefore } from './timeuuid.js'
import type { Change, Message } from './types.js'

const at = (seconds: number): string => idBefore(Date.UTC(2026, 0, 1, 0, 0, seconds))
const message = (seconds: number): Message => ({
  messageId: at(seconds),
  author: { login: 'ann', firstname: 'Ann', lastname: 'Archer' },
  content: `at ${seconds}`,
  systemMessage: false,
  creationDate: '',
})

/** A room of a server; pages are two long. */
class Server {
  messages: Message[] = []
  changes: Change[] = []
  /** What the next calls reject with. */
  faults: ApiError[] = []
  listeners = new Map<string, Listener>()
  calls = 0

  readonly api = {
    currentUser: () => Promise.resolve({ login: 'bob' }),
    messages: (_: string, query: { after?: string }) => {
      if (query.after === undefined) return Promise.resolve({ messages: this.messages.slice(-1), hasMore: true })
      return this.page(this.messages, (m) => m.messageId, query.after).then(({ rows, hasMore }) => ({ messages: rows, hasMore }))
    },
    changes: (_: string, after: string) =>
      this.page(this.changes, (c) => c.changeId, after).then(({ rows, hasMore }) => ({ changes: rows, hasMore })),
  } as unknown as ChatApi

  readonly realtime = {
    subscribe: (topic: string, listener: Listener) => {
      this.listeners.set(topic, listener)
      return () => this.listeners.delete(topic)
    },
  } as unknown as Realtime

  get room(): Listener {
    return this.listeners.get('/topic/messages/a')!
  }

  publish(m: Message, change?: string): void {
    const headers = change === undefined ? { 'message-id': m.messageId } : { 'message-id': change, change: 'edit' }
    this.room.onMessage({ headers: headers as unknown as Record<string, string>, body: JSON.stringify(m) })
  }

  private page<T>(rows: T[], id: (row: T) => string, after: string): Promise<{ rows: T[]; hasMore: boolean }> {
    this.calls++
    const fault = this.faults.shift()
    if (fault) return Promise.reject(fault)
    const rest = rows.filter((r) => compareIds(id(r), after) > 0)
    return Promise.resolve({ rows: rest.slice(0, 2), hasMore: rest.length > 2 })
  }
}

let server: Server
let got: string[]
let ended: number[]
const started: Following[] = []

async function follow(options: Partial<FollowOptions> = {}, live = true): Promise<Following> {
  const following = await followRoom(server.api, live ? server.realtime : null, 'a', {
    onEvent: (e) => got.push(e.type === 'message' ? e.message.content : `${e.kind} ${e.message.content}`),
    onEnd: (error) => ended.push(error.status),
    ...options,
  })
  started.push(following)
  return following
}

beforeEach(() => {
  vi.useFakeTimers()
  server = new Server()
  got = []
  ended = []
})
afterEach(() => {
  for (const f of started.splice(0)) f.stop()
  vi.useRealTimers()
})
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

describe('following a room', () => {
  it('begins with nothing of what is there, and takes each event once', async () => {
    server.messages = [message(1), message(2)]
    server.changes = [{ changeId: at(3), kind: 'edit', message: message(1) }]
    const following = await follow()
    expect(following.position).toBe(at(3))
    expect(server.room.after?.()).toBe(at(3))
    server.publish(message(4))
    server.publish(message(4))
    server.publish(message(2), at(5))
    server.publish(message(2), at(5))
    expect(got).toEqual(['at 4', 'edit at 2'])
    expect(following.position).toBe(at(5))
  })

  it('resumes ten seconds before the newest, but never before its beginning', async () => {
    await follow({ after: at(1) })
    server.publish(message(5))
    expect(server.room.after?.()).toBe(at(1))
    server.publish(message(30))
    expect(server.room.after?.()).toBe(at(20))
    server.publish(message(29)) // of another server, late
    expect(server.room.after?.()).toBe(at(20))
    expect(got).toEqual(['at 5', 'at 30', 'at 29'])
  })

  it('reads by REST what the server does not replay, before what comes meanwhile', async () => {
    const following = await follow({ after: at(1) })
    server.publish(message(2))
    server.messages = [2, 3, 4, 5, 6, 7].map(message)
    server.changes = [8, 9, 10].map((s) => ({ changeId: at(s), kind: 'edit', message: message(3) }))
    server.faults = [new ApiError(503, 'away', [], 1)]
    server.room.onReady?.(false, false)
    server.publish(message(7))
    server.publish(message(11))
    await settle()
    // While anything may be missing the position stays.
    expect(following.position).toBe(at(2))
    await vi.advanceTimersByTimeAsync(1000)
    expect(got).toEqual(['at 2', 'at 3', 'at 4', 'at 5', 'at 6', 'at 7', 'edit at 3', 'edit at 3', 'edit at 3', 'at 11'])
    expect(following.position).toBe(at(11))
  })

  it('goes on where a failed read stopped', async () => {
    await follow({ after: at(1) })
    server.messages = [2, 3, 4, 5].map(message)
    const { api } = server
    const read = api.messages.bind(api)
    const asked: (string | undefined)[] = []
    api.messages = (room, query) => {
      asked.push(query?.after)
      return asked.length === 2 ? Promise.reject(new ApiError(0, 'cut')) : read(room, query)
    }
    server.room.onReady?.(false, false)
    await vi.advanceTimersByTimeAsync(1000)
    expect(got).toEqual(['at 2', 'at 3', 'at 4', 'at 5'])
    expect(asked).toEqual([at(1), at(3), at(3)])
  })

  it('ends when the room does, when the user leaves it, and when it may not be read', async () => {
    await follow({ after: at(1) })
    server.listeners.get('/topic/participants/a')!.onMessage({ headers: { status: 'LEAVE' }, body: JSON.stringify({ login: 'carl' }) })
    expect(ended).toEqual([])
    server.listeners.get('/topic/participants/a')!.onMessage({ headers: { status: 'LEAVE' }, body: JSON.stringify({ login: 'bob' }) })
    expect(ended).toEqual([403])
    expect(server.listeners.size).toBe(0)
    await follow({ after: at(1) })
    server.listeners.get('/topic/action/a')!.onMessage({ headers: { action: 'DELETE' }, body: '' })
    await follow({ after: at(1) })
    server.room.onRefused?.('not a participant')
    await follow({ after: at(1) })
    server.faults = [new ApiError(404, 'no such room')]
    server.room.onReady?.(false, true)
    await settle()
    expect(ended).toEqual([403, 404, 403, 404])
  })

  it('delivers nothing more once it is stopped', async () => {
    const following = await follow({ after: at(1) })
    const { room } = server
    server.messages = [message(2)]
    room.onReady?.(false, true)
    following.stop()
    room.onMessage({ headers: {}, body: JSON.stringify(message(3)) })
    await settle()
    expect(got).toEqual([])
    expect(ended).toEqual([])
    expect(following.position).toBe(at(1))
  })

  it('asks every few seconds where there is no real time', async () => {
    server.messages = [message(1)]
    await follow({ every: 1000 }, false)
    await settle()
    server.messages.push(message(2), message(3), message(4))
    server.changes = [{ changeId: at(5), kind: 'react', message: message(1) }]
    await vi.advanceTimersByTimeAsync(1000)
    await vi.advanceTimersByTimeAsync(1000)
    expect(got).toEqual(['at 2', 'at 3', 'at 4', 'react at 1'])
    server.faults = [new ApiError(403, 'removed')]
    await vi.advanceTimersByTimeAsync(1000)
    expect(ended).toEqual([403])
    const { calls } = server
    await vi.advanceTimersByTimeAsync(5000)
    expect(server.calls).toBe(calls)
  })
})
