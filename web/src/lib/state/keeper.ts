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

  // A page that is reloaded or closed does not wait for the timer.
  private readonly leaving = (): void => this.flush()

  constructor(
    private readonly keep: Keep,
    private readonly rooms: () => RoomEntry[],
  ) {
    globalThis.addEventListener?.('pagehide', this.leaving)
  }

  /** Keeps a room soon, and the states of all. */
  soon(entry: RoomEntry): void {
    this.changed.add(entry)
    this.timer ??= setTimeout(() => this.flush(), keepEvery)
  }

  /** Keeps what was to be kept soon. */
  private flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.changed.size === 0) return
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
  }

  stop(): void {
    globalThis.removeEventListener?.('pagehide', this.leaving)
    clearTimeout(this.timer)
  }
}
