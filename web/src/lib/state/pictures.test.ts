import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Pictures } from './pictures.svelte'

describe('who has a picture', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('is asked once, for many together, and not of whom an answer spoke', async () => {
    const asked: string[][] = []
    const pictures = new Pictures((logins) => (asked.push(logins), Promise.resolve({ bob: 't1' })))
    pictures.learn(['alice', 'carol'], { alice: 't0' })
    for (const login of ['alice', 'bob', 'carol', 'dave', 'bob']) pictures.want(login)
    expect(pictures.tag('bob')).toBeUndefined()
    await vi.runAllTimersAsync()
    pictures.want('dave')
    await vi.runAllTimersAsync()
    expect(asked).toEqual([['bob', 'dave']])
    expect(['alice', 'bob', 'carol', 'dave'].map((l) => pictures.tag(l))).toEqual(['t0', 't1', null, null])
  })

  test('more than a hundred are asked in several requests', async () => {
    const sizes: number[] = []
    const pictures = new Pictures((logins) => (sizes.push(logins.length), Promise.resolve({})))
    for (let i = 0; i < 250; i++) pictures.want(`u${i}`)
    await vi.runAllTimersAsync()
    expect(sizes).toEqual([100, 100, 50])
  })

  test('is asked again after an error', async () => {
    let fails = true
    const pictures = new Pictures(() => (fails ? Promise.reject(new Error('no line')) : Promise.resolve({ bob: 't' })))
    pictures.want('bob')
    await vi.runAllTimersAsync()
    fails = false
    pictures.want('bob')
    await vi.runAllTimersAsync()
    expect(pictures.tag('bob')).toBe('t')
  })
})
