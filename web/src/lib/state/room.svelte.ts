import { SvelteMap, SvelteSet } from 'svelte/reactivity'
import { compareIds, systemLogin, type ChatApi, type Message, type MessagePage, type Person, type Room } from '@confab/client'
import { RoomLog } from './log.svelte'
import { Reads } from './reads'

/** One room of the user, or one that is looked at. */
export class RoomEntry {
  readonly name: string
  readonly log: RoomLog
  /** Null until it has been fetched. */
  room = $state.raw<Room | null>(null)
  /** The user is a participant. */
  mine = $state(false)
  lastMessage = $state.raw<Message | null>(null)
  /** The newest message that somebody wrote: who comes and goes does not move a room. */
  lastSaid = $state.raw<Message | null>(null)
  lastRead = $state<string | null>(null)
  /** Bounded: 100 means 100 or more. */
  unread = $state(0)
  /** The user has marked messages as unread: they stay so, though they are on the screen, until the room is left. */
  held = $state(false)
  /** When the read position was last moved here, by the clock of Chat: an answer that was asked for before is older. */
  moved = 0
  /** Somebody wrote the user's login since it was read. */
  mentioned = $state(false)
  muted = $state(false)
  readonly online = new SvelteSet<string>()
  /** The rows of very long messages that are shown whole. */
  readonly unfolded = new SvelteSet<string>()
  /** Who is writing, with the time at which that is no longer believed. */
  readonly typing = new SvelteMap<string, number>()

  constructor(name: string, api: ChatApi, seen: (page: MessagePage) => void = () => {}) {
    this.name = name
    this.log = new RoomLog(
      async (query, signal) => {
        const page = await api.messages(name, query, signal)
        seen(page)
        // The newest page may be newer than what else is known of the room: without a connection it is.
        if (!query.before && !query.after && !query.around) for (const m of page.messages) this.note(m, false)
        return page
      },
      (after) => api.changes(name, after),
      () => this.lastMessage?.messageId,
    )
  }

  private readonly byLogin = $derived(new Map(this.room?.participants.map((p) => [p.login, p])))

  person(login: string): Person | undefined {
    return this.byLogin.get(login)
  }

  isParticipant(login: string): boolean {
    return this.person(login) !== undefined
  }

  private readonly roomReads = new Reads<(room: Room) => Room>()
  private readonly onlineReads = new Reads<{ login: string; online: boolean }>()

  /** Reads the room. What is heard of its participants meanwhile is newer than the answer. */
  async read(fetch: () => Promise<Room>): Promise<void> {
    await this.roomReads.read(fetch, (room, since) => {
      this.room = since.reduce((r, apply) => apply(r), room)
    })
  }

  /** Reads who is online. What is heard meanwhile is newer than the answer. */
  async readOnline(fetch: () => Promise<string[]>): Promise<void> {
    await this.onlineReads.read(fetch, (logins, since) => {
      this.online.clear()
      for (const login of logins) this.online.add(login)
      for (const e of since) this.markOnline(e.login, e.online)
    })
  }

  /** Takes the event that somebody is online, or is no more. */
  setOnline(login: string, online: boolean): void {
    this.onlineReads.heard({ login, online })
    this.markOnline(login, online)
  }

  private markOnline(login: string, online: boolean): void {
    if (online) this.online.add(login)
    else this.online.delete(login)
  }

  private change(apply: (room: Room) => Room): void {
    this.roomReads.heard(apply)
    if (this.room) this.room = apply(this.room)
  }

  /** Takes the event that somebody has another name. */
  rename(person: Person): void {
    const renamed = (p: Person): Person => (p.login === person.login ? person : p)
    this.change((room) => ({ ...room, creator: renamed(room.creator), participants: room.participants.map(renamed) }))
  }

  /** Takes the event that somebody joined or left. */
  setParticipant(person: Person, here: boolean): void {
    this.change((room) => {
      const others = room.participants.filter((p) => p.login !== person.login)
      return { ...room, participants: here ? [...others, person] : others }
    })
    if (!here) {
      this.online.delete(person.login)
      this.typing.delete(person.login)
    }
  }

  /** Takes note of the newest message; an older one, or a change of another, is not it. */
  note(message: Message, change: boolean): void {
    if (isNewer(message, this.lastMessage, change)) this.lastMessage = message
    if (!message.systemMessage && isNewer(message, this.lastSaid, change)) this.lastSaid = message
  }

  // Unread ones that were heard live, the last hundred.
  private heard: string[] = []

  /** Notes that a message has been added to the count of unread ones. */
  counted(message: Message): void {
    this.heard = [...this.heard.slice(-99), message.messageId]
  }

  // The newest message that the server's count was about.
  private asked: string | undefined

  /** How many were counted that are newer than the message that the server's count is about, and than the last one read. */
  countedAfter(message: Message | null): number {
    this.heard = this.heard.filter((id) => after(id, this.lastRead))
    if (message && after(message.messageId, this.asked)) this.asked = message.messageId
    return this.heard.filter((id) => after(id, message?.messageId)).length
  }

  /** Takes a message out of those that were counted here; false if it was not one, or is in the server's count. */
  uncounted(message: Message): boolean {
    const counted = this.heard.includes(message.messageId)
    this.heard = this.heard.filter((id) => id !== message.messageId)
    return counted && after(message.messageId, this.asked)
  }

  /** How many of the loaded messages come after the last one read; null if that cannot be known. */
  countUnread(self: string): number | null {
    const { messages, hasOlder, hasNewer } = this.log
    const read = this.lastRead
    const first = messages[0]
    if (read !== null && this.lastMessage && compareIds(this.lastMessage.messageId, read) <= 0) return 0
    if (this.log.status !== 'ready' || hasNewer) return null
    if (hasOlder && (read === null || (first && compareIds(read, first.messageId) < 0))) return null
    return Math.min(100, messages.filter((m) => after(m.messageId, read) && counts(m, self)).length)
  }
}

/** Reports whether a message takes the place of another: it is newer, or another form of the same. */
function isNewer(message: Message, known: Message | null, change: boolean): boolean {
  const order = known ? compareIds(message.messageId, known.messageId) : 1
  return order === 0 || (order > 0 && !change)
}

/** Reports whether an id is newer than another, or than none. */
function after(id: string, limit: string | null | undefined): boolean {
  return !limit || compareIds(id, limit) > 0
}

/** Reports whether a message is something to read for a user. */
export function counts(message: Message, self: string): boolean {
  return !message.systemMessage && message.author.login !== systemLogin && message.author.login !== self && !message.deleted
}

/** A person's name as it is shown. */
export function fullName(person: Person): string {
  return `${person.firstname} ${person.lastname}`.trim() || person.login
}
