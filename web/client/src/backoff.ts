/**
 * Waiting times that double from `first` to `most` ms, each shortened by up to a
 * half at random so that the clients of a restarted server come back spread out.
 */
export class Backoff {
  private tries = 0

  constructor(
    private readonly first = 500,
    private readonly most = 30_000,
    private readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const full = Math.min(this.most, this.first * 2 ** this.tries)
    if (full < this.most) this.tries++
    return Math.round(full * (1 - this.random() / 2))
  }

  reset(): void {
    this.tries = 0
  }
}
