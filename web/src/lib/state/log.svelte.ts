import { ApiError, compareIds, idBefore, timeOf, type ChangeList, type Message, type MessagePage, type PageQuery } from '@confab/client'

export type FetchPage = (query: PageQuery, signal?: AbortSignal) => Promise<MessagePage>

/** What was changed in the room after an id. */
export type FetchChanges = (after: string) => Promise<ChangeList>

export const pageSize = 60
// Ids of several servers can become visible out of order by this much, in ms.
const disorder = 10_000
// Above `most` in memory, the end farther from the reader is let go down to `least`.
const most = 3000
const least = 1500

/**
 * A part of a room's history without a hole, oldest first, that grows at both
 * ends. What is heard live is added only while the part reaches the newest
 * message. No message is in it twice.
 */
export class RoomLog {
  messages = $state.raw<readonly Message[]>([])
  /** There is something older than the first one here. */
  hasOlder = $state(false)
  /** There is something newer than the last one here. */
  hasNewer = $state(false)
  status = $state<'empty' | 'loading' | 'ready' | 'failed'>('empty')
  loadingOlder = $state(false)
  loadingNewer = $state(false)
  /** How many were heard that are beyond the end of this part. */
  below = $state(0)
  /** What is shown was kept by the browser from an earlier visit. */
  kept = $state(false)
  /** The reader is at the newest message: set by the view. */
  following = true

  /** What was heard before the first page came. */
  early = $state.raw<readonly { message: Message; change: boolean }[]>([])

  private readonly byId = new Map<string, Message>()
  // Every change up to this id, of a message or a change, is in the messages here, but for what is in disorder.
  private position: string | undefined
  // While changes were possibly missed: the position before.
  private behind: string | undefined
  // When a message was last heard of live: an older page does not undo it.
  private readonly heardAt = new Map<string, number>()
  private readonly arrivedAt = new Map<string, number>()
  private clock = 0
  private generation = 0

  constructor(
    private readonly fetchPage: FetchPage,
    private readonly fetchChanges: FetchChanges = () => Promise.resolve({ changes: [], hasMore: false }),
    /** The newest id of the room that is known anyway: a page fetched afterwards is at least as new. */
    private readonly known: () => string | undefined = () => undefined,
    private readonly now: () => number = Date.now,
  ) {}

  get newest(): Message | undefined {
    return this.messages.at(-1)
  }

  /** The newest page as the server would give it now; null if it is not known here. */
  newestPage(): Pick<MessagePage, 'messages' | 'hasMore'> | null {
    if (this.status !== 'ready' || this.hasNewer || this.kept) return null
    return { messages: this.messages.slice(-pageSize), hasMore: this.hasOlder || this.messages.length > pageSize }
  }

  get(id: string): Message | undefined {
    void this.messages // who shows it shows its next form too
    return this.byId.get(id)
  }

  /** Shows the newest messages, or those around one. False if that message is not there. */
  async open(around?: string): Promise<boolean> {
    const mine = ++this.generation
    const asked = ++this.clock
    const known = this.known()
    if (this.messages.length === 0) this.status = 'loading'
    try {
      const page = await this.fetchPage(
        around === undefined ? { fetchSize: pageSize } : { around, fetchSize: pageSize },
      )
      if (mine !== this.generation) return true
      this.replace(page.messages, asked)
      this.hasOlder = around === undefined ? page.hasMore : (page.hasMoreBefore ?? page.hasMore)
      this.hasNewer = around === undefined ? false : (page.hasMoreAfter ?? page.hasMore)
      this.kept = page.kept
      this.below = 0
      this.reached(page.messages.at(-1)?.messageId)
      if (!page.kept) {
        this.reached(known)
        this.behind = undefined
      }
      const early = this.early
      this.early = []
      this.status = 'ready'
      for (const { message, change } of early) this.hear(message, change)
      return around === undefined || this.byId.has(around)
    } catch (error) {
      if (mine === this.generation) {
        if (this.messages.length === 0) this.status = 'failed'
        if (!(error instanceof ApiError)) throw error
        if (around !== undefined || this.messages.length === 0) throw error
      }
      return true
    }
  }

