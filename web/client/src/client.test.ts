import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoff, ChatApi, CookieJar, newer, newKey, older, allChanges, allRooms, onPresence, onUser, postSafely, Realtime, type Listener, type UserEvent } from './index.js'

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response => new Response(JSON.stringify(body), { status, headers })

function answering(...answers: (Response | Error)[]): { api: ChatApi; asked: { url: string; init: RequestInit }[] } {
  const asked: { url: string; init: RequestInit }[] = []
  const api = new ChatApi({
    server: 'https://chat.example.org/',
    token: 'secret',
    fetch: (url, init = {}) => {
      asked.push({ url: String(url), init })
      const next = answers.shift() ?? new Error('nothing left')
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
    },
  })
  return { api, asked }
}

const urls = (asked: { url: string }[]): string[] => asked.map((a) => a.url.replace('https://chat.example.org/api/chat/v1/', ''))

describe('a token', () => {
  it('goes into the header and brings no cookie along', async () => {
    const { api, asked } = answering(json({}))
    await api.room('a')
    expect(asked[0]?.url).toBe('https://chat.example.org/api/chat/v1/rooms/a')
    expect(asked[0]?.init).toMatchObject({ credentials: 'omit', headers: { Authorization: 'Bearer secret' } })
  })

  it('is handed to the maker of a WebSocket, and never put into an address', async () => {
    const made: unknown[][] = []
    const realtime = new Realtime({
      server: 'https://chat.example.org',
      token: 'secret',
      socket: (...args) => {
        made.push(args)
        return { url: '', readyState: 0, onopen: null, onmessage: null, onclose: null, onerror: null, send: () => {}, close: () => {} }
      },
    })
    realtime.open()
    await vi.waitUntil(() => made.length > 0)
    realtime.close()
    expect(made[0]).toEqual(['wss://chat.example.org/api/chat/v1/stomp', ['v12.stomp', 'v11.stomp'], { Authorization: 'Bearer secret' }])
    expect(() => new Realtime({ token: 'secret' })).toThrow('sends no token')
  })
})

describe('errors and conditions', () => {
  it('have the server’s code', async () => {
    const { api } = answering(json({ message: 'no', code: 'insufficient_scope' }, 403), json({ message: 'no' }, 403))
    await expect(api.room('a')).rejects.toMatchObject({ status: 403, code: 'insufficient_scope' })
    await expect(api.room('a')).rejects.toMatchObject({ code: null })
  })

  it('a change only of what was read', async () => {
    const { api, asked } = answering(json({ roomName: 'a' }, 200, { ETag: '"1"' }), json({ code: 'stale' }, 412))
    const room = await api.room('a')
    expect(api.etag(room)).toBe('"1"')
    await expect(api.changeBanner('a', 'x', { ifMatch: api.etag(room) })).rejects.toMatchObject({ status: 412 })
    expect(asked[1]?.init.headers).toMatchObject({ 'If-Match': '"1"' })
  })
})

describe('pages', () => {
  const page = (ids: string[], hasMore: boolean): Response => json({ messages: ids.map((messageId) => ({ messageId })), hasMore })
  const all = async (rows: AsyncIterable<{ messageId: string }>): Promise<string[]> => {
    const out: string[] = []
    for await (const row of rows) out.push(row.messageId)
    return out
  }

  it('go back, newest first', async () => {
    const { api, asked } = answering(page(['3', '4'], true), page(['1', '2'], false))
    expect(await all(older(api, 'a'))).toEqual(['4', '3', '2', '1'])
    expect(urls(asked)).toEqual(['messages/a?fetchSize=200', 'messages/a?before=3&fetchSize=200'])
  })

  it('go on, oldest first', async () => {
    const { api, asked } = answering(page(['3', '4'], true), page([], false))
    expect(await all(newer(api, 'a', '2'))).toEqual(['3', '4'])
    expect(urls(asked)).toEqual(['messages/a?after=2&fetchSize=200', 'messages/a?after=4&fetchSize=200'])
  })

  it('are asked for only while they are wanted', async () => {
    const { api, asked } = answering(page(['3', '4'], true))
    for await (const m of older(api, 'a')) if (m.messageId === '3') break
    expect(asked).toHaveLength(1)
  })

  it('of changes may be empty and go on', async () => {
    const { api, asked } = answering(json({ changes: [], hasMore: true, next: 'n' }), json({ changes: [{ changeId: 'c' }], hasMore: false }))
    const out: string[] = []
    for await (const c of allChanges(api, 'a', 'm')) out.push(c.changeId)
    expect(out).toEqual(['c'])
    expect(urls(asked)).toEqual(['messages/a/changes?after=m&fetchSize=200', 'messages/a/changes?after=n&fetchSize=200'])
  })

  it('of rooms go by name', async () => {
    const { api, asked } = answering(json({ rooms: [{ roomName: 'a' }], hasMore: true }), json({ rooms: [{ roomName: 'b' }], hasMore: false }))
    const out: string[] = []
    for await (const r of allRooms(api)) out.push(r.roomName)
    expect(out).toEqual(['a', 'b'])
    expect(urls(asked)).toEqual(['rooms?fetchSize=100', 'rooms?after=a&fetchSize=100'])
  })
})

