import { SvelteMap } from 'svelte/reactivity'

// How many logins one request names, and how long it waits for more of them.
const together = 100
const wait = 30

/** Who has a picture, and which: so that no picture is asked for that is not there, and a new one shows. */
export class Pictures {
  /** A picture's tag changes with it; null: there is none. */
  private readonly tags = new SvelteMap<string, string | null>()
  private readonly asked = new Set<string>()
  private next: string[] = []
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly fetch: (logins: string[]) => Promise<Record<string, string>>) {}

  /** The tag of a picture: null if there is none, undefined if that is not known. */
  tag(login: string): string | null | undefined {
    return this.tags.get(login)
  }

  /** Takes over what an answer says of the people in it. */
  learn(logins: Iterable<string>, tags: Record<string, string> = {}): void {
    for (const login of logins) {
      const tag = tags[login] ?? null
      if (this.tags.get(login) !== tag) this.tags.set(login, tag)
    }
  }

  /** Asks for a picture that nothing is known of, together with others. */
  want(login: string): void {
    if (this.tags.has(login) || this.asked.has(login)) return
    this.asked.add(login)
    this.next.push(login)
    this.timer ??= setTimeout(() => this.ask(), wait)
  }

  private ask(): void {
    const logins = this.next.splice(0, together)
    this.timer = this.next.length > 0 ? setTimeout(() => this.ask(), wait) : undefined
    this.fetch(logins).then(
      (tags) => this.learn(logins, tags),
      () => logins.forEach((login) => this.asked.delete(login)), // whoever is shown next asks again
    )
  }
}