  async loadOlder(): Promise<void> {
    const first = this.messages[0]
    if (!first || !this.hasOlder || this.loadingOlder || this.status !== 'ready') return
    this.loadingOlder = true
    const mine = this.generation
    const asked = ++this.clock
    try {
      const page = await this.fetchPage({ before: first.messageId, fetchSize: pageSize })
      if (mine !== this.generation) return
      this.merge(page.messages, asked)
      this.hasOlder = page.hasMore
      if (this.messages.length > most) this.keep(0, least)
    } finally {
      this.loadingOlder = false
    }
  }

  async loadNewer(): Promise<void> {
    const last = this.newest
    if (!last || !this.hasNewer || this.loadingNewer || this.status !== 'ready') return
    this.loadingNewer = true
    const mine = this.generation
    const asked = ++this.clock
    try {
      const page = await this.fetchPage({ after: last.messageId, fetchSize: pageSize })
      if (mine !== this.generation) return
      // Heard while this page was under way and not on it: beyond its end.
      const heard = this.below
      this.merge(page.messages, asked)
      this.hasNewer = page.hasMore
      this.below = page.hasMore ? Math.max(0, heard - page.messages.length) : 0
      if (this.messages.length > most) this.keep(this.messages.length - least)
      if (!page.hasMore) await this.refresh()
    } finally {
      this.loadingNewer = false
    }
  }

  /**
   * Fetches the newest page and closes the hole to it. If it is too far away, a
   * reader at the end is taken there; another one goes on reading, with something newer to load.
   */
  async refresh(): Promise<void> {
    if (this.status !== 'ready') return
    const mine = this.generation
    const asked = ++this.clock
    const page = await this.fetchPage({ fetchSize: 100 })
    if (mine !== this.generation || page.kept) return
    this.kept = false
    const [oldest] = page.messages
    const newest = this.newest
    if (this.hasNewer) {
      this.update(page.messages, asked)
    } else if (!oldest || !newest || !page.hasMore || compareIds(oldest.messageId, newest.messageId) <= 0) {
      this.merge(page.messages, asked)
      if (!newest) this.hasOlder = page.hasMore
    } else if (this.following) {
      this.replace(page.messages, asked)
      this.hasOlder = page.hasMore
    } else {
      this.hasNewer = true
    }
  }

  /** Takes what came by real time, or as the answer to sending. */
  hear(message: Message, change = false): void {
    if (this.status === 'loading' || this.status === 'empty') {
      this.early = [...this.early, { message, change }]
      return
    }
    const id = message.messageId
    this.heardAt.set(id, ++this.clock)
    if (this.byId.has(id)) {
      this.merge([message], this.clock)
      return
    }
    const first = this.messages[0]
    const last = this.newest
    if (change && first && compareIds(id, first.messageId) < 0) return
    if (this.hasOlder && first && compareIds(id, first.messageId) < 0) return
    if (this.hasNewer && last && compareIds(id, last.messageId) > 0) {
      if (!change) this.below++
      return
    }
    if (change && last && compareIds(id, last.messageId) > 0) return
    this.merge([message], this.clock)
    if (this.messages.length > most) {
      if (this.following) this.keep(this.messages.length - least)
      else if (this.messages.length > 2 * most) this.keep(0, this.messages.length - 1)
    }
  }

  /** Forgets everything, as if it had never been opened. */
  clear(): void {
    this.generation++
    this.replace([], this.clock)
    this.early = []
    this.hasOlder = this.hasNewer = false
    this.below = 0
    this.position = this.behind = undefined
    this.status = 'empty'
  }

  /** Notes the id of a message or a change that was heard live. */
  reached(id: string | undefined): void {
    if (id !== undefined && (this.position === undefined || compareIds(id, this.position) > 0)) this.position = id
  }

  /**
   * Begins to listen again. What was changed until then is missing until caughtUp() or catchUp().
   * Returns the position to resume from, undefined if nothing is to be replayed.
   */
  resume(): string | undefined {
    const owed = this.behind
    this.behind ??= this.position
    const from = this.resumeFrom()
    // What was changed before the newest message that a look has brought may be missing.
    return owed !== undefined && from !== undefined && compareIds(owed, from) < 0 ? idBefore(timeOf(owed) - disorder) : from
  }

