import type { MessagePage, RoomStatePage } from '@confab/client'
import type { RoomEntry } from './room.svelte'

/** Keeps what the server would answer now, for a page without a connection. */
export interface Keep {
  /** The newest page of a room. */
  messages(room: string, page: Pick<MessagePage, 'messages' | 'hasMore'>): void
  /** The first page of the states of rooms. */
  states(page: RoomStatePage): void
}

// What comes in this time is kept together.
const keepEvery = 1000
// As many states of rooms as the server gives in one answer.
export const statesAtATime = 200

/** Keeps what came over the socket. */
export class Keeper {
  private readonly changed = new Set<RoomEntry>()
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly keep: Keep,
    private readonly rooms: () => RoomEntry[],
  ) {}

  /** Keeps a room soon, and the states of all. */
  soon(entry: RoomEntry): void {
    this.changed.add(entry)
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      for (const e of this.changed) {
        const page = e.log.newestPage()
        if (page) this.keep.messages(e.name, page)
      }
      this.changed.clear()
      this.keep.states({
        rooms: this.rooms()
          .slice(0, statesAtATime)
          .map(({ name, kind, title, between, lastMessage, lastRead, unread, muted }) => ({ roomName: name, kind, title, between, lastMessage, lastRead, markedUnread: false, unread, muted })),
        hasMore: false,
      })
    }, keepEvery)
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}
