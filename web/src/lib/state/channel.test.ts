import { describe, expect, it } from 'vitest'
import type { Listener, Person, Room } from '@confab/client'
import { openChannel } from './channel'
import { noFeatures } from './features'
import { notices } from './notices.svelte'
import { RoomEntry } from './room.svelte'

const person = (login: string, firstname = login): Person => ({ login, firstname, lastname: 'X' })
const room = (...logins: string[]): Room => ({
  roomName: 'a', creator: person('ann'), banner: null, participants: logins.map((l) => person(l)), participantCount: 0, creationDate: '', retention: { setting: 'default', seconds: null },
})

const id = '4e831610-cb0b-11e4-8830-0800200c9a66'

/** An open room whose answers and events come when the test says so. */
function opened(features: object = {}) {
  const listeners = new Map<string, Listener>()
  const answers: ((answer: never) => void)[] = []
  const asked = (): Promise<never> => new Promise((resolve) => answers.push(resolve))
  const api = { room: asked, online: asked }
  const entry = new RoomEntry('a', api as never)
  const chat = {
    arrive: (take: () => void) => take(),
    api, user: { login: 'ann' }, features: { ...noFeatures, ...features }, rooms: new Map([['a', entry]]), current: entry,
    hear: () => {},
    reread: (e: RoomEntry) => e.read(asked),
    realtime: { subscribe: (topic: string, listener: Listener) => (listeners.set(topic, listener), () => {}) },
  }
  openChannel(chat as never, entry)
  const at = (topic: string): Listener => listeners.get(`/topic/${topic}/a`)!
  return {
    entry,
    answer: async (n: number, value: unknown) => {
      answers[n]!(value as never)
      await new Promise((done) => setTimeout(done))
    },
    asked: () => answers.length,
    ready: (topic: string, first: boolean) => at(topic).onReady?.(null, first),
    message: (message: object) => at('messages').onMessage({ headers: { 'message-id': id }, body: JSON.stringify({ messageId: id, ...message }) }),
    participant: (status: string, login: string) =>
      at('participants').onMessage({ headers: { status }, body: JSON.stringify(person(login)) }),
    presence: (login: string, status: string) => at('presence').onMessage({ headers: {}, body: JSON.stringify({ login, status }) }),
    logins: () => entry.room!.participants.map((p) => p.login).sort(),
  }
}

describe('participants of a room that is opened', () => {
  it('are read again once the subscription is there: who joined before it is in no event', async () => {
    const r = opened()
    r.entry.room = room('ann') // what the page had read first
    r.ready('participants', true)
    expect(r.asked()).toBe(1)
    await r.answer(0, room('ann', 'bob'))
    expect(r.logins()).toEqual(['ann', 'bob'])
  })

  it('keep what was heard while they were read', async () => {
    const r = opened()
    r.entry.room = room('ann', 'bob')
    r.ready('participants', true)
    r.participant('JOIN', 'cid')
    r.participant('LEAVE', 'bob')
    expect(r.logins()).toEqual(['ann', 'cid'])
    await r.answer(0, room('ann', 'bob'))
    expect(r.logins()).toEqual(['ann', 'cid'])
  })

  it('keep what was heard before the first answer', async () => {
    const r = opened()
    r.ready('participants', true)
    r.participant('JOIN', 'bob')
    r.participant('LEAVE', 'bob')
    r.participant('JOIN', 'cid')
    await r.answer(0, room('ann'))
    expect(r.logins()).toEqual(['ann', 'cid'])
  })

  it('are not replaced by an answer to an earlier question', async () => {
    const r = opened()
    r.ready('participants', true)
    r.ready('participants', false)
    await r.answer(1, room('ann', 'bob'))
    await r.answer(0, room('ann'))
    expect(r.logins()).toEqual(['ann', 'bob'])
  })

  it('have their new names, as the creator too', async () => {
    const r = opened()
    r.entry.room = room('ann', 'bob')
    r.ready('participants', true)
    r.entry.rename(person('ann', 'Anna'))
    expect(r.entry.room.creator.firstname).toBe('Anna')
    await r.answer(0, room('ann', 'bob'))
    expect(r.entry.room.creator.firstname).toBe('Anna')
    expect(r.entry.person('ann')?.firstname).toBe('Anna')
    expect(r.entry.person('bob')?.firstname).toBe('bob')
    r.entry.rename(person('zoe'))
    expect(r.logins()).toEqual(['ann', 'bob'])
  })
})

describe('who is online', () => {
  it('is what was heard while it was read', async () => {
    const r = opened({ presence: true })
    r.ready('presence', true)
    r.presence('bob', 'online')
    r.presence('cid', 'offline')
    await r.answer(0, ['ann', 'cid'])
    expect([...r.entry.online].sort()).toEqual(['ann', 'bob'])
  })
})

describe('what is said to screen readers', () => {
  it('is a message with its author, and a system message as the log shows it', () => {
    const r = opened()
    r.message({ author: person('bob', 'Bob'), content: 'hello', systemMessage: false })
    expect(notices.spoken).toBe('Bob: hello')
    r.message({ author: person('killrchat'), content: 'Cid X joins the room', systemMessage: true })
    expect(notices.spoken).toBe('Cid X joined')
  })
})
