/** What was begun in each room and not sent, kept in this browser for each login. */
export interface Draft {
  text: string
  replyTo: string | null
}

export class Drafts {
  private readonly memory = new Map<string, Draft>()

  constructor(
    private readonly login: string,
    private readonly shelf: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null,
  ) {}

  get(room: string): Draft {
    const known = this.memory.get(room)
    if (known) return known
    try {
      const kept: unknown = JSON.parse(this.shelf?.getItem(this.name(room)) ?? 'null')
      if (kept && typeof (kept as Draft).text === 'string') return kept as Draft
    } catch {
      // What cannot be read is no draft.
    }
    return { text: '', replyTo: null }
  }

  set(room: string, draft: Draft): void {
    this.memory.set(room, draft)
    try {
      if (draft.text === '' && draft.replyTo === null) this.shelf?.removeItem(this.name(room))
      else this.shelf?.setItem(this.name(room), JSON.stringify(draft))
    } catch {
      // A full shelf: the draft lives as long as the page.
    }
  }

  private name(room: string): string {
    return `confab:draft:${this.login}:${room}`
  }
}
