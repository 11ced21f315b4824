/**
 * Reads of something that events change too. An answer may be older than what was heard while it was under way, so
 * those events are applied on top of it; and an answer to an earlier question does not replace that to a later one.
 * Whoever subscribes first and reads then misses nothing.
 */
export class Reads<E> {
  private readonly running = new Set<E[]>()
  private asked = 0
  private taken = 0

  /** Notes an event, for the reads under way. */
  heard(event: E): void {
    for (const events of this.running) events.push(event)
  }

  /** Reads, and has the answer taken with the events since the question, oldest first. Returns the answer. */
  async read<T>(fetch: () => Promise<T>, take: (answer: T, since: readonly E[]) => void): Promise<T> {
    const turn = ++this.asked
    const since: E[] = []
    this.running.add(since)
    try {
      const answer = await fetch()
      if (turn > this.taken) {
        this.taken = turn
        take(answer, since)
      }
      return answer
    } finally {
      this.running.delete(since)
    }
  }
}
