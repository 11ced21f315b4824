import { afterEach, beforeEach, expect, describe, it, vi } from 'vitest'
import { Backoff } from '@confab/client'
import { Again, reached } from './again'
import { Looking } from './looking.svelte'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const steady = (): Backoff => new Backoff(10_000, 60_000, () => 0)
const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

describe('looking for what is new without a live connection', () => {
  it('is done now and then until there is one, more seldom while nothing answers', async () => {
    let [looks, answers] = [0, true]
    const looking = new Looking(() => (looks++, answers ? Promise.resolve() : Promise.reject(new Error('away'))), steady())
    looking.follow('connecting')
    expect(looking.works).toBe(false)
    looking.follow('waiting')
    await pass(30_000)
    expect([looks, looking.works]).toEqual([3, true])
    answers = false
    await pass(10_000)
    expect([looks, looking.works]).toEqual([4, false])
    await pass(59_000)
    expect(looks).toBe(5)
    looking.follow('open')
    await pass(600_000)
    expect([looks, looking.works]).toEqual([5, false])
  })

  it('is one look at a time, and one more if something else is shown meanwhile', async () => {
    let looks = 0
    const ends: (() => void)[] = []
    const looking = new Looking(() => (looks++, new Promise((resolve) => ends.push(resolve))), steady())
    looking.follow('waiting')
    looking.soon()
    await pass(100_000)
    expect(looks).toBe(1)
    ends.pop()?.()
    await pass(10_000)
    expect(looks).toBe(2)
    looking.soon()
    looking.follow('open')
    looking.follow('waiting')
    await pass(100_000)
    expect(looks).toBe(2)
    ends.pop()?.()
    await pass(10_000)
    looking.soon()
    expect(looks).toBe(3)
    ends.pop()?.()
    await pass(0)
    looking.soon()
    looking.soon()
    ends.pop()?.()
    await pass(0)
    expect(looks).toBe(5)
    looking.follow('closed')
  })

  it('waits while the page is hidden', async () => {
    let seen = (): void => {}
    const page = { visibilityState: 'hidden', addEventListener: (_: string, f: () => void) => void (seen = f), removeEventListener: () => {} }
    vi.stubGlobal('document', page)
    let looks = 0
    const looking = new Looking(async () => void looks++, steady())
    looking.follow('waiting')
    await pass(100_000)
    expect(looks).toBe(0)
    page.visibilityState = 'visible'
    seen()
    seen()
    await pass(0)
    expect(looks).toBe(1)
    await pass(10_000)
    expect(looks).toBe(2)
    looking.follow('closed')
  })
})

describe('what failed to load', () => {
  it('is loaded again when the server is reached, after pauses that grow, and not when it is done', async () => {
    let loads = 0
    const again: Again = new Again(() => (loads++, again.later()), new Backoff(1000, 4000, () => 0))
    reached()
    expect(loads).toBe(0)
    again.later()
    await pass(3000)
    expect(loads).toBe(2)
    reached()
    expect(loads).toBe(3)
    again.done()
    reached()
    await pass(100_000)
    expect(loads).toBe(3)
  })

  it('is loaded when a look was answered, or the connection is open', async () => {
    let loads = 0
    const again = new Again(() => void loads++)
    const looking = new Looking(() => Promise.resolve(), new Backoff(10, 10))
    again.later()
    looking.follow('waiting')
    await pass(10)
    expect(loads).toBe(1)
    again.later()
    looking.follow('open')
    expect(loads).toBe(2)
  })
})
