import { SvelteMap } from 'svelte/reactivity'
import {
  ApiError,
  compareIds,
  idBefore,
  Realtime,
  timeOf,
  type ChatApi,
  type ConnectionState,
  type Message,
  type NewRoom,
  type Room,
  type RoomState,
  type RoomStatePage,
  type User,
} from '@confab/client'
import { t } from '../i18n'
import { isHeard } from '../list/rows'
import { mentions } from '../text/blocks'
import { Arrivals } from './arrivals'
import { openChannel, watchChannel } from './channel'
import { Company } from './company'
import { Drafts } from './drafts'
import type { TabEvent, Tabs } from './tabs'
import { findFeatures, noFeatures, type Features } from './features'
import { Invitations } from './invitations.svelte'
import { Keeper, statesAtATime, type Keep } from './keeper'
import { Looking } from './looking.svelte'
import { Lookups } from './lookups'
import { notices, type Notice } from './notices.svelte'
import { notify } from './notify'
import { Outbox, type Outgoing } from './outbox.svelte'
import { personalChannel } from './personal'
import { Pictures } from './pictures.svelte'
import { counts, RoomEntry } from './room.svelte'
import { roomHash, router } from './router.svelte'
import { today } from './today.svelte'
import type { Uploads } from './uploads.svelte'
import { lookForNewVersion } from './version'

// Without a topic of the user's own, this many rooms are listened to.
const mostWatched = 200
// How soon it is asked whether a mute is over, at the earliest, and how long a timer can run.
const [leastWait, longestTimer] = [250, 2 ** 31 - 1]

export interface Surroundings {
  /** Where the user's own things are kept. */
  shelf: Storage | null
  tabs: Tabs
  /** Keeps answers for a page without a connection; null: nothing may be kept. */
  keep?: Keep | null
  /** The session has ended. */
  onOver: () => void
  /** The browser's session is another user's now. */
  onAnother: () => void
}

/** A question for states of rooms, and when by the count of such questions and of moves of read positions it was asked. */
interface Question {
  asked: number
  page: Promise<RoomStatePage>
}

/** Everything of one logged-in user: rooms, what is under way, the connection. */
export class Chat {
  user = $state.raw<User>() as User
  features = $state.raw<Features>(noFeatures)
  connection = $state<ConnectionState>('closed')
  retryAt = $state<number | null>(null)
  readonly rooms = new SvelteMap<string, RoomEntry>()
  readonly outbox: Outbox
  readonly drafts: Drafts
  readonly realtime: Realtime
  readonly looking = new Looking(() => this.look())
  private readonly arrivals = new Arrivals()
  private readonly keeper: Keeper | null
  /** The room that is shown. */
  current = $state.raw<RoomEntry | null>(null)
  /** Names of rows that were shown before their message had an id. */
  readonly keys = new Map<string, string>()
  readonly pictures: Pictures
  /** Files that are being sent; null until there is one. */
  uploads = $state.raw<Uploads | null>(null)
  readonly invitations: Invitations
  readonly company: Company
  /** Counts the rooms that were found to be others than those of their names before. */
  readonly eras = new SvelteMap<string, number>()
  private readonly lookups: Lookups
  private closeCurrent: () => void = () => {}
  private readonly watched = new Map<string, () => void>()
  private readonly reading = new Map<string, ReturnType<typeof setTimeout>>()
  /** When mutes of the user are over. */
  private readonly muteEnds = new Map<RoomEntry, ReturnType<typeof setTimeout>>()
  private asking: ReturnType<typeof setTimeout> | undefined
  // Readings of the states of rooms, which of them was answered last, and what the newest one has come to.
  private readings = 0
  private answered = 0
  private states: Promise<void> = Promise.resolve()
  private personal = false
  private learned = false
  private wasOpen = false
  private readonly awaited = new Map<string, () => void>()
  private stopped = false
  // Counts moves of read positions, and questions for them.
  private clock = 0
  private readonly stopListening: () => void
  // The room that another tab shows to somebody who is looking.
  private elsewhere: string | null = null
  /** When this page began, by the server's clock: what is older was there before. */
  private readonly since: number

