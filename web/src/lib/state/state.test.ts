import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, idBefore, type Message, type Person, type Room } from '@confab/client'
import { Chat } from './chat.svelte'
import { Company } from './company'
import { Drafts } from './drafts'
import { errorText, faultsOf, messageErrorText } from './faults'
import { findFeatures, noFeatures } from './features'
import { Invitations } from './invitations.svelte'
import { counts, RoomEntry } from './room.svelte'
import { parseRoute, roomHash } from './router.svelte'
import { shortcut } from './shortcuts'
import { notify } from './notify'
import { heardPersonally } from './personal'
import type { TabEvent, Tabs } from './tabs'
import { Typist } from './typist'

vi.mock('./notify', () => ({ notify: vi.fn() }))

describe('addresses of places', () => {
  it('can be read back', () => {
    expect(parseRoute(roomHash('room.v1'))).toEqual({ at: 'room', room: 'room.v1', message: null })
    expect(parseRoute(roomHash('Dallas', 'abc'))).toEqual({ at: 'room', room: 'Dallas', message: 'abc' })
    expect(parseRoute('#/browse')).toEqual({ at: 'browse' })
  })

  it('are home when they are none', () => {
    for (const hash of ['', '#', '#/', '#/rooms', '#/rooms/', '#/nowhere/x', '#%']) expect(parseRoute(hash), hash).toEqual({ at: 'home' })
    expect(parseRoute('#/rooms/%zz')).toEqual({ at: 'room', room: '%zz', message: null })
  })
})

describe('a question whether one is still in a room', () => {
  it('ends nothing of a room that was left meanwhile, and may be shown again', async () => {
    let answer: (room: Room) => void = () => {}
    const api = { room: () => new Promise<Room>((resolve) => (answer = resolve)) }
    const chat = new Chat(api as never, { login: 'bob', chatRooms: ['a'] } as never, alone)
    const gone = vi.spyOn(chat, 'gone')
    chat.entry('a').mine = true
    const asked = chat.check(chat.entry('a'))
    chat.gone(chat.entry('a'))
    const again = chat.entry('a')
    answer({ roomName: 'a', creationDate: 'x', creator: { login: 'ann' }, participants: [] } as unknown as Room)
    await asked
    expect(gone).toHaveBeenCalledTimes(1)
    expect(chat.rooms.get('a')).toBe(again)
    await chat.check(new RoomEntry('a', api as never, () => {}, 'bob'))
    expect(gone).toHaveBeenCalledTimes(1)
  })
})

/** No storage, no other tabs. */
const alone = { shelf: null, tabs: { send: () => {}, listen: () => () => {} } as never, onOver: () => {}, onAnother: () => {} }

