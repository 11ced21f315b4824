import { ApiError, compareIds, idBefore, timeOf, type Message, type RoomState, type RoomStatePage } from '@confab/client'
import { mentions } from '../text/blocks'
import type { Chat } from './chat.svelte'
import { statesAtATime } from './keeper'
import { Lookups } from './lookups'
import { notify } from './notify'
import { counts, type RoomEntry } from './room.svelte'

/** A question for states of rooms. */
interface Question {
  /** When it was asked, by the clock of Unread. */
  asked: number
  page: Promise<RoomStatePage>
}

/**
 * What is unread in the user's rooms: counts messages as they come, moves read positions, and asks the server for the
 * states of rooms. An answer to an earlier question never replaces the counts of a later one, and never moves a read
 * position back that was moved here since. What cannot be counted here is asked for. A server that keeps no read
 * positions is read room by room; the browser keeps the positions then.
 */
export class Unread {
  /** Unread messages in all rooms that are not muted. */
  readonly total: number = $derived.by(() => this.chat.mine.reduce((sum, e) => sum + (e.muted ? 0 : e.unread), 0))
  /** Settles when it is known what is unread, or cannot be known now. */
  readonly counted: Promise<void>
  /** Says that it is known, or cannot be known now. */
  readonly settle: () => void
  private readonly awaited = new Map<string, () => void>()
  private readonly lookups: Lookups
  // Read positions that the server is told soon.
  private readonly reading = new Map<string, ReturnType<typeof setTimeout>>()
  private asking: ReturnType<typeof setTimeout> | undefined
  // Readings of the states of rooms, which of them was answered last, and what the newest one has come to.
  private readings = 0
  private answered = 0
  private states: Promise<void> = Promise.resolve()
  private readonly self: string
  // Counts moves of read positions, and questions for them.
  private clock = 0
  // When this page began, by the server's clock: what is older was there before.
  private readonly since: number

  constructor(
    private readonly chat: Pick<Chat, 'api' | 'user' | 'features' | 'mine' | 'current' | 'check' | 'entry' | 'isSeen' | 'watch'>,
    private readonly shelf: Storage | null,
  ) {
    this.self = chat.user.login
    let settle = (): void => {}
    this.counted = new Promise((resolve) => (settle = resolve))
    this.settle = settle
    this.since = chat.api.serverTime ?? Date.now()
    this.lookups = new Lookups(chat.api, this.self)
  }

  stop(): void {
    for (const timer of this.reading.values()) clearTimeout(timer)
    clearTimeout(this.asking)
  }

  /** Settles when it is known what is unread in a room, or cannot be known now. */
  countedIn(room: string): Promise<void> {
    return Promise.race([this.counted, new Promise<void>((resolve) => this.awaited.set(room, resolve))])
  }

  /** Up to where a room has been read, as far as this browser knows. */
  keptIn(room: string): string | null {
    return this.shelf?.getItem(this.name('read', room)) ?? null
  }

  /** Counts a message that was not known. Newest: it is newer than the newest that was. */
  heard(entry: RoomEntry, message: Message, newest: boolean): void {
    if (message.author.login === this.self) {
      if (!newest) return
      // Who writes has read what was there.
      entry.unread = 0
      entry.lastRead = message.messageId
      entry.mentioned = entry.held = false
      entry.moved = ++this.clock
      return
    }
    if (!counts(message, this.self) || isRead(entry, message.messageId) || entry.hasCounted(message)) return
    // Two nodes may deliver messages in another order than that of their ids. Only the server knows which it counted.
    if (entry.mayBeCounted(message)) return this.askSoon()
    entry.unread = Math.min(100, entry.unread + 1)
    entry.counted(message)
    this.alert(entry, message)
  }

  /** A message that was unread, and is deleted, does not count any more. An edit may add a mention, or take it away. */
  changed(entry: RoomEntry, message: Message): void {
    if (entry.unread === 0 || isRead(entry, message.messageId)) return
    if (message.systemMessage || message.author.login === this.self) return
    if (!message.deleted) {
      const was = entry.mentioned
      entry.mentioned = mentions(message.content, this.self)
      if (was && !entry.mentioned) this.lookups.again(entry) // another one may have a mention
      return
    }
    const count = entry.countUnread(this.self)
    if (count !== null) entry.unread = count
    else if (entry.unread < 100 && entry.uncounted(message)) entry.unread--
    else this.askSoon() // it was counted by the server, or counted before, or nobody knows how many there are
    if (entry.unread === 0) entry.mentioned = false
  }

  /** Marks a mention, and shows a new message on the desktop unless the reader is looking at its room. */
  private alert(entry: RoomEntry, message: Message): void {
    const called = mentions(message.content, this.self)
    if (called) entry.mentioned = true
    if (!this.chat.isSeen(entry) && (!entry.muted || called)) notify(entry, message)
  }

  /** Messages of a room are announced, and are in the total, or not. */
  async mute(entry: RoomEntry, muted: boolean): Promise<void> {
    if (this.chat.features.mute) await this.chat.api.mute(entry.name, muted)
    else this.shelf?.setItem(this.name('muted', entry.name), muted ? '1' : '')
    entry.muted = muted
  }

  /** The reader has seen everything up to a message. */
  read(entry: RoomEntry, messageId: string): void {
    if (isRead(entry, messageId)) {
      if (!entry.log.hasNewer && entry.log.newest?.messageId === entry.lastRead) entry.unread = 0
      return
    }
    this.setRead(entry, messageId)
    clearTimeout(this.reading.get(entry.name))
    if (!this.chat.features.readPositions) return
    // Where it fails, the next message read tells it again.
    const tell = (): void => void this.chat.api.markRead(entry.name, messageId).catch(() => {})
    this.reading.set(entry.name, setTimeout(tell, 400))
  }

