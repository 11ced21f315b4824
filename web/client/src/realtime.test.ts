import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoff } from './backoff.js'
import { Realtime, type ConnectionState } from './realtime.js'

/** A socket whose other end is the test. */
class FakeSocket {
  static all: FakeSocket[] = []
  readyState = 0
  protocol = 'v12.stomp'
  binaryType = 'blob'
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: object) => void) | null = null
  onerror: ((event: object) => void) | null = null
  sent: string[] = []

  constructor() {
    FakeSocket.all.push(this)
  }

  send(data: string): void {
    this.sent.push(data)
  }

  close(): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.onclose?.({ code: 1000, reason: '' })
  }

  connect(): void {
    this.readyState = 1
    this.onopen?.()
    this.frame('CONNECTED', { version: '1.2', 'heart-beat': '0,0' })
  }

  frame(command: string, headers: Record<string, string>, body = ''): void {
    const lines = Object.entries(headers).map(([k, v]) => `${k}:${v}\n`)
    this.onmessage?.({ data: `${command}\n${lines.join('')}\n${body}\0` })
  }

  /** The headers of the frames of one kind that came. */
  frames(command: string): Record<string, string>[] {
    return this.sent
      .filter((f) => f.startsWith(command + '\n'))
      .map((f) => Object.fromEntries(f.split('\n\n')[0]!.split('\n').slice(1).map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1)])))
  }
}

function start(onLost?: () => Promise<boolean>): { realtime: Realtime; states: ConnectionState[] } {
  const states: ConnectionState[] = []
  const realtime = new Realtime({
    server: 'http://test/',
    socket: () => new FakeSocket() as unknown as WebSocket,
    backoff: new Backoff(1000, 8000, () => 0),
    onState: (s) => states.push(s),
    ...(onLost ? { onLost } : {}),
  })
  realtime.open()
  return { realtime, states }
}

const socket = (): FakeSocket => FakeSocket.all.at(-1)!

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.all = []
  // The STOMP library starts a socket in a microtask.
})
afterEach(() => vi.useRealTimers())

const settle = async (): Promise<void> => {
  await vi.advanceTimersByTimeAsync(0)
}