describe('drafts', () => {
  const shelf = (): Storage => {
    const map = new Map<string, string>()
    return { getItem: (k: string) => map.get(k) ?? null, setItem: (k: string, v: string) => void map.set(k, v), removeItem: (k: string) => void map.delete(k), key: (i: number) => [...map.keys()][i] ?? null, get length() { return map.size } } as Storage
  }

  it('are kept for each room and login, and gone when empty', () => {
    const s = shelf()
    const drafts = new Drafts('ann', s)
    drafts.set('a', { text: 'half', replyTo: 'm1' })
    expect(new Drafts('ann', s).get('a')).toEqual({ text: 'half', replyTo: 'm1' })
    expect(new Drafts('bob', s).get('a').text).toBe('')
    expect(new Drafts('ann', s).get('b').text).toBe('')
    drafts.set('a', { text: '', replyTo: null })
    expect(s.length).toBe(0)
  })

  it('hold a change of a message beside what was begun', () => {
    const s = shelf()
    const edit = { messageId: 'm1', content: 'was', text: 'shall be' }
    new Drafts('ann', s).set('a', { text: '', replyTo: null, edit })
    expect(new Drafts('ann', s).get('a').edit).toEqual(edit)
  })

  it('are one draft in all tabs', () => {
    const told: string[] = []
    const [one, two] = [new Drafts('ann', shelf(), (room, d) => { told.push(d.text); two.take(room, d) }), new Drafts('ann', shelf(), () => { throw new Error('an echo') })]
    let shown = ''
    const stop = two.watch('a', (d) => { shown = d.text; two.set('a', d) })
    one.set('a', { text: 'half', replyTo: null })
    one.set('a', { text: 'half', replyTo: null })
    expect([told, shown, two.get('a').text]).toEqual([['half'], 'half', 'half'])
    one.set('a', { text: '', replyTo: null })
    expect(shown).toBe('')
    stop()
    one.set('a', { text: 'x', replyTo: null })
    expect(shown).toBe('')
  })

  it('take back a message that is given up, before what else is written', () => {
    const drafts = new Drafts('ann', null)
    drafts.restore('a', { text: 'not sent', replyTo: null })
    drafts.restore('a', { text: 'another', replyTo: null })
    expect(drafts.get('a').text).toBe('another\nnot sent')
  })

  it('are known to be there, those of an earlier visit too', () => {
    const s = shelf()
    const drafts = new Drafts('ann', s)
    drafts.set('a', { text: '', replyTo: 'm' })
    expect(drafts.some).toBe(false)
    drafts.set('a', { text: 'half', replyTo: null })
    expect([drafts.some, new Drafts('ann', s).some, new Drafts('an', s).some]).toEqual([true, true, false])
    drafts.set('a', { text: '', replyTo: null, edit: { messageId: 'm', content: 'was', text: 'was' } })
    expect(drafts.some).toBe(false)
    drafts.set('a', { text: '', replyTo: null, edit: { messageId: 'm', content: 'was', text: 'shall be' } })
    expect(drafts.some).toBe(true)
    const chat = new Chat({} as never, { login: 'ann', chatRooms: [] } as never, { ...alone, shelf: s })
    expect(chat.unsent).toBe(true)
    drafts.set('a', { text: '', replyTo: null })
    expect([drafts.some, new Drafts('ann', null).some]).toEqual([false, false])
  })

  it('keep a change of a message that was put aside, while the message is as it was', () => {
    const drafts = new Drafts('ann', null)
    drafts.putAside({ messageId: 'm', content: 'a', text: 'a, and more' })
    expect(drafts.takeUp('m', 'b')).toBeUndefined()
    drafts.putAside({ messageId: 'm', content: 'a', text: 'a, and more' })
    expect([drafts.takeUp('m', 'a'), drafts.takeUp('m', 'a')]).toEqual(['a, and more', undefined])
  })

  it('live in memory when storage is full or off', () => {
    const full = { length: 0, key: () => null, getItem: () => null, removeItem: () => {}, setItem: () => { throw new Error('full') } }
    for (const s of [full, null]) {
      const drafts = new Drafts('ann', s)
      drafts.set('a', { text: 'half', replyTo: null })
      expect(drafts.get('a').text).toBe('half')
    }
  })
})

describe('faults', () => {
  it('are said in the reader’s words', () => {
    const error = new ApiError(400, 'invalid', [
      { field: 'login', message: 'size must be between 3 and 31' },
      { field: 'login', message: 'another' },
      { field: 'email', message: 'not a well-formed email address' },
      { field: 'x', message: 'something new' },
    ])
    expect(faultsOf(error)).toEqual({ login: 'Between 3 and 31 characters, please.', email: 'Enter a valid e-mail address.', x: 'something new' })
    expect(faultsOf(new Error('x'))).toEqual({})
  })

  it('never show what is inside of a server', () => {
    expect(errorText(new ApiError(500, 'panic: nil map'))).not.toContain('panic')
    expect(errorText(new ApiError(0, 'x'))).toBe('The server cannot be reached. Please try again.')
    expect(errorText(new ApiError(409, 'the room is busy'))).toBe('the room is busy')
    expect(messageErrorText(new ApiError(409, 'any'))).toBe('This message was deleted.')
    expect(messageErrorText(new ApiError(0, 'x'))).toBe('The server cannot be reached. Please try again.')
    expect(errorText(new TypeError('undefined is not'))).not.toContain('undefined')
  })
})

