import { Backoff } from '@confab/client'

const waiting = new Set<Again>()

/** Loads at once all that is to be loaded again: the server can be reached. */
export function reached(): void {
  for (const again of [...waiting]) again.now()
}

globalThis.addEventListener?.('online', reached)

/** Loads again what failed to load: when the server can be reached, and after pauses that grow. */
export class Again {
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly load: () => unknown,
    private readonly backoff = new Backoff(2000, 30_000),
  ) {}

  /** It has failed. */
  later(): void {
    this.wait(true)
    this.timer = setTimeout(() => this.now(), this.backoff.next())
  }

  /** It is loaded, or nobody wants it any more. */
  done(): void {
    this.wait(false)
    this.backoff.reset()
  }

  now(): void {
    this.wait(false)
    void this.load()
  }

  private wait(on: boolean): void {
    clearTimeout(this.timer)
    if (on) waiting.add(this)
    else waiting.delete(this)
  }
}
