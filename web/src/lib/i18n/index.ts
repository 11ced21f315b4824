import { en, type Catalogue, type Key } from './en'

export type { Catalogue, Key } from './en'

/**
 * The languages, by tag. To add one, write a catalogue beside en.ts and name it
 * here: the type checker asks for every missing key.
 */
export const languages: Record<string, { name: string; load: () => Promise<Catalogue> }> = {
  en: { name: 'English', load: () => Promise.resolve(en) },
  fr: { name: 'Français', load: () => import('./fr').then((m) => m.fr) },
}

let tag = 'en'
let regional = 'en'
let words: Catalogue = en
let plural = new Intl.PluralRules('en')

/** The tag of the language in use. */
export function language(): string {
  return tag
}

/** The reader's own form of the language in use, for dates and numbers. */
export function region(): string {
  return regional
}

/** The first of the wanted tags that there is a catalogue for; English if there is none. */
export function choose(wanted: readonly string[]): string {
  for (const w of wanted) {
    const base = w.toLowerCase().split('-')[0] ?? ''
    if (Object.hasOwn(languages, base)) return base
  }
  return 'en'
}

/** Loads a language. Call it before anything is shown. */
export async function useLanguage(wanted: string): Promise<void> {
  words = (await languages[wanted]?.load()) ?? en
  tag = wanted
  const preferred = typeof navigator === 'undefined' ? [] : navigator.languages
  regional = preferred.find((l) => l.toLowerCase().split('-')[0] === wanted) ?? wanted
  plural = new Intl.PluralRules(wanted)
}

/** The text for a key, filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const entry = words[key]
  const text = typeof entry === 'string' ? entry : (entry[plural.select(Number(values['n']))] ?? entry.other)
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    return value === undefined ? whole : typeof value === 'number' ? value.toLocaleString(regional) : value
  })
}
