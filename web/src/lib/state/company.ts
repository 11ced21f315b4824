import type { ChatApi, Realtime } from '@confab/client'
import { presence } from './channel'
import type { RoomEntry } from './room.svelte'

// Of so many direct conversations, at most, it is known who is online.
const most = 20

/** Listens to who of the user's direct conversations is online. */
export class Company {
  private readonly followed = new Map<RoomEntry, () => void>()

  constructor(
    private readonly realtime: Realtime,
    private readonly api: ChatApi,
  ) {}

  /** Listens to the first of these, and to no others any more. */
  follow(entries: readonly RoomEntry[]): void {
    const wanted = new Set(entries.slice(0, most))
    for (const [entry, stop] of this.followed) {
      if (wanted.has(entry)) continue
      stop()
      this.followed.delete(entry)
    }
    for (const entry of wanted) if (!this.followed.has(entry)) this.followed.set(entry, presence(this.realtime, this.api, entry))
  }
}
