import { language } from '../i18n'

/** A character, its name, its shortcodes, words to find it by. */
export type Emoji = [character: string, label: string, codes: string[], words: string[]]

let loaded: Promise<Emoji[][]> | null = null

/** The emoji by group, in the reader's language. They are fetched when first asked for. */
export function emojiGroups(): Promise<Emoji[][]> {
  const load = language() === 'fr' ? import('virtual:emoji/fr') : import('virtual:emoji/en')
  loaded ??= load.then((m) => m.default)
  loaded.catch(() => (loaded = null))
  return loaded
}

/** Those found by a word, the best first. */
export function findEmoji(groups: readonly Emoji[][], word: string, most: number): Emoji[] {
  const w = word.toLowerCase().trim()
  const found: [number, Emoji][] = []
  for (const group of groups) {
    for (const e of group) {
      const rank = rankOf(e, w)
      if (rank !== null) found.push([rank, e])
    }
  }
  return found
    .sort((a, b) => a[0] - b[0])
    .slice(0, most)
    .map(([, e]) => e)
}

function rankOf([, label, codes, words]: Emoji, w: string): number | null {
  if (codes.includes(w)) return 0
  if (codes.some((c) => c.startsWith(w))) return 1
  const l = label.toLowerCase()
  if (l.startsWith(w)) return 2
  if (words.some((x) => x.toLowerCase().startsWith(w)) || l.includes(' ' + w)) return 3
  if (codes.some((c) => c.includes(w))) return 4
  return null
}

const recentName = 'confab:emoji'
const common = ['👍', '❤️', '😂', '🎉', '😮', '😢', '🙏', '👀']

/** What was used last, filled up with what many use. */
export function recentEmoji(): string[] {
  let used: string[] = []
  try {
    used = (JSON.parse(localStorage.getItem(recentName) ?? '[]') as unknown[]).filter((x) => typeof x === 'string')
  } catch {
    // None, then.
  }
  return [...new Set([...used, ...common])].slice(0, 16)
}

export function emojiUsed(emoji: string): void {
  try {
    localStorage.setItem(recentName, JSON.stringify([...new Set([emoji, ...recentEmoji()])].slice(0, 16)))
  } catch {
    // It is only a convenience.
  }
}
