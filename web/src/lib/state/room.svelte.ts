import { SvelteMap, SvelteSet } from 'svelte/reactivity'
import { compareIds, systemLogin, type Capabilities, type ChatApi, type Listed, type Message, type MessagePage, type Person, type Room, type RoomAction, type RoomKind, type RoomList, type RoomState } from '@confab/client'
import { region } from '../i18n'
import { RoomLog } from './log.svelte'
import { Reads } from './reads'

// What a server that does not say what one may do lets every participant do, and others.
const everybodys: readonly RoomAction[] = ['join a room', 'take part', 'post a message', 'edit a message', 'leave a room']

/** One room of the user, or one that is looked at. */
export class RoomEntry {
  readonly name: string
  readonly log: RoomLog
  /** Null until it has been fetched. */
  room = $state.raw<Room | null>(null)
  kind = $state<RoomKind>('open')
  title = $state<string | null>(null)
  /** Who is in a direct conversation. */
  between = $state.raw<Person[]>([])
  /** What the user may do here; null: not known, or the server does not say it. */
  actions = $state.raw<ReadonlySet<RoomAction> | null>(null)
  /** When the user may post again by themselves. */
  mutedUntil = $state<string | null>(null)
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
  /** When the read position was last moved here, by the clock of Unread: an answer that was asked for before is older. */
  moved = 0
  /** Somebody wrote the user's login since it was read. */
  mentioned = $state(false)
  muted = $state(false)
  /** Who is on lists of the room, for those who may see it and have looked. */
  listed = $state.raw<Partial<Record<RoomList, Listed[]>>>({})
  /** Counts changes of roles, mutes and lists. */
  changed = $state(0)
  readonly online = new SvelteSet<string>()
  /** The rows of very long messages that are shown whole. */
  readonly unfolded = new SvelteSet<string>()
  /** Who is writing, with the time at which that is no longer believed. */
  readonly typing = new SvelteMap<string, number>()

  constructor(
    name: string,
    api: ChatApi,
    seen: (page: MessagePage) => void = () => {},
    private readonly self = '',
  ) {
    this.name = name
    // Until more is known: a chosen name does not begin like this.
    if (name.startsWith('_')) this.kind = name.startsWith('_d') ? 'direct' : 'private'
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

  /** The others of a direct conversation. */
  readonly others = $derived(this.between.filter((p) => p.login !== this.self))

  /** What the room is called where it is shown. */
  readonly label: string = $derived.by(() => {
    if (this.title) return this.title
    if (this.others.length > 0) return new Intl.ListFormat(region(), { style: 'short', type: 'unit' }).format(this.others.map(fullName))
    return this.name.startsWith('_') ? '…' : this.name
  })

  /** Takes over what an answer says of the room as such. */
  describe({ kind, title, between }: Pick<RoomState, 'kind' | 'title' | 'between'>): void {
    if (kind) this.kind = kind
    this.title = title ?? null
    if (between) this.between = between
  }

  /** Reports whether the user may do something here, to an ordinary participant if it is about one. */
  may(action: RoomAction): boolean {
    if (this.actions) return this.actions.has(action)
    return (this.kind !== 'direct' && this.room?.creator.login === this.self) || everybodys.includes(action)
  }

  /** What somebody else is here, for who looks at the list of participants. */
  role(login: string): 'owner' | 'admin' | null {
    const { room } = this
    if (!room || this.kind === 'direct') return null
    if (login === (room.owner ?? room.creator.login)) return 'owner'
    return room.admins?.includes(login) ? 'admin' : null
  }

  /** Reports whether the user may do something to a participant: nobody governs the owner, and admins not each other. */
  mayTo(action: RoomAction, login: string): boolean {
    if (!this.may(action) || login === this.self) return false
    const role = this.role(login)
    return role === null || (role === 'admin' && this.may('govern a room'))
  }

  isListed(list: RoomList, login: string): boolean {
    return this.listed[list]?.some((l) => l.login === login) === true
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
      this.take(since.reduce((r, apply) => apply(r), room))
    })
  }

  take(room: Room): void {
    this.room = room
    this.describe(room)
  }

  private readonly actionReads = new Reads<never>()

  /** Reads what the user may do here. */
  async readActions(fetch: () => Promise<Capabilities>): Promise<void> {
    await this.actionReads.read(fetch, ({ actions, mutedUntil }) => {
      this.actions = new Set(actions)
      this.mutedUntil = mutedUntil ?? null
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
    this.between = this.between.map(renamed)
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

  /** Reports whether a message has been counted here. */
  hasCounted(message: Message): boolean {
    return this.heard.includes(message.messageId)
  }

  /** Reports whether a message is not newer than what the server's count was about. */
  mayBeCounted(message: Message): boolean {
    return this.asked !== undefined && !after(message.messageId, this.asked)
  }

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
