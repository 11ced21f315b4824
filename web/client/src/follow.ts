import { Backoff } from './backoff.js'
import { ApiError } from './errors.js'
import { allChanges } from './pages.js'
import { pause } from './pause.js'
import type { Realtime } from './realtime.js'
import type { ChatApi } from './rest.js'
import { compareIds, idBefore, timeOf } from './timeuuid.js'
import { onParticipants } from './topics.js'
import type { ChangeKind, Message } from './types.js'

// Ids of different servers become visible slightly out of order: so far before the newest one it resumes, in ms.
const overlap = 10_000

// So many ids are remembered to tell doubles by: many more than the server replays.
const remembered = 20_000

export type RoomEvent =
  /** `id` is the message's. */
  | { type: 'message'; id: string; message: Message }
  /** `id` is the change's own; the message is as it is now, or was when it was read. */
  | { type: 'change'; id: string; kind: ChangeKind; message: Message }

export interface FollowOptions {
  /** Takes each event once. Calls do not overlap; it must not throw. */
  onEvent: (event: RoomEvent) => void
  /** The `position` of an earlier run: what came after it comes first. Default: nothing that is there already. */
  after?: string | undefined
  /** It has ended and will not go on: the user is not in the room any more, or there is no such room. */
  onEnd?: (error: ApiError) => void
  /** Without real time: how often to ask, in ms. Default 3000. */
  every?: number
}

export interface Following {
  /**
   * Everything up to this message or change has been delivered: good for `after` in another run. With several servers,
   * what another one publishes some seconds late may be missing before it.
   */
  readonly position: string
  stop(): void
}

/**
 * Delivers the messages of a room and what happens to them, each once and none missing, over lost connections too: from the
 * WebSocket, and by REST if more was missed than the server replays. With `realtime` null it asks by REST alone, every few
 * seconds. Messages come in the order of their ids, except those that other servers publish late, and changes that were missed come after the
 * messages that were. `realtime` has to be opened by the caller. Rejects with an ApiError if the room cannot be read.
 */
export async function followRoom(api: ChatApi, realtime: Realtime | null, room: string, options: FollowOptions): Promise<Following> {
  const follower = new Follower(api, room, options, options.after ?? (await present(api, room)))
  if (realtime) follower.listen(realtime, (await api.currentUser())?.login)
  else void follower.poll(options.every ?? 3000)
  return follower
}

/** The position of everything that is there now. */
async function present(api: ChatApi, room: string): Promise<string> {
  let position = (await api.messages(room, { fetchSize: 1 })).messages[0]?.messageId ?? idBefore(0)
  for await (const change of allChanges(api, room, position)) position = change.changeId
  return position
}

class Follower implements Following {
  private readonly seen = new Set<string>()
  private readonly ending = new AbortController()
  /** Events that wait until what came before them has been read. */
  private held: RoomEvent[] | null = null
  private missed = false
  private subscriptions: (() => void)[] = []

  constructor(
    private readonly api: ChatApi,
    private readonly room: string,
    private readonly options: FollowOptions,
    private readonly start: string,
    public position = start,
  ) {}

  stop(): void {
    this.ending.abort()
    for (const unsubscribe of this.subscriptions) unsubscribe()
  }

  listen(realtime: Realtime, self: string | undefined): void {
    const messages = realtime.subscribe(`/topic/messages/${this.room}`, {
      after: () => this.resumeFrom(),
      onMessage: ({ headers, body }) => {
        const message = JSON.parse(body) as Message
        const kind = headers['change'] as ChangeKind | undefined
        const event: RoomEvent =
          kind === undefined
            ? { type: 'message', id: message.messageId, message }
            : { type: 'change', id: headers['message-id'] ?? '', kind, message }
        if (this.held) this.held.push(event)
        else this.reach(this.deliver(event))
      },
      onReady: (recovered) => {
        if (recovered === false) void this.catchUp()
      },
      onRefused: (reason) => this.end(new ApiError(403, reason)),
    })
    // A subscription that the server ends is silent: these say that it is over.
    const participants = onParticipants(realtime, this.room, (person, here) => {
      if (!here && person.login === self) this.end(new ApiError(403, 'Not a participant of this room any more'))
    })
    const action = realtime.subscribe(`/topic/action/${this.room}`, {
      onMessage: ({ headers }) => {
        if (headers['action'] === 'DELETE') this.end(new ApiError(404, 'This room has been deleted'))
      },
    })
    this.subscriptions = [messages, participants, action]
  }

  async poll(every: number): Promise<void> {
    while (!this.ending.signal.aborted) {
      await this.catchUp()
      await pause(every, this.ending.signal).catch(() => {})
    }
  }

  /** Reads what was missed, by REST. Resolves when that is delivered, or when it has ended. */
  private async catchUp(): Promise<void> {
    this.missed = true
    if (this.held) return // the one under way goes on
    this.held = []
    const backoff = new Backoff()
    while (this.missed) {
      this.missed = false
      const read = { messages: this.resumeFrom(), changes: this.resumeFrom() }
      for (;;) {
        try {
          await this.readOn(read)
          break
        } catch (error) {
          if (this.ending.signal.aborted) return
          const reason = error instanceof ApiError ? error : new ApiError(0, String(error))
          if (!reason.temporary) {
            this.end(reason)
            return
          }
          await pause(Math.max(backoff.next(), (reason.retryAfter ?? 0) * 1000), this.ending.signal).catch(() => {})
        }
      }
      // Not before both are read: a position says that nothing before it is missing.
      this.reach(read.messages)
      this.reach(read.changes)
    }
    const held = this.held
    this.held = null
    for (const event of held) this.reach(this.deliver(event))
  }

  /** Delivers from where `read` says to the end. What it delivered it notes there, so that a second try goes on. */
  private async readOn(read: { messages: string; changes: string }): Promise<void> {
    for (let more = true; more; ) {
      const page = await this.api.messages(this.room, { after: read.messages, fetchSize: 200 }, this.ending.signal)
      for (const message of page.messages) read.messages = this.deliver({ type: 'message', id: message.messageId, message })
      more = page.hasMore && page.messages.length > 0
    }
    for (let more = true; more; ) {
      const page = await this.api.changes(this.room, read.changes)
      for (const { changeId: id, kind, message } of page.changes) read.changes = this.deliver({ type: 'change', id, kind, message })
      if (page.next !== undefined) read.changes = page.next
      more = page.hasMore && (page.next !== undefined || page.changes.length > 0)
    }
  }

  private deliver(event: RoomEvent): string {
    if (!this.seen.has(event.id) && !this.ending.signal.aborted) {
      this.seen.add(event.id)
      const [oldest] = this.seen.size > remembered ? this.seen : []
      if (oldest !== undefined) this.seen.delete(oldest)
      this.options.onEvent(event)
    }
    return event.id
  }

  private reach(id: string): void {
    if (!this.ending.signal.aborted && compareIds(id, this.position) > 0) this.position = id
  }

  private resumeFrom(): string {
    const before = idBefore(timeOf(this.position) - overlap)
    return compareIds(before, this.start) > 0 ? before : this.start
  }

  private end(reason: ApiError): void {
    if (this.ending.signal.aborted) return
    this.stop()
    this.options.onEnd?.(reason)
  }
}