describe('posting until there is an answer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())
  const backoff = (): Backoff => new Backoff(1000, 8000, () => 0)

  it('sends the same key each time, and waits as the server says', async () => {
    const { api, asked } = answering(new TypeError('cut'), json({}, 503, { 'Retry-After': '7' }), json({ messageId: 'm' }, 201))
    const posted = postSafely(api, 'a', 'hi', { backoff: backoff() })
    await vi.advanceTimersByTimeAsync(1000)
    expect(asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(6999)
    expect(asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    await expect(posted).resolves.toEqual({ messageId: 'm' })
    const keys = asked.map((a) => (a.init.headers as Record<string, string>)['Idempotency-Key'])
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(newKey()).not.toBe(keys[0])
  })

  it('gives up what was refused, what failed often enough, and what is not wanted any more', async () => {
    const refused = answering(json({}, 422))
    await expect(postSafely(refused.api, 'a', '', { key: 'k' })).rejects.toMatchObject({ status: 422 })
    const away = answering(json({}, 503), json({}, 502))
    const failing = postSafely(away.api, 'a', 'hi', { tries: 2, backoff: backoff() }).catch((e: unknown) => e)
    await vi.advanceTimersByTimeAsync(1000)
    expect(await failing).toMatchObject({ status: 502 })
    const ending = new AbortController()
    const waiting = postSafely(answering(json({}, 503)).api, 'a', 'hi', { signal: ending.signal }).catch((e: unknown) => e)
    await vi.advanceTimersByTimeAsync(0)
    ending.abort()
    expect(await waiting).toMatchObject({ name: 'AbortError' })
  })
})

describe('a cookie jar', () => {
  it('sends what it was given, until that is deleted', async () => {
    const jar = new CookieJar()
    const sent: (string | null)[] = []
    const answers = [['a=1; Path=/; HttpOnly', 'b=x=y; Max-Age=60'], ['a=; Max-Age=0'], []]
    const real = globalThis.fetch
    globalThis.fetch = (_, init) => {
      sent.push(new Headers(init?.headers).get('Cookie'))
      return Promise.resolve(new Response(null, { headers: (answers.shift() ?? []).map((c) => ['Set-Cookie', c] as [string, string]) }))
    }
    try {
      for (let i = 0; i < 3; i++) await jar.fetch('http://x/', { headers: { Accept: 'text/plain' } })
    } finally {
      globalThis.fetch = real
    }
    expect(sent).toEqual([null, 'a=1; b=x=y', 'b=x=y'])
    expect(jar.headers()).toEqual({ Cookie: 'b=x=y' })
  })
})

describe('topics', () => {
  it('give typed events', () => {
    const listeners: [string, Listener][] = []
    const realtime = { subscribe: (...args: [string, Listener]) => (listeners.push(args), () => {}) } as unknown as Realtime
    const got: unknown[] = []
    onUser(realtime, (e: UserEvent) => got.push(e), { headers: { skip: 'open-rooms' } })
    onPresence(realtime, 'a', (...args) => got.push(args))
    expect(listeners[0]).toMatchObject(['/topic/me', { headers: { skip: 'open-rooms' } }])
    listeners[0]![1].onMessage({ headers: { event: 'change', change: 'edit' }, body: '{"roomName":"a","message":{}}' })
    listeners[1]![1].onMessage({ headers: {}, body: '{"login":"ann","status":"online"}' })
    expect(got).toEqual([{ event: 'change', kind: 'edit', roomName: 'a', message: {} }, ['ann', true]])
  })
})
