import { expect, it } from 'vitest'
import type { Message } from '@confab/client'
import { reacted } from './react'

it('a reaction is put on a message and taken back', () => {
  const message = { messageId: 'm', reactions: [{ emoji: '👍', logins: ['bob'], count: 2 }] } as unknown as Message
  const once = reacted(message, '👍', 'ann', true)
  expect(once.reactions).toEqual([{ emoji: '👍', logins: ['bob', 'ann'], count: 3 }])
  expect(reacted(once, '👍', 'ann', true)).toBe(once)
  expect(reacted(once, '👍', 'ann', false).reactions).toEqual(message.reactions)
  const other = reacted(message, '🎉', 'ann', true)
  expect(other.reactions?.map((r) => r.count)).toEqual([2, 1])
  expect(reacted(other, '🎉', 'ann', false).reactions).toEqual(message.reactions)
})
