import { dayOf } from '../text/time'

/** The time, as far as what is shown depends on it: it changes with the day, by the clock it is given. */
class Today {
  now = $state(Date.now())
  private clock: () => number = Date.now

  /** Goes by another clock from now on. */
  follow(clock: () => number): void {
    this.clock = clock
  }

  /** Looks whether another day has begun. A machine that slept, or a clock that was set, comes too late for a timer. */
  look(): void {
    const now = this.clock()
    if (dayOf(now) !== dayOf(this.now)) this.now = now
  }

  start(): void {
    setInterval(() => this.look(), 20_000)
    document.addEventListener('visibilitychange', () => this.look())
    window.addEventListener('focus', () => this.look())
  }
}

export const today = new Today()
