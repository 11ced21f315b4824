import type { Person } from '@confab/client'

export interface Asked {
  kind: 'login' | 'emoji'
  /** What was typed after the mark. */
  word: string
  /** Where the mark stands in the text. */
  start: number
}

/** What is being typed before the caret: an @login, an :emoji:, or nothing to complete. */
export function askedAt(text: string, caret: number): Asked | null {
  // No word is longer: a long text before it is not looked at.
  const m = /(?:^|[\s([{"'>])([@:])([a-zA-Z0-9_.+-]{0,31})$/.exec(text.slice(Math.max(0, caret - 40), caret))
  if (!m) return null
  const word = m[2] ?? ''
  const kind = m[1] === '@' ? 'login' : 'emoji'
  // One letter after a colon is more often a face than a search.
  if (kind === 'emoji' && word.length < 2) return null
  return { kind, word, start: caret - word.length - 1 }
}

/** Up to eight people whose login or names begin with a word, or hold it; the former first. */
export function peopleFor(word: string, people: readonly Person[]): Person[] {
  const w = word.toLowerCase()
  const rank = (p: Person): number => {
    const login = p.login.toLowerCase()
    if (login.startsWith(w)) return 0
    if (p.firstname.toLowerCase().startsWith(w) || p.lastname.toLowerCase().startsWith(w)) return 1
    return login.includes(w) ? 2 : 3
  }
  return people
    .map((p) => ({ p, r: rank(p) }))
    .filter(({ r }) => r < 3)
    .sort((a, b) => a.r - b.r || a.p.login.localeCompare(b.p.login))
    .slice(0, 8)
    .map(({ p }) => p)
}

/** What a completion puts in the place of what was asked for, and where the caret is then. */
export function completed(text: string, asked: Asked, caret: number, value: string): { inserted: string; caret: number } {
  const spaced = text.startsWith(' ', caret)
  const inserted = value + (spaced ? '' : ' ')
  return { inserted, caret: asked.start + inserted.length + (spaced ? 1 : 0) }
}
