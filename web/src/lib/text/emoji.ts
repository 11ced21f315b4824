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

/** The emoji of a shortcode. */
export function emojiNamed(groups: readonly Emoji[][], name: string): string | undefined {
  return groups.flat().find(([, , codes]) => codes.includes(name))?.[0]
}

const names = /(?<=^|\s):([a-z0-9_+-]{2,80}):(?=\s|$)/g

/** Reports whether words of a text look like shortcodes. */
export function hasNames(text: string): boolean {
  return text.length < 4000 && text.search(names) >= 0
}

/** A text with emoji in the place of their shortcodes. */
export function turnNames(text: string, groups: readonly Emoji[][]): string {
  return text.replace(names, (whole, name: string) => emojiNamed(groups, name) ?? whole)
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

const emojiOnly = /^(?:(?:\p{RI}\p{RI}|\p{Emoji}(?:\p{EMod}|\uFE0F\u20E3?|[\u{E0020}-\u{E007E}]+\u{E007F})?(?:\u200D\p{Emoji}(?:\p{EMod}|\uFE0F)?)*)\s*){1,5}$/u

/** Reports whether a text is one to five emoji and nothing else: they are shown large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 100 && !/^[\d#*\s]+$/.test(text) && emojiOnly.test(text)
}
