import { ApiError, Backoff, newKey, type Message } from '@confab/client'

export interface Outgoing {
  /** The Idempotency-Key: however often this is sent, it is one message. */
  key: string
  room: string
  content: string
  replyTo: string | null
  /** ms since 1970, by this browser. */
  at: number
  state: 'queued' | 'sending' | 'failed'
  reason: ApiError | null
}

export interface Mail {
  post: (item: Outgoing) => Promise<Message>
  /** The item is a message of the room from now on. */
  sent: (item: Outgoing, message: Message) => void
}

/** The part of Storage that is used. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

/**
 * What was written and is not yet known to be on the server, in its order. One
 * message of a room is under way at a time. What cannot be sent now is tried again
 * until it is sent or refused, after a reload too.
 */
export class Outbox {
  items = $state.raw<readonly Outgoing[]>([])
  private readonly busy = new Set<string>()
  private readonly prefix: string
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = false

  constructor(
    login: string,
    private readonly mail: Mail,
    private readonly shelf: Shelf | null,
    private readonly backoff = new Backoff(1000, 30_000),
    private readonly makeKey: () => string = newKey,
  ) {
    this.prefix = `confab:out:${login}:`
    this.items = this.load()
  }

  of(room: string): Outgoing[] {
    return this.items.filter((i) => i.room === room)
  }

  add(room: string, content: string, replyTo: string | null, at = Date.now()): Outgoing {
    const item: Outgoing = { key: this.makeKey(), room, content, replyTo, at, state: 'queued', reason: null }
    this.items = [...this.items, item]
    this.save(item)
    this.flush()
    return item
  }

  /** Sends what is waiting; with `now`, without waiting for the next try. */
  flush(now = false): void {
    if (now) clearTimeout(this.timer)
    if (this.stopped) return
    for (const room of new Set(this.items.map((i) => i.room))) void this.drain(room)
  }

  retry(key: string): void {
    this.change(key, { state: 'queued', reason: null })
    this.flush(true)
  }

  /** Gives up an item that was refused and returns it. */
  discard(key: string): Outgoing | undefined {
    const item = this.items.find((i) => i.key === key)
    this.drop(key)
    return item
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  private async drain(room: string): Promise<void> {
    if (this.busy.has(room)) return
    this.busy.add(room)
    try {
      for (;;) {
        const item = this.items.find((i) => i.room === room && i.state !== 'failed')
        if (!item || this.stopped) return
        if (!(await this.sendOne(item))) return
      }
    } finally {
      this.busy.delete(room)
    }
  }

  /** Reports whether the next one may go. */
  private async sendOne(item: Outgoing): Promise<boolean> {
    this.change(item.key, { state: 'sending' })
    try {
      const message = await this.mail.post(item)
      this.backoff.reset()
      this.mail.sent(item, message)
      this.drop(item.key)
      return true
    } catch (error) {
      const reason = error instanceof ApiError ? error : new ApiError(0, String(error))
      // After the session has ended it is kept for the next login.
      if (reason.temporary || reason.status === 401) {
        this.change(item.key, { state: 'queued', reason })
        const wait = Math.max((reason.retryAfter ?? 0) * 1000, this.backoff.next())
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.flush(), wait)
        return false
      }
      this.change(item.key, { state: 'failed', reason })
      return true
    }
  }

  private change(key: string, change: Partial<Outgoing>): void {
    this.items = this.items.map((i) => (i.key === key ? { ...i, ...change } : i))
  }

  private drop(key: string): void {
    this.items = this.items.filter((i) => i.key !== key)
    this.shelf?.removeItem(this.prefix + key)
  }

  private save(item: Outgoing): void {
    try {
      this.shelf?.setItem(this.prefix + item.key, JSON.stringify(item))
    } catch {
      // A full shelf costs only what a reload would lose.
    }
  }

  private load(): Outgoing[] {
    const found: Outgoing[] = []
    for (let i = 0; i < (this.shelf?.length ?? 0); i++) {
      const name = this.shelf?.key(i)
      if (!name?.startsWith(this.prefix)) continue
      try {
        const item = JSON.parse(this.shelf?.getItem(name) ?? '') as Outgoing
        found.push({ ...item, state: 'queued', reason: null })
      } catch {
        this.shelf?.removeItem(name)
      }
    }
    return found.sort((a, b) => a.at - b.at)
  }
}
