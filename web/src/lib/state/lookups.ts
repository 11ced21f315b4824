import { compareIds, type ChatApi } from '@confab/client'
import { mentions } from '../text/blocks'
import { counts, type RoomEntry } from './room.svelte'

// Of so many rooms, at most, this is read in one visit.
const mostRooms = 100

/**
 * Reads what the server's states of rooms do not say, one room after the other: whether something unread mentions the
 * user, and the newest message that somebody wrote, where somebody joined or left since.
 */
export class Lookups {
  private readonly asked = new Set<string>()
  private readonly queue: RoomEntry[] = []
  private running = false

  constructor(
    private readonly api: Pick<ChatApi, 'messages'>,
    private readonly self: string,
  ) {}

  /** Reads what is missing of a room, once for each position up to which it was read. */
  want(entry: RoomEntry): void {
    const key = keyOf(entry)
    if ((!called(entry) && !unsaid(entry)) || this.asked.has(key) || this.asked.size >= mostRooms) return
    this.asked.add(key)
    this.queue.push(entry)
    if (!this.running) void this.run()
  }

  /** Reads a room again, in which a message was changed. */
  again(entry: RoomEntry): void {
    if (this.queue.includes(entry)) return
    this.asked.delete(keyOf(entry))
    this.want(entry)
  }

  private async run(): Promise<void> {
    this.running = true
    try {
      for (let entry = this.queue.shift(); entry; entry = this.queue.shift()) await this.read(entry)
    } catch {
      // Without a connection nothing is known; the next visit asks anew.
      this.queue.length = 0
    } finally {
      this.running = false
    }
  }

  private async read(entry: RoomEntry): Promise<void> {
    if (unsaid(entry)) {
      const { messages } = await this.api.messages(entry.name, { fetchSize: 20 })
      for (const m of messages) entry.note(m, false)
    }
    const from = entry.lastRead
    if (!called(entry) || from === null) return
    const { messages } = await this.api.messages(entry.name, { after: from, fetchSize: 100 })
    const missed = messages.some((m) => counts(m, this.self) && mentions(m.content, this.self) && (entry.lastRead === null || compareIds(m.messageId, entry.lastRead) > 0))
    if (missed && entry.unread > 0) entry.mentioned = true
  }
}

function keyOf(entry: RoomEntry): string {
  return `${entry.lastRead ?? ''} ${entry.name}`
}

/** Something unread may mention the user. */
function called(entry: RoomEntry): boolean {
  return entry.unread > 0 && !entry.mentioned && entry.lastRead !== null
}

/** The newest message is one that nobody wrote. */
function unsaid(entry: RoomEntry): boolean {
  return entry.lastMessage?.systemMessage === true && entry.lastSaid === null
}