  /** Marks a message, and all newer ones, as unread. They stay so while the room is shown. */
  async markUnread(entry: RoomEntry, message: Message): Promise<void> {
    clearTimeout(this.reading.get(entry.name))
    const was = entry.lastRead
    const { messages } = entry.log
    const before = messages[messages.findIndex((m) => m.messageId === message.messageId) - 1]
    // What the server takes it to be comes as an event.
    this.move(entry, before?.messageId ?? idBefore(timeOf(message.messageId)), true)
    try {
      await this.chat.api.markUnread(entry.name, message.messageId)
    } catch (error) {
      entry.held = false
      if (was !== null) this.setRead(entry, was)
      throw error
    }
  }

  /** Moves a read position as the user has done it, here or elsewhere. Back: by marking messages as unread. */
  move(entry: RoomEntry, messageId: string, back: boolean): void {
    if (back) {
      entry.held = this.chat.current === entry
      entry.lastRead = null
    }
    this.setRead(entry, messageId)
    if (entry.countUnread(this.self) === null) this.askSoon()
    else if (back) this.lookups.want(entry)
  }

  /** Notes up to where the user has read. */
  private setRead(entry: RoomEntry, messageId: string): void {
    entry.moved = ++this.clock
    if (entry.lastRead === null || compareIds(messageId, entry.lastRead) > 0) {
      entry.lastRead = messageId
      try {
        this.shelf?.setItem(this.name('read', entry.name), messageId)
      } catch {
        // Kept on the server, or as long as the page lives.
      }
    }
    entry.unread = entry.countUnread(this.self) ?? entry.unread
    if (entry.unread === 0) entry.mentioned = entry.held = false
  }

  /** Asks for the states of the first rooms, or of those after one. */
  ask(after?: string): Question {
    const page = this.chat.api.roomStates(this.self, after, statesAtATime)
    page.catch(() => {}) // also where nobody waits for it any more
    return { asked: ++this.clock, page }
  }

  /** Reads the states of all rooms. An answer that a later one has overtaken is dropped: its counts are old. */
  load(first?: Question): Promise<void> {
    return (this.states = this.readStates(++this.readings, first))
  }

  /** Reads the states of all rooms. Rejects if the server does not answer. */
  async look(): Promise<void> {
    const first = this.ask()
    await first.page
    await this.load(first)
  }

  /** Takes one answer as it is: without a connection it may be that of an earlier visit. */
  async take({ asked, page }: Question): Promise<void> {
    for (const s of (await page).rooms) this.takeState(s, asked)
  }

  private async readStates(reading: number, first?: Question): Promise<void> {
    const { chat } = this
    if (chat.features.readPositions) {
      // A room that is in no answer may have been left while there was no connection, or just joined.
      const missing = new Set(chat.mine)
      try {
        for (let question = first ?? this.ask(); ; ) {
          const page = await question.page
          if (reading < this.answered) return this.states
          this.answered = reading
          for (const s of page.rooms) missing.delete(this.takeState(s, question.asked))
          const after = page.rooms.at(-1)?.roomName
          if (!page.hasMore || after === undefined) break
          question = this.ask(after)
        }
        for (const entry of missing) await chat.check(entry) // one after the other: they may be hundreds
        return
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
      }
    }
    const names = chat.mine.map((e) => e.name)
    for (const name of names) chat.entry(name).muted = this.shelf?.getItem(this.name('muted', name)) === '1'
    // A few at a time: there may be hundreds of rooms.
    const next = async (): Promise<void> => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        chat.watch(chat.entry(name))
        await this.catchUp(chat.entry(name))
      }
    }
    await Promise.all([next(), next(), next(), next()])
  }

  /** Counts what came since the last visit, on a server that does not count. */
  async catchUp(entry: RoomEntry): Promise<void> {
    const { api } = this.chat
    try {
      const newest = await api.messages(entry.name, { fetchSize: 1 })
      const last = newest.messages[0]
      if (last) entry.note(last, false)
      if (!last || entry.lastRead === null || isRead(entry, last.messageId)) return
      const missed = await api.messages(entry.name, { after: entry.lastRead, fetchSize: 100 })
      const n = missed.messages.filter((m) => counts(m, this.self)).length
      entry.unread = missed.hasMore ? 100 : Math.min(100, n + entry.countedAfter(missed.messages.at(-1) ?? null))
      this.lookups.want(entry)
    } catch {
      // Left for the next start; the room itself still opens.
    }
  }

  private takeState(s: RoomState, asked: number): RoomEntry {
    const entry = this.chat.entry(s.roomName)
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
      entry.held = this.chat.current === entry
    }
    // What was heard while this was under way is not in it.
    entry.unread = Math.min(100, s.unread + entry.countedAfter(last))
    if (entry.unread === 0) entry.mentioned = false
    entry.muted = s.muted
    this.awaited.get(s.roomName)?.()
    this.lookups.want(entry)
    // It came while the page was connecting: the subscription did not deliver it.
    if (newer && entry.unread > 0 && timeOf(last.messageId) >= this.since && counts(last, this.self)) this.alert(entry, last)
    return entry
  }

  /** Asks the server for the counts that cannot be known here, once for all that happens at one time. */
  private askSoon(): void {
    clearTimeout(this.asking)
    this.asking = setTimeout(() => void this.load().catch(() => {}), 300)
  }

  private name(what: 'read' | 'muted', room: string): string {
    return `confab:${what}:${this.self}:${room}`
  }
}

function isRead(entry: RoomEntry, messageId: string): boolean {
  return entry.lastRead !== null && compareIds(messageId, entry.lastRead) <= 0
}