describe('what a server can do', () => {
  it('is all or nothing of each time, by four questions', async () => {
    const asked: string[] = []
    const with_ = (...methods: string[]) => findFeatures({ methods: (path) => (asked.push(path), Promise.resolve(new Set(methods))) })
    expect(await with_('GET', 'PATCH')).toMatchObject({ edit: true, mute: true, readPositions: true })
    expect(await with_('GET')).toMatchObject({ edit: false, reactions: false })
    expect(asked).toHaveLength(8)
    expect(await findFeatures({ methods: (path) => Promise.resolve(new Set(path === 'conversations' ? ['POST'] : [])) })).toEqual({ ...noFeatures, kinds: true })
  })
})

describe('a room', () => {
  const msg = (n: number, login = 'bob', more: Partial<Message> = {}): Message => ({
    messageId: idBefore(n * 1000), author: { login, firstname: 'B', lastname: 'B' }, content: 'x', systemMessage: false, creationDate: '', ...more,
  })

  it('counts what others wrote', () => {
    expect(counts(msg(1), 'ann')).toBe(true)
    expect(counts(msg(1, 'ann'), 'ann')).toBe(false)
    expect(counts(msg(1, 'killrchat', { systemMessage: true }), 'ann')).toBe(false)
    expect(counts(msg(1, 'bob', { deleted: true }), 'ann')).toBe(false)
  })

  it('counts from the read position, if the messages are there', async () => {
    const all = [msg(1), msg(2), msg(3, 'ann'), msg(4)]
    const api = { messages: () => Promise.resolve({ messages: all, hasMore: false, kept: false }) }
    const entry = new RoomEntry('r', api as never)
    expect(entry.countUnread('ann')).toBeNull()
    await entry.log.open()
    expect(entry.countUnread('ann')).toBe(3)
    entry.lastRead = all[1]!.messageId
    expect(entry.countUnread('ann')).toBe(1)
    entry.lastRead = all[3]!.messageId
    expect(entry.countUnread('ann')).toBe(0)
  })

  it('knows its newest message', () => {
    const entry = new RoomEntry('r', {} as never)
    entry.note(msg(5), false)
    entry.note(msg(3), false)
    entry.note({ ...msg(9), content: 'a change of something not seen' }, true)
    expect(entry.lastMessage?.messageId).toBe(msg(5).messageId)
    entry.note({ ...msg(5), content: 'edited' }, true)
    expect(entry.lastMessage?.content).toBe('edited')
  })
})

describe('keys', () => {
  const key = (k: string, more = {}): Parameters<typeof shortcut>[0] => ({ key: k, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, target: null, ...more })

  it('mean the same everywhere', () => {
    expect(shortcut(key('k', { ctrlKey: true }))).toBe('find')
    expect(shortcut(key('ArrowDown', { altKey: true }))).toBe('next')
    expect(shortcut(key('ArrowUp', { altKey: true, shiftKey: true }))).toBe('previousUnread')
    expect(shortcut(key('?', { shiftKey: true }))).toBe('help')
    expect(shortcut(key('k'))).toBeNull()
    expect(shortcut(key('k', { ctrlKey: true, shiftKey: true }))).toBeNull()
  })
})

describe('telling that one writes', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is seldom, and is taken back after a pause', () => {
    const told: boolean[] = []
    const typist = new Typist((on) => told.push(on))
    for (let i = 0; i < 30; i++) {
      typist.typed()
      vi.advanceTimersByTime(200)
    }
    expect(told).toEqual([true, true])
    vi.advanceTimersByTime(6000)
    expect(told).toEqual([true, true, false])
    typist.stop()
    expect(told).toHaveLength(3)
  })
})

describe('a mute that ends by itself', () => {
  it('lets one write when it is over, though nobody says so', async () => {
    vi.useFakeTimers({ now: 0 })
    const end = 60_000
    let asked = 0
    const api = {
      now: () => Date.now(),
      capabilities: async () => (asked++, Date.now() < end ? { actions: ['take part'], mutedUntil: new Date(end).toISOString() } : { actions: ['take part', 'post a message'], mutedUntil: null }),
    }
    const chat = new Chat(api as never, { login: 'ann', chatRooms: ['a'] } as never, alone)
    chat.features = { ...chat.features, kinds: true }
    const entry = chat.entry('a')
    await chat.readActions(entry)
    expect(entry.may('post a message')).toBe(false)
    await vi.advanceTimersByTimeAsync(end)
    expect(entry.may('post a message')).toBe(true)
    await vi.advanceTimersByTimeAsync(10 * end)
    expect(asked).toBe(2)
    chat.stop()
    vi.useRealTimers()
  })
})

