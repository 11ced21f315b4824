import { en, type Catalogue, type Key } from './en'

export type { Catalogue, Key } from './en'

/**
 * The languages, by tag. To add one, write a catalogue beside en.ts and name it
 * here: the type checker asks for every missing key.
 */
export const languages: Record<string, { name: string; load: () => Promise<Partial<Catalogue>> }> = {
  en: { name: 'English', load: () => Promise.resolve(english) },
  fr: { name: 'Français', load: () => import('./fr').then((m) => m.fr) },
  he: { name: 'עברית', load: () => import('./he').then((m) => m.he) },
}

// With those for later once they are there.
let english: Partial<Catalogue> = en

let tag = 'en'
let regional = 'en'
let words: Partial<Catalogue> = en
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
  try {
    words = (await languages[wanted]?.load()) ?? english
    tag = wanted
  } catch {
    // The line was cut, or a newer version is there: better in English than not at all.
    words = english
    tag = wanted = 'en'
  }
  regional = conventions(wanted, typeof navigator === 'undefined' ? [] : navigator.languages)
  plural = new Intl.PluralRules(wanted)
}

/** Waits for a part of the page that is loaded when it is needed, and for its words. Other languages have all words in one file. */
export async function withWords<T>(part: Promise<T>): Promise<T> {
  const [loaded] = await Promise.all([part, english === en && words === en ? learnEnglish() : null])
  return loaded
}

async function learnEnglish(): Promise<void> {
  const { later } = await import('./en-later')
  english = { ...en, ...later }
  if (tag === 'en') words = english
}

/** The tag by which dates and numbers are written: in the words of a language, and as people do where the browser's first language is spoken. */
export function conventions(wanted: string, preferred: readonly string[]): string {
  const [first] = preferred
  if (first === undefined) return wanted
  try {
    const own = new Intl.Locale(first)
    if (own.language === wanted) return first
    // Not each pair of a language and a region is known with its clock: 21:14 or 9:14 PM.
    const { hourCycle } = new Intl.DateTimeFormat(first, { hour: 'numeric' }).resolvedOptions()
    return new Intl.Locale(wanted, { region: own.maximize().region ?? 'US', hourCycle: hourCycle ?? 'h23' }).toString()
  } catch {
    return wanted
  }
}

/** Reports whether the language in use is written from right to left. */
export function isRightToLeft(): boolean {
  return tag === 'he'
}

/** The text for a key, filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const entry = words[key] ?? key
  const text = typeof entry === 'string' ? entry : (entry[plural.select(Number(values['n']))] ?? entry.other)
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    return value === undefined ? whole : typeof value === 'number' ? value.toLocaleString(regional) : isolated(value)
  })
}

const rightToLeft = /[\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Nko}\u202e\u202b\u2067]/u

/** A name in a sentence, so that it does not turn what stands beside it. */
function isolated(value: string): string {
  return rightToLeft.test(value) !== isRightToLeft() ? `\u2068${value}\u2069` : value
}
