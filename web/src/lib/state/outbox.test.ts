import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, Backoff, idBefore, type Message } from '@confab/client'
import { Outbox, type Outgoing, type Shelf } from './outbox.svelte'

class MemoryShelf implements Shelf {
  private readonly map = new Map<string, string>()
  get length(): number {
    return this.map.size
  }
  key(i: number): string | null {
    return [...this.map.keys()][i] ?? null
  }
  getItem(k: string): string | null {
    return this.map.get(k) ?? null
  }
  setItem(k: string, v: string): void {
    this.map.set(k, v)
  }
  removeItem(k: string): void {
    this.map.delete(k)
  }
}

const messageOf = (o: Outgoing): Message => ({
  messageId: idBefore(o.at),
  author: { login: 'ann', firstname: 'Ann', lastname: 'A' },
  content: o.content,
  systemMessage: false,
  creationDate: '',
})

type Answer = ApiError | 'ok' | 'silence'

function make(answers: Answer[], shelf: Shelf | null = new MemoryShelf()): { box: Outbox; posted: string[]; sent: string[]; shelf: Shelf | null } {
  const posted: string[] = []
  const sent: string[] = []
  let keys = 0
  const box = new Outbox(
    'ann',
    {
      post: (o, signal) => {
        posted.push(`${o.key} ${o.content}`)
        const answer = answers.shift() ?? 'ok'
        if (answer === 'silence') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError'))))
        return answer === 'ok' ? Promise.resolve(messageOf(o)) : Promise.reject(answer)
      },
      sent: (o) => sent.push(o.content),
    },
    shelf,
    new Backoff(1000, 8000, () => 0),
    () => `k${++keys}`,
  )
  return { box, posted, sent, shelf }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})
const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)
const lost = new ApiError(0, 'lost')

describe('what is on its way out', () => {
  it('goes one after the other', async () => {
    const { box, posted, sent } = make([])
    box.add('r', 'one', null)
    box.add('r', 'two', null)
    expect(posted).toEqual(['k1 one'])
    await settle()
    expect(sent).toEqual(['one', 'two'])
    expect(box.items).toEqual([])
  })

  it('is tried again with the same key, in its order', async () => {
    const { box, posted, sent } = make([lost, lost])
    box.add('r', 'one', null)
    await settle()
    box.add('r', 'two', null)
    await settle()
    expect(box.items.map((i) => i.state)).toEqual(['queued', 'queued'])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(posted.filter((p) => p === 'k1 one').length).toBe(3)
    expect(sent).toEqual(['one', 'two'])
    expect(posted.at(-1)).toBe('k2 two')
  })

  it('goes at once when the connection is back', async () => {
    const { box, sent } = make([lost])
    box.add('r', 'one', null)
    await settle()
    expect(sent).toEqual([])
    box.flush(true)
    await settle()
    expect(sent).toEqual(['one'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits as long as the server says', async () => {
    const { box, sent } = make([new ApiError(429, 'slow', [], 5)])
    box.add('r', 'one', null)
    await vi.advanceTimersByTimeAsync(4999)
    expect(sent).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(sent).toEqual(['one'])
  })

  it('shows what was refused, and does not hold up the rest', async () => {
    const { box, sent } = make([new ApiError(403, 'no')])
    box.add('r', 'bad', null)
    box.add('r', 'good', null)
    await settle()
    expect(sent).toEqual(['good'])
    expect(box.items).toMatchObject([{ content: 'bad', state: 'failed', reason: { status: 403 } }])
    box.retry('k1')
    await settle()
    expect(sent).toEqual(['good', 'bad'])
  })

  it('can be given up', async () => {
    const { box, shelf } = make([new ApiError(400, 'no')])
    box.add('r', 'bad', null)
    await settle()
    expect(box.discard('k1')?.content).toBe('bad')
    expect(box.items).toEqual([])
    expect(shelf?.length).toBe(0)
  })

  it('survives a reload with its key', async () => {
    const first = make([lost])
    first.box.add('r', 'one', 'm0', { at: 5 })
    await settle()
    first.box.stop()
    const second = make([], first.shelf)
    expect(second.box.items).toMatchObject([{ key: 'k1', content: 'one', replyTo: 'm0', state: 'queued' }])
    second.box.flush()
    await settle()
    expect(second.posted).toEqual(['k1 one'])
    expect(first.shelf?.length).toBe(0)
  })

  it('stays for the next login when the session is over', async () => {
    const { box } = make([new ApiError(401, 'over')])
    box.add('r', 'one', null)
    await settle()
    expect(box.items).toMatchObject([{ state: 'queued' }])
  })

  it('does not mix rooms', async () => {
    const { box, sent } = make([lost])
    box.add('a', 'waits', null)
    box.add('b', 'goes', null)
    await settle()
    expect(sent).toEqual(['goes'])
    expect(box.of('a')).toHaveLength(1)
  })

  it('works without storage', async () => {
    const { box, sent } = make([], null)
    box.add('r', 'one', null)
    await settle()
    expect(sent).toEqual(['one'])
  })

  it('does not wait for ever on a line that is silent, and says soon that it takes long', async () => {
    const { box, posted, sent } = make(['silence', 'silence'])
    box.add('r', 'one', null)
    box.add('r', 'two', null)
    await vi.advanceTimersByTimeAsync(4100)
    expect(box.items).toMatchObject([{ state: 'sending', slow: true }, { state: 'queued', slow: true }])
    await vi.advanceTimersByTimeAsync(4000)
    expect(box.items).toMatchObject([{ state: 'queued' }, { state: 'queued' }])
    // The next try may take twice as long.
    await vi.advanceTimersByTimeAsync(1000 + 15_000)
    expect(posted).toEqual(['k1 one', 'k1 one'])
    expect(box.items).toMatchObject([{ state: 'sending' }, { state: 'queued' }])
    await vi.advanceTimersByTimeAsync(5000)
    expect(posted).toEqual(['k1 one', 'k1 one', 'k1 one', 'k2 two'])
    expect(sent).toEqual(['one', 'two'])
  })

  it('does not wait for an answer from before the line came back', async () => {
    const { box, posted, sent } = make(['silence'])
    box.add('r', 'one', null)
    await vi.advanceTimersByTimeAsync(3000)
    box.flush(true)
    await settle()
    expect(posted).toEqual(['k1 one', 'k1 one'])
    expect(sent).toEqual(['one'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('can be given up while it is under way, and the next one goes', async () => {
    const { box, sent } = make(['silence'])
    box.add('r', 'one', null)
    box.add('r', 'two', null)
    expect(box.discard('k1')?.content).toBe('one')
    await settle()
    expect(sent).toEqual(['two'])
    expect(box.items).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})