  constructor(
    readonly api: ChatApi,
    user: User,
    private readonly around: Surroundings,
  ) {
    this.user = user
    let counted = (): void => {}
    this.counted = new Promise((resolve) => (counted = resolve))
    this.setCounted = counted
    const { shelf, keep } = around
    this.keeper = keep ? new Keeper(keep, () => this.mine) : null
    this.since = api.serverTime ?? Date.now()
    today.follow(() => api.now())
    this.lookups = new Lookups(api, user.login)
    this.pictures = new Pictures(async (logins) => (await api.usersOf(logins)).avatars ?? {})
    this.drafts = new Drafts(user.login, shelf, (room, draft) => around.tabs.send({ kind: 'draft', login: user.login, room, draft }))
    this.outbox = new Outbox(
      user.login,
      {
        post: (item, signal) => api.post(item.room, item.content, item.key, item.replyTo ?? undefined, signal),
        sent: (item, message) => {
          this.name(message, item)
          this.hear(this.entry(item.room), message, false)
        },
        done: (key) => around.tabs.send({ kind: 'done', login: user.login, key }),
      },
      shelf,
    )
    this.realtime = new Realtime({
      onState: (state, retryAt) => {
        const back = state === 'open' && this.connection !== 'open'
        this.connection = state
        this.retryAt = retryAt
        this.looking.follow(state)
        if (!back) return
        // A server that was away may have come back as another one.
        if (this.wasOpen) void lookForNewVersion()
        this.wasOpen = true
        // Who is logged in may have changed while nobody was there to say so: nothing of this user goes out as another.
        void this.verify().then((same) => {
          if (!same) return
          this.outbox.flush(true)
          this.uploads?.flush()
          if (!this.learned) void this.learn()
        })
      },
      onLost: () => this.verify(),
    })
    this.invitations = new Invitations(api, user.login)
    this.company = new Company(this.realtime, api)
    this.stopListening = around.tabs.listen((event) => this.tabEvent(event))
  }

  /** Asks whose session this is. False if it is not this user's any more; without an answer it is taken for theirs. */
  async verify(): Promise<boolean> {
    let user: User | null
    try {
      user = await this.api.currentUser()
    } catch {
      return true
    }
    if (this.stopped) return false
    if (user?.login === this.user.login) return true
    if (user) this.around.onAnother()
    else this.around.onOver()
    return false
  }

  async start(): Promise<void> {
    for (const name of this.user.chatRooms) this.entry(name).mine = true
    this.realtime.open()
    this.outbox.flush()
    setTimeout(this.setCounted, 4000)
    try {
      await this.learn()
    } finally {
      this.setCounted()
    }
  }

  /** Settles when it is known what is unread, or cannot be known now. */
  readonly counted: Promise<void>
  private readonly setCounted: () => void

  /** Settles when it is known what is unread in a room, or cannot be known now. */
  countedIn(room: string): Promise<void> {
    return Promise.race([this.counted, new Promise<void>((resolve) => this.awaited.set(room, resolve))])
  }

  /** Finds out what the server can do and what there is to read; without a connection, at the next one. */
  private async learn(): Promise<void> {
    if (this.learned) return
    this.learned = true
    // Both are asked at the same time: on a slow line each question is half a second.
    const first = this.ask()
    first.page.catch(() => {})
    try {
      this.features = await findFeatures(this.api)
    } catch {
      this.learned = false
      // Without a connection there may be the answer of an earlier visit.
      first.page.then((page) => page.rooms.forEach((s) => this.takeState(s, first.asked)), () => {})
      return
    }
    if (this.features.readPositions) this.listenPersonally()
    if (this.current) {
      // It was opened before it was known what can be listened to.
      this.closeCurrent()
      this.closeCurrent = openChannel(this, this.current)
    }
    await this.loadStates(first)
  }

  stop(): void {
    this.stopped = true
    this.stopListening()
    this.showing(null)
    this.closeCurrent()
    this.realtime.close()
    this.outbox.stop()
    this.uploads?.stop()
    for (const timer of this.reading.values()) clearTimeout(timer)
    for (const timer of this.muteEnds.values()) clearTimeout(timer)
    clearTimeout(this.asking)
    this.arrivals.stop()
    this.keeper?.stop()
  }

  entry(name: string): RoomEntry {
    let entry = this.rooms.get(name)
    if (!entry) {
      entry = new RoomEntry(name, this.api, (page) => this.pictures.learn(page.messages.map((m) => m.author.login), page.avatars), this.user.login)
      entry.lastRead = this.around.shelf?.getItem(this.readName(name)) ?? null
      this.rooms.set(name, entry)
    }
    return entry
  }

