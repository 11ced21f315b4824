import { describe, expect, it } from 'vitest'
import { compareIds, idBefore, isTimeId, timeOf } from './timeuuid.js'

describe('ids made of time', () => {
  it('knows version 1 from others', () => {
    expect(isTimeId('4e831610-cb0b-11e4-b939-0800200c9a66')).toBe(true)
    expect(isTimeId('4e831610-cb0b-41e4-b939-0800200c9a66')).toBe(false)
    expect(isTimeId('hello')).toBe(false)
  })

  it('orders by time, not by text', () => {
    const older = 'ffffffff-cb0b-11e4-8080-808080808080'
    const newer = '00000000-cb0c-11e4-8080-808080808080'
    expect(compareIds(older, newer)).toBeLessThan(0)
    expect(compareIds(newer, older)).toBeGreaterThan(0)
    expect(compareIds(older, older.toUpperCase())).toBe(0)
  })

  it('orders ids of one time by their low bytes as signed bytes', () => {
    const at = (low: string): string => `4e831610-cb0b-11e4-${low}`
    const sorted = ['8080-808080808080', '80ff-808080808080', '8000-808080808080', 'bf7f-7f7f7f7f7f7f', '0080-000000000000', '0000-000000000000', '007f-000000000000', '7f00-000000000000']
    const shuffled = [...sorted].reverse().map(at)
    expect(shuffled.sort(compareIds)).toEqual(sorted.map(at))
  })

  it('tells the time', () => {
    expect(new Date(timeOf('4e831610-cb0b-11e4-b939-0800200c9a66')).toISOString()).toBe('2015-03-15T12:03:35.025Z')
  })

  it('makes the position before all ids of a time', () => {
    const ms = Date.UTC(2015, 2, 15, 12, 3, 35, 25)
    const position = idBefore(ms)
    expect(isTimeId(position)).toBe(true)
    expect(timeOf(position)).toBe(ms)
    expect(compareIds(position, '4e831610-cb0b-11e4-b939-0800200c9a66')).toBeLessThan(0)
    expect(compareIds(position, idBefore(ms - 1))).toBeGreaterThan(0)
    expect(isTimeId(idBefore(-5))).toBe(true)
  })
})
