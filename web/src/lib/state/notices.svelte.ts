export interface Notice {
  id: number
  text: string
  kind: 'info' | 'error'
  action?: { text: string; run: () => void }
}

/** Short messages of the page itself, shown for some seconds and read out. */
class Notices {
  list = $state.raw<readonly Notice[]>([])
  /** What screen readers say next. */
  spoken = $state('')
  private last = 0

  show(text: string, kind: Notice['kind'] = 'info'): void {
    const id = ++this.last
    this.list = [...this.list.filter((n) => n.text !== text).slice(-2), { id, text, kind }]
    setTimeout(() => this.close(id), kind === 'error' ? 8000 : 4000)
  }

  /** Shows a message until it is closed. */
  stay(text: string, action: NonNullable<Notice['action']>): void {
    this.list = [...this.list, { id: ++this.last, text, kind: 'info', action }]
  }

  close(id: number): void {
    this.list = this.list.filter((n) => n.id !== id)
  }

  say(text: string): void {
    // The same words twice in a row have to differ to be heard again.
    this.spoken = this.spoken === text ? text + '\u00a0' : text
  }
}

export const notices = new Notices()
