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
  /** It takes longer than it should. */
  slow: boolean
}

export interface Mail {
  post: (item: Outgoing, signal: AbortSignal) => Promise<Message>
  /** The item is a message of the room from now on. */
  sent: (item: Outgoing, message: Message) => void
  /** The item is not under way any more: it was sent, or given up. */
  done?: (key: string) => void
}

// A line may die without a word. An answer is expected within this time, in ms, beside the time that sending takes at
// 8 kB/s; after each try in vain twice as long, as the line may only be slow.
const patience = 8000
const mostPatience = 60_000
// After this time the reader is told that it takes long.
const slowAfter = 4000
// How long a message waits for what it shall say.
const mostTurning = 4000
// A try that is older than this does not know that the line is back.
const old = 2000

/** The part of Storage that is used. */
export type Shelf = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>

/**
 * What was written and is not yet known to be on the server, in its order. One
 * message of a room is under way at a time. What cannot be sent now is tried again
 * until it is sent, refused or given up, after a reload too, always with the same key.
 */
export class Outbox {
  items = $state.raw<readonly Outgoing[]>([])
  private readonly busy = new Set<string>()
  private readonly trying = new Map<string, { abort: AbortController; since: number; hurry: boolean }>()
  private readonly turning = new Map<string, Promise<string>>()
  private readonly vain = new Map<string, number>()
  private readonly prefix: string
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = false

  constructor(
    login: string,
    private readonly mail: Mail,
    private readonly shelf: Shelf | null,
    private readonly backoff = new Backoff(1000, 10_000),
    private readonly makeKey: () => string = newKey,
  ) {
    this.prefix = `confab:out:${login}:`
    this.items = this.load()
  }

  of(room: string): Outgoing[] {
    return this.items.filter((i) => i.room === room)
  }

  /** `at` is the server's time; `turned` is the content as it shall be sent, if that takes a moment to find out: a few seconds at most. */
  add(room: string, content: string, replyTo: string | null, { at = Date.now(), turned }: { at?: number; turned?: Promise<string> | undefined } = {}): Outgoing {
    // It waits for those before it.
    const slow = this.items.some((i) => i.room === room && i.state !== 'failed' && i.slow)
    const item: Outgoing = { key: this.makeKey(), room, content, replyTo, at, state: 'queued', reason: null, slow }
    this.items = [...this.items, item]
    this.save(item)
    if (turned) {
      const late = new Promise<string>((resolve) => setTimeout(resolve, mostTurning, content))
      this.turning.set(item.key, Promise.race([turned.catch(() => content), late]))
    }
    this.flush()
    return item
  }

  /** Sends what is waiting; with `now`, without waiting for the next try. */
  flush(now = false): void {
    if (this.stopped) return
    if (now) {
      clearTimeout(this.timer)
      for (const t of this.trying.values()) {
        if (Date.now() - t.since < old) continue
        t.hurry = true
        t.abort.abort()
      }
    }
    for (const room of new Set(this.items.map((i) => i.room))) void this.drain(room)
  }

  retry(key: string): void {
    this.change(key, { state: 'queued', reason: null })
    this.flush(true)
  }

  /** Gives up an item and returns it. It may have arrived, if it was under way. */
  discard(key: string): Outgoing | undefined {
    const item = this.items.find((i) => i.key === key)
    this.drop(key)
    this.trying.get(key)?.abort.abort()
    return item
  }

  /** Another tab has sent it, or given it up. */
  forget(key: string): void {
    this.items = this.items.filter((i) => i.key !== key)
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
        const turning = this.turning.get(item.key)
        if (turning) {
          await this.turn(item, turning)
          continue
        }
        if (!(await this.sendOne(item))) return
      }
    } finally {
      this.busy.delete(room)
    }
  }

  /** Waits for the content as it shall be sent. From the first try on it does not change any more: the key stands for it. */
  private async turn({ key }: Outgoing, turning: Promise<string>): Promise<void> {
    this.turning.delete(key)
    this.change(key, { content: await turning })
    const item = this.items.find((i) => i.key === key)
    if (item) this.save(item)
  }

  /** Reports whether the next one may go. */
  private async sendOne(item: Outgoing): Promise<boolean> {
    const { key } = item
    const t = { abort: new AbortController(), since: Date.now(), hurry: false }
    this.trying.set(key, t)
    this.change(key, { state: 'sending' })
    const vain = this.vain.get(key) ?? 0
    const deadline = setTimeout(() => t.abort.abort(), Math.min(mostPatience, patience * 2 ** vain) + item.content.length / 8)
    const slow = setTimeout(() => {
      this.items = this.items.map((i) => (i.room === item.room ? { ...i, slow: true } : i))
    }, slowAfter)
    try {
      const message = await this.mail.post(item, t.abort.signal)
      this.backoff.reset()
      this.items = this.items.map((i) => (i.room === item.room ? { ...i, slow: false } : i))
      this.mail.sent(item, message)
      this.drop(key)
      return true
    } catch (error) {
      if (!this.items.some((i) => i.key === key)) return true // given up meanwhile
      const reason = error instanceof ApiError ? error : new ApiError(0, String(error))
      // After the session has ended it is kept for the next login.
      if (reason.temporary || reason.status === 401) {
        this.vain.set(key, vain + 1)
        this.change(key, { state: 'queued', reason })
        if (t.hurry) return true
        const wait = Math.max((reason.retryAfter ?? 0) * 1000, this.backoff.next())
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.flush(), wait)
        return false
      }
      this.change(key, { state: 'failed', reason })
      return true
    } finally {
      clearTimeout(deadline)
      clearTimeout(slow)
      this.trying.delete(key)
    }
  }

  private change(key: string, change: Partial<Outgoing>): void {
    this.items = this.items.map((i) => (i.key === key ? { ...i, ...change } : i))
  }

  private drop(key: string): void {
    this.items = this.items.filter((i) => i.key !== key)
    this.vain.delete(key)
    this.turning.delete(key)
    this.shelf?.removeItem(this.prefix + key)
    this.mail.done?.(key)
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
        found.push({ ...item, state: 'queued', reason: null, slow: false })
      } catch {
        this.shelf?.removeItem(name)
      }
    }
    return found.sort((a, b) => a.at - b.at)
  }
}
