import { SvelteMap } from 'svelte/reactivity'
import {
  ApiError,
  compareIds,
  Realtime,
  type ChatApi,
  type ConnectionState,
  type Message,
  type NewRoom,
  type Room,
  type User,
} from '@confab/client'
import { t } from '../i18n'
import { isHeard } from '../list/rows'
import { Arrivals } from './arrivals'
import { openChannel, watchChannel } from './channel'
import { Company } from './company'
import { Drafts } from './drafts'
import type { TabEvent, Tabs } from './tabs'
import { findFeatures, noFeatures, type Features } from './features'
import { Invitations } from './invitations.svelte'
import { Keeper, type Keep } from './keeper'
import { Looking } from './looking.svelte'
import { notices, type Notice } from './notices.svelte'
import { Outbox, type Outgoing } from './outbox.svelte'
import { personalChannel } from './personal'
import { Pictures } from './pictures.svelte'
import { RoomEntry } from './room.svelte'
import { roomHash, router } from './router.svelte'
import { today } from './today.svelte'
import { Unread } from './unread.svelte'
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

/** Everything of one logged-in user: rooms, what is under way, the connection. */
export class Chat {
  user = $state.raw<User>() as User
  features = $state.raw<Features>(noFeatures)
  connection = $state<ConnectionState>('closed')
  retryAt = $state<number | null>(null)
  readonly rooms = new SvelteMap<string, RoomEntry>()
  readonly unreads: Unread
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
  private closeCurrent: () => void = () => {}
  private readonly watched = new Map<string, () => void>()
  /** When mutes of the user are over. */
  private readonly muteEnds = new Map<RoomEntry, ReturnType<typeof setTimeout>>()
  private personal = false
  private learned = false
  private wasOpen = false
  private stopped = false
  private readonly stopListening: () => void
  // The room that another tab shows to somebody who is looking.
  private elsewhere: string | null = null

  constructor(
    readonly api: ChatApi,
    user: User,
    private readonly around: Surroundings,
  ) {
    this.user = user
    const { shelf, keep } = around
    this.keeper = keep ? new Keeper(keep, () => this.mine) : null
    today.follow(() => api.now())
    this.unreads = new Unread(this, shelf)
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
    setTimeout(this.unreads.settle, 4000)
    try {
      await this.learn()
    } finally {
      this.unreads.settle()
    }
  }

  /** Finds out what the server can do and what there is to read; without a connection, at the next one. */
  private async learn(): Promise<void> {
    if (this.learned) return
    this.learned = true
    // Both are asked at the same time: on a slow line each question is half a second.
    const first = this.unreads.ask()
    try {
      this.features = await findFeatures(this.api)
    } catch {
      this.learned = false
      // Without a connection there may be the answer of an earlier visit.
      this.unreads.take(first).catch(() => {})
      return
    }
    if (this.features.readPositions) this.listenPersonally()
    if (this.current) {
      // It was opened before it was known what can be listened to.
      this.closeCurrent()
      this.closeCurrent = openChannel(this, this.current)
    }
    await this.unreads.load(first)
  }

  stop(): void {
    this.stopped = true
    this.stopListening()
    this.showing(null)
    this.closeCurrent()
    this.realtime.close()
    this.outbox.stop()
    this.uploads?.stop()
    for (const timer of this.muteEnds.values()) clearTimeout(timer)
    this.unreads.stop()
    this.arrivals.stop()
    this.keeper?.stop()
  }

  entry(name: string): RoomEntry {
    let entry = this.rooms.get(name)
    if (!entry) {
      entry = new RoomEntry(name, this.api, (page) => this.pictures.learn(page.messages.map((m) => m.author.login), page.avatars), this.user.login)
      entry.lastRead = this.unreads.keptIn(name)
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
    if (left?.mine) this.watch(left)
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

  /** The user is no longer in a room, and it was not this page that left it. Who looks at it is told, and whom somebody removed. */
  removed(entry: RoomEntry, tell = isShown(entry)): void {
    if (!tell || entry === this.leaving) this.gone(entry)
    else this.gone(entry, t('room.removed', { room: entry.label }), 'error')
  }

  /** Looks whether the user is still in a room. Without an answer nothing happens, nor if the room was left meanwhile. */
  async check(entry: RoomEntry): Promise<void> {
    const left = (e: RoomEntry): boolean => this.rooms.get(e.name) !== e
    if (left(entry)) return
    try {
      const shown = await this.show(entry.name)
      if (!shown.mine && !left(shown)) this.removed(shown, true)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404 || left(entry)) return
      // Who is not in a private room cannot tell whether it is there.
      if (entry.kind === 'open') this.roomDeleted(entry)
      else this.removed(entry, true)
    }
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
    this.watch(entry)
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
    const newest = !entry.lastMessage || compareIds(message.messageId, entry.lastMessage.messageId) > 0
    if (!known && !change && message.author.login === this.user.login) this.recognize(entry, message)
    entry.log.hear(message, change)
    entry.note(message, change)
    this.keeper?.soon(entry)
    entry.typing.delete(message.author.login)
    if (!change && !known) this.unreads.heard(entry, message, newest)
    else if (change) this.unreads.changed(entry, message)
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

  /** Reports whether somebody is looking at a room, here or in another tab. */
  isSeen(entry: RoomEntry): boolean {
    return (this.current === entry && looking()) || this.elsewhere === entry.name
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

  /** Asks for what is new. Rejects if the server does not answer. */
  private async look(): Promise<void> {
    // A service worker answers this question with nothing that it has kept.
    if ((await this.api.methods('users')).size === 0) throw new ApiError(0, 'no answer of the server')
    if (!this.learned) await this.learn()
    else if (this.features.readPositions) await this.unreads.look()
    await this.current?.log.look()
  }

  private listenPersonally(): void {
    this.personal = true
    personalChannel(this, () => {
      this.personal = false
      for (const entry of this.mine) this.watch(entry)
    })
  }

  /** Listens to a room that is not shown, where the user's own topic does not tell of it. */
  watch(entry: RoomEntry): void {
    if (this.personal || this.current === entry || this.watched.has(entry.name) || this.watched.size >= mostWatched) return
    this.watched.set(entry.name, watchChannel(this, entry))
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