  /** The user's rooms, the one with the newest message that somebody wrote first. */
  readonly mine: RoomEntry[] = $derived(
    [...this.rooms.values()]
      .filter((e) => e.mine)
      .sort((a, b) => {
        const [x, y] = [(a.lastSaid ?? a.lastMessage)?.messageId, (b.lastSaid ?? b.lastMessage)?.messageId]
        if (x && y) return compareIds(y, x)
        return x ? -1 : y ? 1 : a.label.localeCompare(b.label)
      }),
  )

  /** The direct conversations among them. */
  readonly direct: RoomEntry[] = $derived(this.mine.filter((e) => e.kind === 'direct'))

  /** All of them as they are listed: direct conversations before rooms. */
  readonly listed: RoomEntry[] = $derived([...this.direct, ...this.mine.filter((e) => e.kind !== 'direct')])

  /** Unread messages in all rooms that are not muted. */
  readonly unread: number = $derived(this.mine.reduce((sum, e) => sum + (e.muted ? 0 : e.unread), 0))

  /** Something that was written, as a draft too, or chosen is not on the server yet. */
  get unsent(): boolean {
    return this.outbox.items.length > 0 || (this.uploads?.items.length ?? 0) > 0 || this.drafts.some
  }

  /** Takes what came over the socket. */
  arrive(take: () => void): void {
    this.arrivals.add(take)
  }

  /** Fetches a room and shows it. Throws if there is none. */
  async show(name: string): Promise<RoomEntry> {
    const entry = this.entry(name)
    const shown = await this.reread(entry)
    shown.mine = shown.isParticipant(this.user.login)
    return shown
  }

  /** Reads a room and what the user may do in it. The entry is another one if the room is: it was deleted, and one of its name made. */
  async reread(entry: RoomEntry): Promise<RoomEntry> {
    const { name, room: before } = entry
    const actions = this.readActions(entry)
    await entry.read(() => this.api.room(name))
    if (!before || before.creationDate === entry.room?.creationDate || this.rooms.get(name) !== entry) {
      await actions
      return entry
    }
    const { mine } = entry
    entry.mine = false
    if (this.current === entry) this.shut()
    this.rooms.delete(name)
    const another = this.entry(name)
    if (entry.room) another.take(entry.room)
    another.mine = mine
    another.muted = entry.muted
    this.eras.set(name, (this.eras.get(name) ?? 0) + 1)
    await this.readActions(another)
    return another
  }

  /** Reads what the user may do in a room, and once more when a mute is over: nobody says so then. */
  async readActions(entry: RoomEntry): Promise<void> {
    if (!this.features.kinds) return
    await entry.readActions(() => this.api.capabilities(entry.name)).catch(() => {})
    clearTimeout(this.muteEnds.get(entry))
    this.muteEnds.delete(entry)
    if (entry.mutedUntil === null || this.stopped) return
    const wait = Math.min(Math.max(Date.parse(entry.mutedUntil) - this.api.now(), leastWait), longestTimer)
    this.muteEnds.set(entry, setTimeout(() => void this.readActions(entry), wait))
  }

  /** Makes a room the one that is listened to in full. */
  open(entry: RoomEntry): void {
    if (this.current === entry) return
    this.shut()
    this.current = entry
    this.watched.get(entry.name)?.()
    this.watched.delete(entry.name)
    this.closeCurrent = openChannel(this, entry)
    this.looking.soon()
  }

  /** No room is shown any more. */
  shut(): void {
    const left = this.current
    this.closeCurrent()
    this.closeCurrent = () => {}
    this.current = null
    if (left?.mine && !this.personal) this.watch(left)
  }

  async create(name: string, banner: string | null): Promise<void> {
    const room = await this.api.createRoom(name, banner)
    this.joined(room)
  }

  /** Makes a private room. */
  async make(room: NewRoom): Promise<string> {
    const made = await this.api.makeRoom(room)
    this.joined(made)
    return made.roomName
  }

  /** Finds or begins the conversation with some people. */
  async converse(logins: string[]): Promise<string> {
    const room = await this.api.converse(logins)
    if (!this.rooms.get(room.roomName)?.mine) this.joined(room)
    return room.roomName
  }

