// Told again while it goes on, and taken back after a pause.
const again = 4000
const pause = 6000

/** Tells others that somebody is writing, seldom enough to cost nothing. */
export class Typist {
  private told = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly tell: (typing: boolean) => void,
    private readonly now: () => number = Date.now,
  ) {}

  typed(): void {
    if (this.now() - this.told >= again) {
      this.told = this.now()
      this.tell(true)
    }
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.stop(), pause)
  }

  stop(): void {
    clearTimeout(this.timer)
    if (this.told === 0) return
    this.told = 0
    this.tell(false)
  }
}
