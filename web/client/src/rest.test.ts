import { describe, expect, it, vi } from 'vitest'
import { ApiError } from './errors.js'
import { ChatApi } from './rest.js'

interface Asked {
  url: string
  method: string
  headers: Record<string, string>
  body: unknown
}

function api(answer: (asked: Asked) => Response): { api: ChatApi; asked: Asked[]; over: ReturnType<typeof vi.fn> } {
  const asked: Asked[] = []
  const over = vi.fn()
  const made = new ChatApi({
    onUnauthenticated: over,
    fetch: (url, init) => {
      const a: Asked = {
        url: String(url),
        method: init?.method ?? 'GET',
        headers: init?.headers as Record<string, string>,
        body: typeof init?.body === 'string' ? (JSON.parse(init.body) as unknown) : init?.body,
      }
      asked.push(a)
      return Promise.resolve(answer(a))
    },
  })
  return { api: made, asked, over }
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })

describe('the REST client', () => {
  it('escapes names in paths and leaves out what is not asked for', async () => {
    const { api: a, asked } = api(() => json({ messages: [], hasMore: false }))
    await a.messages('a/b?c', { before: 'x', fetchSize: 5 })
    await a.rooms(undefined, 10)
    expect(asked.map((x) => x.url)).toEqual(['/api/chat/v1/messages/a%2Fb%3Fc?before=x&fetchSize=5', '/api/chat/v1/rooms?fetchSize=10'])
  })

  it('waits no longer for an answer than it was told', async () => {
    vi.useFakeTimers()
    const silent: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))))
    const a = new ChatApi({ fetch: silent, timeout: 5000 })
    const failed = expect(a.room('Dallas')).rejects.toMatchObject({ status: 0, temporary: true })
    await vi.advanceTimersByTimeAsync(5000)
    await failed
    // Who gives up before hears of that, and nothing goes on.
    const abort = new AbortController()
    const given = expect(a.messages('Dallas', {}, abort.signal)).rejects.toThrow(DOMException)
    abort.abort()
    await given
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
    const quick = new ChatApi({ fetch: () => Promise.resolve(json({ roomName: 'Dallas' }, 200, { ETag: '"x"' })), timeout: 5000 })
    const room = await quick.room('Dallas')
    expect([room.roomName, quick.etag(room)]).toEqual(['Dallas', '"x"'])
  })

  it('sends each message with its key', async () => {
    const { api: a, asked } = api(() => json({ messageId: 'm' }, 201))
    await a.post('Dallas', 'hi', 'key-1')
    await a.post('Dallas', 'hi', 'key-2', 'm0')
    expect(asked[0]).toMatchObject({ method: 'POST', body: { content: 'hi' }, headers: { 'Idempotency-Key': 'key-1' } })
    expect(asked[1]?.body).toEqual({ content: 'hi', replyTo: 'm0' })
  })

  it('uploads a file as it is, with its name and its key, and reads those of a room', async () => {
    const { api: a, asked } = api(() => json({ id: '1', files: [], hasMore: false }))
    const file = new Blob(['x'], { type: 'text/html' })
    await a.uploadFile('tea room', file, 'a&b.html', 'k1')
    await a.files('tea room', 'm1', 20)
    expect(asked[0]).toMatchObject({
      url: '/api/chat/v1/rooms/tea%20room/files?name=a%26b.html',
      method: 'POST',
      body: file,
      headers: { 'Idempotency-Key': 'k1', 'Content-Type': 'application/octet-stream' },
    })
    expect(asked[1]?.url).toBe('/api/chat/v1/rooms/tea%20room/files?before=m1&limit=20')
  })

  it('never puts a password into an address', async () => {
    const { api: a, asked } = api(() => new Response(null, { status: 204 }))
    await a.logIn('ann', 'secret', true)
    expect(asked[0]?.url).not.toContain('secret')
    expect(asked[0]?.body).toEqual({ login: 'ann', password: 'secret', rememberMe: true })
  })

  it('takes a missing session for nobody, and tells of one that ended', async () => {
    const { api: a, over } = api(() => json({ message: 'Access Denied' }, 401))
    await expect(a.currentUser()).resolves.toBeNull()
    await expect(a.logIn('a', 'b', false)).rejects.toMatchObject({ status: 401 })
    expect(over).not.toHaveBeenCalled()
    await expect(a.room('x')).rejects.toBeInstanceOf(ApiError)
    expect(over).toHaveBeenCalledOnce()
  })

  it('gives the faults of fields', async () => {
    const fields = [{ field: 'login', message: 'may not be empty' }]
    const { api: a } = api(() => json({ title: 'Bad Request', message: 'invalid', fields: [...fields, { bad: 1 }, null] }, 400))
    const error = await a.room('x').catch((e: unknown) => e)
    expect(error).toMatchObject({ status: 400, message: 'invalid', fields, temporary: false })
  })

  it('makes sense of answers that are not the server’s', async () => {
    const { api: a } = api(() => new Response('<html>', { status: 502, statusText: 'Bad Gateway', headers: { 'Retry-After': '7' } }))
    await expect(a.room('x')).rejects.toMatchObject({ status: 502, message: 'Bad Gateway', temporary: true, retryAfter: 7 })
    const { api: b } = api(() => new Response('<html>', { status: 200 }))
    await expect(b.room('x')).rejects.toBeInstanceOf(ApiError)
  })

  it('waits and repeats what was too much', async () => {
    const waits: (number | undefined)[] = []
    const timer = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((f: () => void, ms?: number) => {
      waits.push(ms)
      queueMicrotask(f)
      return 0
    }) as unknown as typeof setTimeout)
    try {
      const slow = (seconds: string): Response => json({ code: 'rate_limited', message: 'too often' }, 429, { 'Retry-After': seconds })
      let answers = [slow('3'), slow('2'), json({ roomName: 'x' })]
      const { api: a } = api(() => answers.shift() as Response)
      await expect(a.room('x')).resolves.toMatchObject({ roomName: 'x' })
      expect(waits).toEqual([3000, 2000])

      answers = [slow('11'), slow('1'), slow('1'), slow('1')]
      await expect(a.room('x')).rejects.toMatchObject({ status: 429, code: 'rate_limited', retryAfter: 11 })
      await expect(a.post('x', 'y', 'key')).rejects.toMatchObject({ status: 429 })
      await expect(a.logIn('ann', 'x')).rejects.toMatchObject({ status: 429 })
      await expect(a.typing('x', true)).rejects.toMatchObject({ status: 429 })
      expect(waits).toHaveLength(2)

      answers = Array.from({ length: 20 }, () => slow('1'))
      await expect(a.room('x')).rejects.toMatchObject({ status: 429 })
      expect(answers).toHaveLength(9)
    } finally {
      timer.mockRestore()
    }
  })

  it('says when nobody answered', async () => {
    const a = new ChatApi({ fetch: () => Promise.reject(new TypeError('failed')) })
    await expect(a.room('x')).rejects.toMatchObject({ status: 0, unreachable: true, temporary: true })
  })

  it('knows a page that was kept from before', async () => {
    const { api: a } = api(() => json({ messages: [], hasMore: false }, 200, { 'X-Confab-Kept': '1' }))
    await expect(a.messages('x')).resolves.toMatchObject({ kept: true })
  })

  it('finds out which methods there are', async () => {
    const { api: a } = api((x) => (x.url.endsWith('typing') ? new Response(null, { status: 204, headers: { Allow: 'PUT, OPTIONS' } }) : json({}, 404)))
    await expect(a.methods('rooms/any/typing')).resolves.toEqual(new Set(['PUT', 'OPTIONS']))
    await expect(a.methods('rooms/any/other')).resolves.toEqual(new Set())
  })

  it('escapes emoji and sends pictures as they are', async () => {
    const { api: a, asked } = api(() => json({}))
    await a.react('r', 'id', '👍', true)
    await a.react('r', 'id', '👍', false)
    await a.putAvatar('ann', new Blob(['x'], { type: 'image/png' }))
    expect(asked[0]).toMatchObject({ method: 'PUT', url: '/api/chat/v1/messages/r/id/reactions/%F0%9F%91%8D' })
    expect(asked[1]?.method).toBe('DELETE')
    expect(asked[2]?.headers['Content-Type']).toBe('image/png')
  })
})