  async join(name: string): Promise<void> {
    await this.api.join(name)
    this.invitations.drop(name)
    this.joined(await this.api.room(name))
  }

  // The event may come before the answer.
  private leaving: RoomEntry | null = null

  async leave(entry: RoomEntry): Promise<void> {
    this.leaving = entry
    await this.api.leave(entry.name).finally(() => (this.leaving = null))
    this.gone(entry)
  }

  /** The user is no longer in a room, and it was not this page that left it: who looks at it is told. */
  removed(entry: RoomEntry): void {
    if (!isShown(entry) || entry === this.leaving) this.gone(entry)
    else this.gone(entry, t('room.removed', { room: entry.label }), 'error')
  }

  async delete(entry: RoomEntry): Promise<void> {
    await this.api.deleteRoom(entry.name)
    this.gone(entry)
  }

  private joined(room: Room): void {
    const entry = this.entry(room.roomName)
    entry.take(room)
    entry.mine = true
    entry.log.clear()
    if (!this.personal && this.current !== entry) this.watch(entry)
  }

  /** The user is no longer in a room, or it has ended. */
  gone(entry: RoomEntry, told?: string, kind: Notice['kind'] = 'info'): void {
    if (this.current === entry) {
      this.closeCurrent()
      this.closeCurrent = () => {}
      this.current = null
    }
    if (isShown(entry)) router.go('#/', true)
    this.watched.get(entry.name)?.()
    this.watched.delete(entry.name)
    this.rooms.delete(entry.name)
    if (told) notices.show(told, kind)
  }

  /** Takes a message, or a change of one, from whatever way it came. */
  hear(entry: RoomEntry, message: Message, change: boolean): void {
    const known = entry.log.get(message.messageId) !== undefined
    const newer = !entry.lastMessage || compareIds(message.messageId, entry.lastMessage.messageId) > 0
    const unread = entry.lastRead === null || compareIds(message.messageId, entry.lastRead) > 0
    if (!known && !change && message.author.login === this.user.login) this.recognize(entry, message)
    entry.log.hear(message, change)
    entry.note(message, change)
    this.keeper?.soon(entry)
    entry.typing.delete(message.author.login)
    if (change && message.deleted) this.uncount(entry, message)
    if (change || known) return
    if (message.author.login === this.user.login) {
      if (!newer) return
      // Who writes has read what was there.
      entry.unread = 0
      entry.lastRead = message.messageId
      entry.mentioned = entry.held = false
      entry.moved = ++this.clock
      return
    }
    if (!counts(message, this.user.login) || !unread || entry.hasCounted(message)) return
    if (entry.mayBeCounted(message)) {
      // Two nodes may deliver messages in another order than that of their ids. Only the server knows which it counted.
      this.askSoon()
      return
    }
    entry.unread = Math.min(100, entry.unread + 1)
    entry.counted(message)
    this.alert(entry, message)
  }

  /** Marks a mention, and shows a new message on the desktop unless the reader is looking at its room. */
  private alert(entry: RoomEntry, message: Message): void {
    const called = mentions(message.content, this.user.login)
    if (called) entry.mentioned = true
    const seen = (this.current === entry && looking()) || this.elsewhere === entry.name
    if (!seen && (!entry.muted || called)) notify(entry, message)
  }

  /** Gives up a message that is not sent. Its text goes back to where it was written, if nothing else is there. */
  giveUp(key: string): void {
    const item = this.outbox.discard(key)
    if (item) this.drafts.restore(item.room, { text: item.content, replyTo: item.replyTo })
  }

  private tabEvent(event: TabEvent): void {
    if (event.kind === 'user' || event.login !== this.user.login) return
    if (event.kind === 'front') this.elsewhere = event.room
    else if (event.kind === 'draft') this.drafts.take(event.room, event.draft)
    else this.outbox.forget(event.key)
  }

  /** Says which room is shown to somebody who is looking at this tab. */
  showing(room: string | null): void {
    if (room !== null) this.elsewhere = null
    this.around.tabs.send({ kind: 'front', login: this.user.login, room })
  }