describe('two tabs', () => {
  it('announce nothing that somebody is looking at in the other one', () => {
    vi.stubGlobal('document', { visibilityState: 'hidden', hasFocus: () => false })
    vi.mocked(notify).mockClear()
    let other: (event: TabEvent) => void = () => {}
    const sent: TabEvent[] = []
    const tabs = { send: (e: TabEvent) => void sent.push(e), listen: (f: typeof other) => ((other = f), () => {}) } as unknown as Tabs
    const chat = new Chat({} as never, { login: 'ann', chatRooms: [] } as never, { ...alone, tabs })
    const says = (n: number): void =>
      chat.hear(chat.entry('a'), { messageId: idBefore(1_700_000_000_000 + n * 1000), author: { login: 'bob', firstname: 'B', lastname: 'B' }, content: 'x', systemMessage: false, creationDate: '' }, false)
    const told = (): number => vi.mocked(notify).mock.calls.length
    says(1)
    expect(told()).toBe(1)
    other({ kind: 'front', login: 'ann', room: 'a' })
    says(2)
    expect(told()).toBe(1)
    // Another room, another user, and nobody looking.
    other({ kind: 'front', login: 'ann', room: 'b' })
    says(3)
    other({ kind: 'front', login: 'bob', room: 'a' })
    says(4)
    other({ kind: 'front', login: 'ann', room: null })
    says(5)
    expect(told()).toBe(4)
    chat.showing('a')
    expect(sent.at(-1)).toEqual({ kind: 'front', login: 'ann', room: 'a' })
    vi.unstubAllGlobals()
  })
})

