/** What was begun in each room and not sent, kept in this browser for each login. */
export interface Draft {
  text: string
  replyTo: string | null
  /** A message that is being changed: how it was, and how it shall be. */
  edit?: { messageId: string; content: string; text: string } | undefined
}

const none: Draft = { text: '', replyTo: null }

export class Drafts {
  private readonly memory = new Map<string, Draft>()

  constructor(
    private readonly login: string,
    private readonly shelf: Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'> | null,
    /** Tells the other tabs. */
    private readonly changed: (room: string, draft: Draft) => void = () => {},
  ) {}

  // The composers that are shown, by room.
  private readonly shown = new Map<string, (draft: Draft) => void>()

  /** Calls f when another tab has changed the draft of a room, until the returned function is called. */
  watch(room: string, f: (draft: Draft) => void): () => void {
    this.shown.set(room, f)
    return () => this.shown.delete(room)
  }

  /** Takes a draft from another tab, which has kept it already if that is shared. */
  take(room: string, draft: Draft): void {
    this.keep(room, draft)
    this.shown.get(room)?.(draft)
  }

  get(room: string): Draft {
    const known = this.memory.get(room)
    if (known) return known
    try {
      const kept: unknown = JSON.parse(this.shelf?.getItem(this.name(room)) ?? 'null')
      if (kept && typeof (kept as Draft).text === 'string') return kept as Draft
    } catch {
      // What cannot be read is no draft.
    }
    return none
  }

  /** Something is written in some room, today or at an earlier visit. */
  get some(): boolean {
    const rooms = new Set(this.memory.keys())
    const prefix = this.name('')
    for (let i = 0; i < (this.shelf?.length ?? 0); i++) {
      const name = this.shelf?.key(i)
      if (name?.startsWith(prefix)) rooms.add(name.slice(prefix.length))
    }
    return [...rooms].some((room) => {
      const { text, edit } = this.get(room)
      return text.trim() !== '' || (edit !== undefined && edit.text !== edit.content)
    })
  }

  set(room: string, draft: Draft): void {
    const { text, replyTo, edit } = this.get(room)
    if (text === draft.text && replyTo === draft.replyTo && edit?.text === draft.edit?.text && edit?.messageId === draft.edit?.messageId) return
    this.keep(room, draft)
    this.changed(room, draft)
  }

  /** Puts a text back into the composer of a room, before what is there. */
  restore(room: string, draft: Draft): void {
    const { text, replyTo, edit } = this.get(room)
    const both = { text: [draft.text, text].filter((x) => x !== '').join('\n'), replyTo: replyTo ?? draft.replyTo, edit }
    this.set(room, both)
    this.shown.get(room)?.(both)
  }

  // Changes of messages that were begun and put aside.
  private readonly aside = new Map<string, { content: string; text: string }>()

  /** Puts a change of a message aside; nothing is kept if it changes nothing. */
  putAside({ messageId, content, text }: NonNullable<Draft['edit']>): void {
    if (text !== content) this.aside.set(messageId, { content, text })
  }

  /** The text of a change that was put aside, if the message is still as it was then; it is not aside any more. */
  takeUp(messageId: string, content: string): string | undefined {
    const kept = this.aside.get(messageId)
    this.aside.delete(messageId)
    return kept?.content === content ? kept.text : undefined
  }

  private keep(room: string, draft: Draft): void {
    this.memory.set(room, draft)
    try {
      if (draft.text === '' && draft.replyTo === null && !draft.edit) this.shelf?.removeItem(this.name(room))
      else this.shelf?.setItem(this.name(room), JSON.stringify(draft))
    } catch {
      // A full shelf: the draft lives as long as the page.
    }
  }

  private name(room: string): string {
    return `confab:draft:${this.login}:${room}`
  }
}