  /** A message that was unread, and is deleted, does not count any more. */
  private uncount(entry: RoomEntry, message: Message): void {
    const read = entry.lastRead !== null && compareIds(message.messageId, entry.lastRead) <= 0
    if (entry.unread === 0 || read || message.systemMessage || message.author.login === this.user.login) return
    const count = entry.countUnread(this.user.login)
    if (count !== null) entry.unread = count
    else if (entry.unread < 100 && entry.uncounted(message)) entry.unread--
    else this.askSoon() // it was counted by the server, or counted before, or nobody knows how many there are
    if (entry.unread === 0) entry.mentioned = false
  }

  /** A message that was heard before sending it was answered keeps the row it has, and the focus in it. */
  private recognize(entry: RoomEntry, message: Message): void {
    if (this.keys.has(message.messageId)) return
    const item = this.outbox.of(entry.name).find((o) => isHeard(o, message))
    if (item) this.name(message, item)
  }

  private name(message: Message, item: Outgoing): void {
    // Another device may have written the same words: a row has one name, and a name one row.
    for (const [id, key] of this.keys) if (key === item.key) this.keys.delete(id)
    this.keys.set(message.messageId, item.key)
  }

  /** The reader has seen everything up to a message. */
  read(entry: RoomEntry, messageId: string): void {
    if (entry.lastRead !== null && compareIds(messageId, entry.lastRead) <= 0) {
      if (!entry.log.hasNewer && entry.log.newest?.messageId === entry.lastRead) entry.unread = 0
      return
    }
    this.setRead(entry, messageId)
    clearTimeout(this.reading.get(entry.name))
    if (!this.features.readPositions) return
    this.reading.set(
      entry.name,
      setTimeout(() => {
        this.api.markRead(entry.name, messageId).catch(() => {
          // The next message read tells it again.
        })
      }, 400),
    )
  }

  /** Marks a message, and all newer ones, as unread. They stay so while the room is shown. */
  async markUnread(entry: RoomEntry, message: Message): Promise<void> {
    clearTimeout(this.reading.get(entry.name))
    const was = entry.lastRead
    const { messages } = entry.log
    const before = messages[messages.findIndex((m) => m.messageId === message.messageId) - 1]
    // What the server takes it to be comes as an event.
    this.goBack(entry, before?.messageId ?? idBefore(timeOf(message.messageId)))
    try {
      await this.api.markUnread(entry.name, message.messageId)
    } catch (error) {
      entry.held = false
      if (was !== null) this.setRead(entry, was)
      throw error
    }
  }

  /** Takes a read position that may be older than the one before. */
  goBack(entry: RoomEntry, messageId: string): void {
    entry.held = this.current === entry
    entry.lastRead = null
    this.setRead(entry, messageId)
    if (entry.countUnread(this.user.login) === null) this.askSoon()
    else this.lookups.want(entry)
  }

  /** Notes up to where the user has read. */
  setRead(entry: RoomEntry, messageId: string): void {
    entry.moved = ++this.clock
    if (entry.lastRead === null || compareIds(messageId, entry.lastRead) > 0) {
      entry.lastRead = messageId
      try {
        this.around.shelf?.setItem(this.readName(entry.name), messageId)
      } catch {
        // Kept on the server, or as long as the page lives.
      }
    }
    entry.unread = entry.countUnread(this.user.login) ?? entry.unread
    if (entry.unread === 0) entry.mentioned = entry.held = false
  }

  async mute(entry: RoomEntry, muted: boolean): Promise<void> {
    if (this.features.mute) await this.api.mute(entry.name, muted)
    else this.around.shelf?.setItem(`confab:muted:${this.user.login}:${entry.name}`, muted ? '1' : '')
    entry.muted = muted
  }

  // What is unread, and hearing of it

  /** Reads the states of all rooms. An answer that a later one has overtaken would bring old counts back: it is dropped. */
  loadStates(first?: Question): Promise<void> {
    return (this.states = this.readStates(++this.readings, first))
  }

  private ask(after?: string): Question {
    return { asked: ++this.clock, page: this.api.roomStates(this.user.login, after, statesAtATime) }
  }

  /** Asks for what is new. Rejects if the server does not answer. */
  private async look(): Promise<void> {
    // A service worker answers this question with nothing that it has kept.
    if ((await this.api.methods('users')).size === 0) throw new ApiError(0, 'no answer of the server')
    if (!this.learned) await this.learn()
    else if (this.features.readPositions) {
      const first = this.ask()
      await first.page
      await this.loadStates(first)
    }
    await this.current?.log.look()
  }

