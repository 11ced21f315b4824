/** Takes what comes over the socket, all of one frame at a time: so the page is laid out once for it. */
export class Arrivals {
  private due: (() => void)[] = []
  private stopped = false

  add(take: () => void): void {
    if (typeof requestAnimationFrame === 'undefined') return take()
    if (this.due.push(take) > 1) return
    const all = (): void => {
      clearTimeout(timer)
      const due = this.due
      this.due = []
      if (!this.stopped) for (const f of due) f()
    }
    // A page that nobody sees has no frames.
    const timer = setTimeout(all, 100)
    requestAnimationFrame(all)
  }

  stop(): void {
    this.stopped = true
  }
}