describe('the real-time client', () => {
  it('subscribes once connected, and gives what it hears', async () => {
    const { realtime, states } = start()
    const heard: string[] = []
    const ready: (boolean | null)[] = []
    realtime.subscribe('/topic/messages/a', { onMessage: (h) => heard.push(h.body), onReady: (r) => ready.push(r) })
    await settle()
    socket().connect()
    const [sub] = socket().frames('SUBSCRIBE')
    expect(sub).toMatchObject({ destination: '/topic/messages/a' })
    expect(sub).not.toHaveProperty('after')
    socket().frame('RECEIPT', { 'receipt-id': sub!['receipt']! })
    socket().frame('MESSAGE', { subscription: sub!['id']!, 'message-id': '1', destination: '/topic/messages/a' }, 'hello')
    expect(heard).toEqual(['hello'])
    expect(ready).toEqual([null])
    expect(states).toEqual(['connecting', 'open'])
  })

  it('comes back with longer and longer waits and resumes from where it is then', async () => {
    const { realtime, states } = start()
    let last: string | undefined
    const ready: [boolean | null, boolean][] = []
    realtime.subscribe('/topic/messages/a', { onMessage: () => {}, after: () => last, onReady: (...r) => ready.push(r) })
    await settle()
    socket().connect()
    socket().frame('RECEIPT', { 'receipt-id': socket().frames('SUBSCRIBE')[0]!['receipt']! })
    last = 'id-7'
    socket().close()
    await settle()
    expect(states.at(-1)).toBe('waiting')
    await vi.advanceTimersByTimeAsync(999)
    expect(FakeSocket.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(FakeSocket.all).toHaveLength(2)
    socket().close()
    await vi.advanceTimersByTimeAsync(1999)
    expect(FakeSocket.all).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    socket().connect()
    const [sub] = socket().frames('SUBSCRIBE')
    expect(sub).toMatchObject({ after: 'id-7' })
    socket().frame('RECEIPT', { 'receipt-id': sub!['receipt']!, recovered: 'false' })
    expect(ready).toEqual([[null, true], [false, false]])
  })

  it('drops a refused subscription and comes back at once with the others', async () => {
    const { realtime } = start()
    const refused: string[] = []
    realtime.subscribe('/topic/presence/a', { onMessage: () => {}, onRefused: (why) => refused.push(why) })
    realtime.subscribe('/topic/messages/a', { onMessage: () => {} })
    await settle()
    socket().connect()
    const [first] = socket().frames('SUBSCRIBE')
    socket().frame('ERROR', { message: 'unknown destination', 'receipt-id': first!['receipt']! })
    socket().close()
    await settle()
    expect(refused).toEqual(['unknown destination'])
    expect(FakeSocket.all).toHaveLength(2)
    socket().connect()
    expect(socket().frames('SUBSCRIBE').map((f) => f['destination'])).toEqual(['/topic/messages/a'])
  })

  it('hears nothing of a topic it left', async () => {
    const { realtime } = start()
    const heard: string[] = []
    const stop = realtime.subscribe('/topic/messages/a', { onMessage: (h) => heard.push(h.body) })
    await settle()
    socket().connect()
    const [sub] = socket().frames('SUBSCRIBE')
    stop()
    socket().frame('MESSAGE', { subscription: sub!['id']!, 'message-id': '1' }, 'late')
    expect(socket().frames('UNSUBSCRIBE')).toMatchObject([{ id: sub!['id'] }])
    expect(heard).toEqual([])
  })

  it('takes what the server had queued before it confirms the end, where that is wanted', async () => {
    const { realtime } = start()
    const heard: string[] = []
    const stop = realtime.subscribe('/topic/messages/a', { late: true, onMessage: (h) => heard.push(h.body) })
    await settle()
    socket().connect()
    const id = socket().frames('SUBSCRIBE')[0]!['id']!
    stop()
    socket().frame('MESSAGE', { subscription: id, 'message-id': '1' }, 'queued before')
    const [end] = socket().frames('UNSUBSCRIBE')
    socket().frame('RECEIPT', { 'receipt-id': end!['receipt']! })
    socket().frame('MESSAGE', { subscription: id, 'message-id': '2' }, 'after the end')
    expect(heard).toEqual(['queued before'])
  })

  it('sends a listener’s own headers', async () => {
    const { realtime } = start()
    realtime.subscribe('/topic/me', { headers: { skip: 'open-rooms' }, onMessage: () => {} })
    await settle()
    socket().connect()
    expect(socket().frames('SUBSCRIBE')).toMatchObject([{ destination: '/topic/me', skip: 'open-rooms' }])
  })

  it('gives up when the session is over, and when it is closed', async () => {
    const { states } = start(() => Promise.resolve(false))
    await settle()
    socket().close()
    await settle()
    expect(states.at(-1)).toBe('closed')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('tries at once when told to', async () => {
    const { realtime } = start()
    await settle()
    socket().close()
    await settle()
    realtime.retryNow()
    await settle()
    expect(FakeSocket.all).toHaveLength(2)
    // Not while it is trying already.
    realtime.retryNow()
    await settle()
    expect(FakeSocket.all).toHaveLength(2)
  })
})

describe('a network that is said to be gone', () => {
  it('is left at once', async () => {
    const { realtime, states } = start()
    await settle()
    socket().connect()
    realtime.cut()
    await settle()
    expect(states.at(-1)).toBe('waiting')
    expect(socket().readyState).toBe(3)
    await vi.advanceTimersByTimeAsync(1000)
    expect(FakeSocket.all).toHaveLength(2)
  })
})

describe('waiting longer and longer', () => {
  it('doubles up to the most, shortened at random', () => {
    const full = new Backoff(100, 1000, () => 0)
    expect([1, 2, 3, 4, 5, 6].map(() => full.next())).toEqual([100, 200, 400, 800, 1000, 1000])
    full.reset()
    expect(full.next()).toBe(100)
    expect(new Backoff(100, 1000, () => 1).next()).toBe(50)
  })
})