  private async readStates(reading: number, first?: Question): Promise<void> {
    if (this.features.readPositions) {
      try {
        for (let question = first ?? this.ask(); ; ) {
          const page = await question.page
          if (reading < this.answered) return this.states
          this.answered = reading
          for (const s of page.rooms) this.takeState(s, question.asked)
          const after = page.rooms.at(-1)?.roomName
          if (!page.hasMore || after === undefined) return
          question = this.ask(after)
        }
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
      }
    }
    const names = this.mine.map((e) => e.name)
    for (const name of names) {
      const entry = this.entry(name)
      entry.muted = this.around.shelf?.getItem(`confab:muted:${this.user.login}:${name}`) === '1'
    }
    // A few at a time: there may be hundreds of rooms.
    const next = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) await this.catchUp(this.entry(name))
    }
    await Promise.all([next(), next(), next(), next()])
  }

  /** Counts what came since the last visit, on a server that does not count. */
  async catchUp(entry: RoomEntry): Promise<void> {
    if (!this.personal && this.current !== entry) this.watch(entry)
    try {
      const newest = await this.api.messages(entry.name, { fetchSize: 1 })
      const last = newest.messages[0]
      if (last) entry.note(last, false)
      if (!last || entry.lastRead === null || compareIds(last.messageId, entry.lastRead) <= 0) return
      const missed = await this.api.messages(entry.name, { after: entry.lastRead, fetchSize: 100 })
      const n = missed.messages.filter((m) => counts(m, this.user.login)).length
      entry.unread = missed.hasMore ? 100 : Math.min(100, n + entry.countedAfter(missed.messages.at(-1) ?? null))
      this.lookups.want(entry)
    } catch {
      // Left for the next start; the room itself still opens.
    }
  }

  private takeState(s: RoomState, asked: number): void {
    const entry = this.entry(s.roomName)
    entry.mine = true
    entry.describe(s)
    const last = s.lastMessage
    const newer = last && (!entry.lastMessage || compareIds(last.messageId, entry.lastMessage.messageId) > 0)
    if (last) entry.note(last, false)
    if (s.lastRead !== null && (entry.lastRead === null || compareIds(s.lastRead, entry.lastRead) > 0)) {
      entry.lastRead = s.lastRead
    } else if (s.lastRead !== null && s.lastRead !== entry.lastRead && s.markedUnread && entry.moved <= asked) {
      // Another device has marked messages as unread.
      entry.lastRead = s.lastRead
      entry.held = this.current === entry
    }
    // What was heard while this was under way is not in it.
    entry.unread = Math.min(100, s.unread + entry.countedAfter(last))
    if (entry.unread === 0) entry.mentioned = false
    entry.muted = s.muted
    this.awaited.get(s.roomName)?.()
    this.lookups.want(entry)
    // It came while the page was connecting: the subscription did not deliver it.
    if (newer && entry.unread > 0 && timeOf(last.messageId) >= this.since && counts(last, this.user.login)) this.alert(entry, last)
  }

  /** Asks the server for the counts that cannot be known here, once for all that happens at one time. */
  askSoon(): void {
    clearTimeout(this.asking)
    this.asking = setTimeout(() => void this.loadStates().catch(() => {}), 300)
  }

  private listenPersonally(): void {
    this.personal = true
    personalChannel(this, () => {
      this.personal = false
      for (const entry of this.mine) if (entry !== this.current) this.watch(entry)
    })
  }

  private watch(entry: RoomEntry): void {
    if (this.watched.has(entry.name) || this.watched.size >= mostWatched) return
    this.watched.set(entry.name, watchChannel(this, entry))
  }

  private readName(room: string): string {
    return `confab:read:${this.user.login}:${room}`
  }

  /** The room has been deleted, by whomever. */
  roomDeleted(entry: RoomEntry): void {
    this.gone(entry, t('room.deleted', { room: entry.label }))
  }

  link(room: string, message?: string): string {
    return location.origin + location.pathname + roomHash(room, message)
  }
}

/** Reports whether the page is at a room: it may be only about to be listened to. */
function isShown(entry: RoomEntry): boolean {
  return router.route.at === 'room' && router.route.room === entry.name
}

/** Reports whether somebody can be looking at this page. */
export function looking(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}
