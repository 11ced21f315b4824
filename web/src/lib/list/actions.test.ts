import { describe, expect, it } from 'vitest'
import type { Message, User } from '@confab/client'
import type { RoomEntry } from '../state/room.svelte'
import { noFeatures } from '../state/features'
import { actionsOn } from './actions'

const all = Object.fromEntries(Object.keys(noFeatures).map((f) => [f, true])) as unknown as typeof noFeatures
const user = { login: 'ann' } as User
const entry = (owner: string, may = ['post a message', 'edit a message']): Pick<RoomEntry, 'may'> => ({ may: (action) => owner === user.login || may.includes(action) })
const message = (login: string, more: Partial<Message> = {}): Message => ({ author: { login }, content: 'x', ...more }) as Message
const acts = (m: Message, creator = 'eve', features = all, may?: string[]): string => actionsOn(m, entry(creator, may), { user, features }).map((a) => a.act).join()

describe('the actions on a message', () => {
  it('are those that its reader may do', () => {
    expect(acts(message('ann'))).toBe('react,reply,edit,copy,link,delete')
    expect(acts(message('bob'))).toBe('react,reply,unread,copy,link')
    expect(acts(message('bob'), 'ann')).toBe('react,reply,unread,copy,link,delete')
  })

  it('do not write where one may not: who is muted, or is in a silent room', () => {
    expect(acts(message('ann'), 'eve', all, [])).toBe('react,copy,link,delete')
    expect(acts(message('bob'), 'eve', all, [])).toBe('react,unread,copy,link')
    expect(acts(message('ann'), 'eve', all, ['post a message'])).toBe('react,reply,copy,link,delete')
  })

  it('are those of the server', () => {
    expect(acts(message('ann'), 'ann', noFeatures)).toBe('copy,link')
  })

  it('are none on what nobody wrote, and on what is deleted', () => {
    expect(acts(message('ann', { systemMessage: true }))).toBe('')
    expect(acts(message('ann', { deleted: true }))).toBe('')
  })
})
