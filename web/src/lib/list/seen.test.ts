import { describe, expect, it } from 'vitest'
import { idBefore, type Message } from '@confab/client'
import { readUpTo, type Seen } from './seen'

const id = (n: number): string => idBefore(1_700_000_000_000 + n * 1000)
const said = (n: number, login = 'bob', systemMessage = false): Message => ({ messageId: id(n), author: { login, firstname: '', lastname: '' }, content: '', systemMessage, creationDate: '' })
const messages = Array.from({ length: 20 }, (_, n) => said(n))
const seen = (more: Partial<Seen>): string | null =>
  readUpTo({ messages, hasOlder: true, lastRead: id(9), unread: 10, self: 'ann', from: id(8), to: id(12), ...more })

describe('what is on the screen', () => {
  it('is read if it follows what was read before', () => {
    expect(seen({})).toBe(id(12))
    expect(seen({ from: id(10) })).toBe(id(12))
    expect(seen({ unread: 0, from: id(15), to: id(19) })).toBe(id(19))
    expect(seen({ lastRead: null, from: id(15), to: id(19) })).toBe(id(19))
  })

  it('is not read if something unread was skipped', () => {
    expect(seen({ from: id(11) })).toBeNull()
    expect(seen({ from: id(15), to: id(19) })).toBeNull()
  })

  it('is not read if something unread may not be loaded', () => {
    expect(seen({ lastRead: id(-50), unread: 69, from: id(0), to: id(5) })).toBeNull()
    expect(seen({ lastRead: id(-500), unread: 100, from: id(0), to: id(5) })).toBeNull()
    expect(seen({ lastRead: id(-50), unread: 20, from: id(0), to: id(5) })).toBe(id(5))
    expect(seen({ lastRead: id(-50), unread: 30, hasOlder: false, from: id(0), to: id(5) })).toBe(id(5))
  })

  it('skips what is nothing to read', () => {
    const some = [said(0), said(1, 'eve', true), said(2, 'ann'), said(3)]
    expect(seen({ messages: some, lastRead: id(0), unread: 1, from: id(3), to: id(3) })).toBe(id(3))
  })
})
