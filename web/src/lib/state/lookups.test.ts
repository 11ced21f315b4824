import { describe, expect, it, vi } from 'vitest'
import { ApiError, idBefore, type Message, type PageQuery } from '@confab/client'
import { Lookups } from './lookups'
import { RoomEntry } from './room.svelte'

const said = (n: number, content: string, systemMessage = false): Message => ({
  messageId: idBefore(1_700_000_000_000 + n * 1000), author: { login: 'bob', firstname: 'B', lastname: 'B' }, content, systemMessage, creationDate: '',
})

function room(messages: Message[], unread: number, read: Message): RoomEntry {
  const entry = new RoomEntry('a', {} as never)
  for (const m of messages.slice(-1)) entry.note(m, false)
  entry.unread = unread
  entry.lastRead = read.messageId
  return entry
}

function lookups(messages: Message[]): { l: Lookups; asked: PageQuery[] } {
  const asked: PageQuery[] = []
  return { asked, l: new Lookups({ messages: (_, query = {}) => (asked.push(query), Promise.resolve({ messages, hasMore: false, kept: false })) }, 'ann') }
}

describe('what the states of rooms do not say', () => {
  it('is whether somebody is mentioned in what was missed', async () => {
    const messages = [said(1, 'a'), said(2, 'hey @ann'), said(3, 'b')]
    const entry = room(messages, 2, messages[0]!)
    const { l, asked } = lookups(messages)
    l.want(entry)
    l.want(entry)
    await vi.waitFor(() => expect(entry.mentioned).toBe(true))
    expect(asked).toEqual([{ after: messages[0]!.messageId, fetchSize: 100 }])
  })

  it('is nothing that was read, or that mentions somebody else', async () => {
    const messages = [said(1, 'hey @ann'), said(2, 'hey @anna and `@ann`')]
    const entry = room(messages, 1, messages[0]!)
    const { l, asked } = lookups(messages)
    l.want(entry)
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    await Promise.resolve()
    expect(entry.mentioned).toBe(false)
  })

  it('is the newest message that somebody wrote', async () => {
    const messages = [said(1, 'a'), said(2, 'B B joins the room', true)]
    const entry = room(messages, 0, messages[1]!)
    expect(entry.lastSaid).toBeNull()
    const { l } = lookups(messages)
    l.want(entry)
    await vi.waitFor(() => expect(entry.lastSaid?.content).toBe('a'))
    expect(entry.lastMessage?.content).toBe('B B joins the room')
  })

  it('is left out without a connection', async () => {
    const entry = room([said(2, 'x')], 1, said(1, 'a'))
    const messages = vi.fn(() => Promise.reject(new ApiError(0, 'lost')))
    new Lookups({ messages }, 'ann').want(entry)
    await vi.waitFor(() => expect(messages).toHaveBeenCalledOnce())
    expect(entry.mentioned).toBe(false)
  })
})
