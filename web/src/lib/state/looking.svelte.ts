import { Backoff, type ConnectionState } from '@confab/client'
import { reached } from './again'

/**
 * Looks for what is new while there is no live connection: what is between may let requests through and no WebSocket.
 * One look at a time, and none while the page is hidden.
 */
export class Looking {
  /** The last look was answered: the server is there, but nothing comes by itself. */
  works = $state(false)
  private apart = false
  private busy = false
  private due = false
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly look: () => Promise<void>,
    private readonly backoff = new Backoff(10_000, 60_000),
  ) {}

  /** Takes how the connection is. */
  follow(state: ConnectionState): void {
    if (state === 'open') reached()
    const apart = state === 'connecting' || state === 'waiting'
    if (apart === this.apart) return
    this.apart = apart
    this.works = this.due = false
    this.backoff.reset()
    if (apart) globalThis.document?.addEventListener('visibilitychange', this.seen)
    else globalThis.document?.removeEventListener('visibilitychange', this.seen)
    this.plan()
  }

  /** Something else is shown, which may have become old. */
  soon(): void {
    if (this.works) void this.run()
  }

  private readonly seen = (): void => {
    if (this.due) void this.run()
  }

  private plan(): void {
    clearTimeout(this.timer)
    if (this.apart && !this.busy) this.timer = setTimeout(() => void this.run(), this.backoff.next())
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer)
    this.due = this.busy || globalThis.document?.visibilityState === 'hidden'
    if (this.due) return
    this.busy = true
    let works = true
    try {
      await this.look()
    } catch {
      works = false
    }
    this.busy = false
    if (!this.apart) return
    this.works = works
    if (works) {
      this.backoff.reset()
      reached()
    }
    if (this.due) void this.run()
    else this.plan()
  }
}