describe('the count of unread messages', () => {
  const said = (n: number): Message => ({
    messageId: idBefore(1_700_000_000_000 + n * 1000),
    author: { login: 'bob', firstname: 'Bob', lastname: 'B' },
    content: `m${n}`,
    systemMessage: false,
    creationDate: '',
  })

  it('keeps what was heard while the server counted, once', () => {
    const entry = new RoomEntry('a', {} as never)
    for (const n of [1, 2, 3]) entry.counted(said(n))
    expect(entry.countedAfter(said(1))).toBe(2)
    expect(entry.countedAfter(null)).toBe(3)
    expect(entry.countedAfter(said(3))).toBe(0)
    entry.lastRead = said(2).messageId
    expect(entry.countedAfter(said(1))).toBe(1)
    for (let n = 10; n < 200; n++) entry.counted(said(n))
    expect(entry.countedAfter(said(1))).toBe(100)
  })

  /** A chat of Ann's in room a, the answers to her questions for states, and how she hears of messages. */
  function listening() {
    vi.useFakeTimers()
    vi.stubGlobal('window', {})
    const answers: ((state: { unread: number; lastMessage: Message | null }) => void)[] = []
    const api = {
      roomStates: () =>
        new Promise((resolve) =>
          answers.push((state) => resolve({ rooms: [{ roomName: 'a', lastRead: null, muted: false, ...state }], hasMore: false })),
        ),
    }
    const chat = new Chat(api as never, { login: 'ann', chatRooms: ['a'] } as never, alone)
    chat.features = { ...chat.features, readPositions: true }
    const heard = (message?: Message): void => heardPersonally(chat, 'message', JSON.stringify({ roomName: 'a', message }))
    return { entry: chat.entry('a'), answers, heard, settle: () => vi.advanceTimersByTimeAsync(1000) }
  }

  it('is of all messages, in whatever order they come', async () => {
    const { entry, answers, heard, settle } = listening()
    for (const n of [1, 3, 2, 3]) heard(said(n))
    expect(entry.unread).toBe(3)
    await settle()
    expect(answers).toHaveLength(0)
    // The server may have counted what is not newer than the newest message that it knew of.
    heard()
    answers[0]?.({ unread: 4, lastMessage: said(5) })
    await settle()
    expect(entry.unread).toBe(4)
    heard(said(4))
    expect(entry.unread).toBe(4)
    await settle()
    answers[1]?.({ unread: 5, lastMessage: said(5) })
    await settle()
    expect(entry.unread).toBe(5)
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('is that of the newest answer, in whatever order they come', async () => {
    const { entry, answers, heard, settle } = listening()
    heard()
    heard()
    answers[1]?.({ unread: 2, lastMessage: said(2) })
    await settle()
    answers[0]?.({ unread: 0, lastMessage: null })
    await settle()
    expect(entry.unread).toBe(2)
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('goes down when one that was counted here is deleted, once', () => {
    const entry = new RoomEntry('a', {} as never)
    for (const n of [1, 2, 3]) entry.counted(said(n))
    expect(entry.uncounted(said(2))).toBe(true)
    expect(entry.uncounted(said(2))).toBe(false)
    expect(entry.countedAfter(said(1))).toBe(1)
    expect(entry.uncounted(said(1))).toBe(false)
    expect(entry.uncounted(said(3))).toBe(true)
  })

  it('and the preview follow what happens in a room that is not open', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('window', {})
    const asked: string[] = []
    const api = { roomStates: (login: string) => (asked.push(login), Promise.resolve({ rooms: [], hasMore: false })) }
    const chat = new Chat(api as never, { login: 'ann', chatRooms: ['a'] } as never, alone)
    chat.features = { ...chat.features, readPositions: true }
    const entry = chat.entry('a')
    const heard = (event: string, message: Message): void => heardPersonally(chat, event, JSON.stringify({ roomName: 'a', message }))
    for (const n of [1, 2, 3]) heard('message', said(n))
    expect(entry.unread).toBe(3)
    heard('change', { ...said(3), content: 'better' })
    expect(entry.lastMessage?.content).toBe('better')
    expect(entry.unread).toBe(3)
    const gone = { ...said(3), content: '', deleted: true }
    heard('change', gone)
    expect(entry.lastMessage?.deleted).toBe(true)
    expect(entry.unread).toBe(2)
    // Of one that was not counted here the server knows whether it was unread.
    heard('change', gone)
    expect(entry.unread).toBe(2)
    await vi.advanceTimersByTimeAsync(1000)
    expect(asked).toEqual(['ann'])
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('is left as it is by a new name, which reaches rooms and the page’s own user', () => {
    vi.stubGlobal('window', {})
    const chat = new Chat({} as never, { login: 'ann', firstname: 'Ann', lastname: 'S', chatRooms: ['a'] } as never, alone)
    const entry = chat.entry('a')
    const person = (login: string, firstname: string) => ({ login, firstname, lastname: 'S' })
    entry.room = { roomName: 'a', creator: person('bob', 'Bob'), banner: null, participants: [person('ann', 'Ann'), person('bob', 'Bob')], participantCount: 0, creationDate: '', retention: { setting: 'default', seconds: null } }
    heardPersonally(chat, 'renamed', JSON.stringify({ roomName: 'a', person: person('bob', 'Rob') }))
    expect(entry.person('bob')?.firstname).toBe('Rob')
    expect(entry.unread).toBe(0)
    heardPersonally(chat, 'renamed', JSON.stringify({ roomName: 'a', person: person('ann', 'Anna') }))
    expect(chat.user.firstname).toBe('Anna')
    expect(chat.user.chatRooms).toEqual(['a'])
    vi.unstubAllGlobals()
  })

  it('is none where the newest has been read, and unknown where nothing is loaded', () => {
    const entry = new RoomEntry('a', {} as never)
    entry.note(said(5), false)
    entry.lastRead = said(4).messageId
    expect(entry.countUnread('ann')).toBeNull()
    entry.lastRead = said(5).messageId
    expect(entry.countUnread('ann')).toBe(0)
  })
})

describe('rooms of other kinds than open ones', () => {
  const person = (login: string, firstname: string, lastname = ''): Person => ({ login, firstname, lastname })
  const [ann, bob, eve] = [person('ann', 'Ann', 'Archer'), person('bob', 'Bob', 'Briggs'), person('eve', 'Eve', 'Elder')]
  const entry = (name: string): RoomEntry => new RoomEntry(name, {} as never, undefined, 'ann')

  it('are called by their title, or by who else is in them, and never by a name that the server has made', () => {
    const pair = entry('_dabc')
    expect([pair.kind, pair.label]).toEqual(['direct', '…'])
    pair.describe({ kind: 'direct', title: null, between: [ann, bob] })
    expect([pair.label, pair.others]).toEqual(['Bob Briggs', [bob]])
    pair.describe({ kind: 'direct', title: null, between: [ann, bob, eve] })
    expect(pair.label).toBe('Bob Briggs, Eve Elder')
    pair.rename(person('eve', 'Eve', 'Evans'))
    expect(pair.label).toBe('Bob Briggs, Eve Evans')
    const secret = entry('_123')
    expect([secret.kind, secret.label]).toEqual(['private', '…'])
    secret.describe({ kind: 'private', title: 'Tea party' })
    expect(secret.label).toBe('Tea party')
    expect(entry('Dallas').label).toBe('Dallas')
  })

  it('offer what the server says; without a word of it, what a creator may do in any', () => {
    const room = entry('Dallas')
    room.take({ roomName: 'Dallas', creator: ann, participants: [] } as unknown as Room)
    expect([room.may('change a room'), room.may('post a message')]).toEqual([true, true])
    room.actions = new Set(['take part'])
    expect([room.may('change a room'), room.may('post a message'), room.may('take part')]).toEqual([false, false, true])
    const pair = entry('_dabc')
    pair.take({ roomName: '_dabc', kind: 'direct', creator: ann, participants: [], between: [ann, bob] } as unknown as Room)
    expect(pair.may('change a room')).toBe(false)
  })

  it('let nobody govern the owner or themselves, and admins not each other', () => {
    const room = entry('_1')
    room.take({ roomName: '_1', kind: 'private', creator: bob, owner: 'bob', admins: ['ann', 'eve'], participants: [] } as unknown as Room)
    room.actions = new Set(['remove a participant'])
    expect(['ann', 'bob', 'eve', 'joe'].filter((l) => room.mayTo('remove a participant', l))).toEqual(['joe'])
    room.actions = new Set(['remove a participant', 'govern a room'])
    expect(['ann', 'bob', 'eve', 'joe'].filter((l) => room.mayTo('remove a participant', l))).toEqual(['eve', 'joe'])
    expect([room.role('bob'), room.role('eve'), room.role('joe')]).toEqual(['owner', 'admin', null])
  })

  it('are others when they were deleted and made anew while nobody heard of it', async () => {
    let created = '2026-01-01T00:00:00.000Z'
    const api = { room: async () => ({ roomName: 'a', creator: bob, participants: [ann], creationDate: created }) }
    const chat = new Chat(api as never, { ...ann, chatRooms: [] } as never, alone)
    const before = await chat.show('a')
    before.muted = true
    expect(await chat.show('a')).toBe(before)
    created = '2026-02-01T00:00:00.000Z'
    const after = await chat.show('a')
    expect(after).not.toBe(before)
    expect([chat.rooms.get('a') === after, after.mine, after.room?.creationDate, chat.eras.get('a')]).toEqual([true, true, created, 1])
  })

  it('are invited to until one answers', async () => {
    let answer = (_: unknown): void => {}
    const api = { invitations: () => new Promise((resolve) => (answer = resolve)), decline: vi.fn(async () => {}) }
    const invitations = new Invitations(api as never, 'ann')
    const all = { invitations: [{ roomName: '_1' }, { roomName: '_2' }], hasMore: false }
    let read = invitations.read()
    answer(all)
    await read
    expect(invitations.all.map((i) => i.roomName)).toEqual(['_1', '_2'])
    // The answer of a question that was asked before is older.
    read = invitations.read()
    await invitations.decline('_1')
    answer(all)
    await read
    expect(invitations.all.map((i) => i.roomName)).toEqual(['_2'])
    expect(api.decline).toHaveBeenCalledWith('ann', '_1')
  })

  it('show who is online in the first of the direct conversations only, and stop where one is none any more', () => {
    const followed = new Set<string>()
    const realtime = { subscribe: (topic: string) => (followed.add(topic), () => followed.delete(topic)) }
    const company = new Company(realtime as never, {} as never)
    const pairs = Array.from({ length: 25 }, (_, i) => entry(`_d${i}`))
    company.follow(pairs)
    expect(followed.size).toBe(20)
    company.follow([pairs[24]!, pairs[0]!])
    expect([...followed].sort()).toEqual(['/topic/presence/_d0', '/topic/presence/_d24'])
  })
})