  /** Fetches what came and was changed, while nobody listens. */
  async look(): Promise<void> {
    this.behind ??= this.position
    await this.refresh()
    const newest = this.newest?.messageId
    await this.catchUp()
    if (this.behind === undefined) this.reached(newest)
  }

  /** All that was missed has been replayed. */
  caughtUp(): void {
    this.behind = undefined
  }

  /** Fetches what was changed while nobody listened: not all that is loaded is on the newest page. */
  async catchUp(): Promise<void> {
    const from = this.behind
    if (from === undefined) return
    const mine = this.generation
    for (let after: string | undefined = idBefore(timeOf(from) - disorder); after !== undefined; ) {
      const asked = ++this.clock
      const { changes, hasMore, next }: ChangeList = await this.fetchChanges(after)
      if (mine !== this.generation) return
      this.update(changes.map((c) => c.message), asked)
      after = hasMore ? next : undefined
    }
    if (this.behind === from) this.behind = undefined
  }

  /**
   * The position to resume from. Messages of several servers can become visible a
   * little out of order, so it lies ten seconds before the newest one, unless
   * nothing has come for that long.
   */
  private resumeFrom(): string | undefined {
    const newest = this.newest
    // Reading history: what is new is only counted, not fetched.
    if (!newest || this.hasNewer) return undefined
    const arrived = this.arrivedAt.get(newest.messageId)
    if (arrived !== undefined && this.now() - arrived >= disorder) return newest.messageId
    const limit = timeOf(newest.messageId) - disorder
    for (let i = this.messages.length - 1; i >= 0; i--) {
      const m = this.messages[i]
      if (m && timeOf(m.messageId) <= limit) return m.messageId
    }
    return this.messages[0]?.messageId
  }

  private replace(messages: readonly Message[], asked: number): void {
    const before = new Map(this.byId)
    this.byId.clear()
    this.messages = messages.map((m) => {
      const known = before.get(m.messageId)
      const live = this.heardAt.get(m.messageId)
      const taken = known && live !== undefined && live > asked ? known : m
      this.byId.set(m.messageId, taken)
      this.arrivedAt.set(m.messageId, this.arrivedAt.get(m.messageId) ?? this.now())
      return taken
    })
  }

  /** Takes newer forms of the messages that are here, and no others. */
  private update(messages: readonly Message[], asked: number): void {
    this.merge(messages.filter((m) => this.byId.has(m.messageId)), asked)
  }

  private merge(messages: readonly Message[], asked: number): void {
    const fresh: Message[] = []
    let changed = false
    for (const m of messages) {
      const id = m.messageId
      if (!this.byId.has(id)) {
        fresh.push(m)
        this.arrivedAt.set(id, this.now())
      } else if (asked < (this.heardAt.get(id) ?? 0)) {
        continue
      } else changed = true
      this.byId.set(id, m)
    }
    if (fresh.length === 0 && !changed) return
    const kept = changed ? this.messages.map((m) => this.byId.get(m.messageId) ?? m) : this.messages
    const [first, last] = [kept[0], kept.at(-1)]
    const [from, to] = [fresh[0], fresh.at(-1)]
    if (!from || !to) this.messages = kept
    else if (!first || !last || compareIds(last.messageId, from.messageId) < 0) this.messages = [...kept, ...fresh]
    else if (compareIds(to.messageId, first.messageId) < 0) this.messages = [...fresh, ...kept]
    else this.messages = [...kept, ...fresh].sort((a, b) => compareIds(a.messageId, b.messageId))
  }

  private keep(from: number, until = this.messages.length): void {
    if (from > 0) this.hasOlder = true
    if (until < this.messages.length) this.hasNewer = true
    const gone = [...this.messages.slice(0, from), ...this.messages.slice(until)]
    for (const m of gone) {
      this.byId.delete(m.messageId)
      this.heardAt.delete(m.messageId)
      this.arrivedAt.delete(m.messageId)
    }
    this.messages = this.messages.slice(from, until)
  }
}
