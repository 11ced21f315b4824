// Words that many passwords are made of, in the languages of the page and as keys lie.
const common = /passw(?:or[dt])?|mot ?de ?passe|secret|welcome|bienvenue|admin|letmein|iloveyou|qwert[yz]?|azerty|asdfg?|monkey|dragon|soleil|shalom/g

/** How long a password must be at least, in characters, as the page says. */
export function passwordMin(): number {
  return Number(document.querySelector<HTMLMetaElement>('meta[name="confab:password-min"]')?.content) || 1
}

/**
 * About how hard a password is to guess, from 0 to 3. Words that everybody tries, the user's own names, repetitions and
 * runs like 1234 count as one character.
 */
export function strength(password: string, own: readonly string[] = []): 0 | 1 | 2 | 3 {
  let rest = password.toLowerCase().replace(common, '*')
  for (const word of own) if (word.length > 2) rest = rest.replaceAll(word.toLowerCase(), '*')
  const points = [...rest].map((c) => c.codePointAt(0) ?? 0)
  const counted = points.filter((c, i) => i === 0 || Math.abs(c - (points[i - 1] ?? 0)) > 1).length
  const kinds: [RegExp, number][] = [[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[^a-zA-Z0-9]/, 33]]
  const pool = kinds.reduce((sum, [kind, size]) => sum + (kind.test(password) ? size : 0), 1)
  const bits = counted * Math.log2(pool)
  return bits < 30 ? 0 : bits < 50 ? 1 : bits < 70 ? 2 : 3
}
