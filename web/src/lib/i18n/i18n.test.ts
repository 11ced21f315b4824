import { afterEach, describe, expect, it } from 'vitest'
import { later as isLater } from '../../../build/later'
import { en as first } from './en'
import { later } from './en-later'
import { fr } from './fr'
import { he } from './he'
import { choose, conventions, isRightToLeft, language, languages, t, useLanguage, withWords } from './index'

const en = { ...first, ...later }

afterEach(() => useLanguage('en'))

const places = (entry: string | object): string[] =>
  [...new Set([...JSON.stringify(entry).matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? ''))].sort()

describe('the catalogue', () => {
  it('is in English where another one does not come, and keeps names of another direction apart', async () => {
    const { load } = languages['fr']!
    languages['fr']!.load = () => Promise.reject(new TypeError('Failed to fetch'))
    await useLanguage('fr')
    languages['fr']!.load = load
    expect([language(), t('action.save')]).toEqual(['en', 'Save'])
    expect(t('room.deleted', { room: 'דלת' })).toBe('The room \u2068דלת\u2069 has been deleted.')
    await useLanguage('he')
    expect(isRightToLeft()).toBe(true)
    expect(t('room.leave.ask', { room: 'door' })).toContain('\u2068door\u2069')
  })

  it('has the same keys and the same places to fill in in every language', () => {
    for (const other of [fr, he]) {
      expect(Object.keys(other).sort()).toEqual(Object.keys(en).sort())
      for (const key of Object.keys(en) as (keyof typeof en)[]) expect(places(other[key]), key).toEqual(places(en[key]))
    }
  })

  it('has no text that was left in English', () => {
    const same = (Object.keys(en) as (keyof typeof en)[]).filter((k) => JSON.stringify(en[k]) === JSON.stringify(fr[k]))
    // These are the same words in both.
    expect(same.sort()).toEqual(['field.description', 'field.email', 'files.alt', 'help.code', 'invite.title', 'kind.audio', 'kind.image', 'room.participants', 'rooms.people', 'write.emoji', 'write.suggestions'].sort())
  })

  it('has no text that nothing shows', () => {
    const sources = import.meta.glob<string>(['../../**/*.{ts,svelte}', '!./en*.ts', '!./fr.ts', '!./he.ts', '!../../**/*.test.ts'], {
      query: '?raw',
      import: 'default',
      eager: true,
    })
    const source = Object.values(sources).join('\n')
    // The names of emoji groups are put together from a number.
    const unused = Object.keys(en).filter((key) => !source.includes(`'${key}'`) && !key.startsWith('emoji.group.'))
    expect(Object.keys(sources).length).toBeGreaterThan(30)
    expect(unused).toEqual([])
    // What is shown before the words for later are there has its words.
    const early = Object.entries(sources).flatMap(([name, text]) => (isLater.test(name) ? [] : text)).join('\n')
    expect(Object.keys(later).filter((key) => early.includes(`'${key}'`))).toEqual([])
  })

  it('learns the words for later with what needs them', async () => {
    expect(t('tokens.end')).toBe('tokens.end')
    expect(await withWords(Promise.resolve(7))).toBe(7)
    expect(t('tokens.end')).toBe('End')
    await useLanguage('fr')
    await useLanguage('en')
    expect(t('tokens.end')).toBe('End')
  })

  it('fills in and counts', async () => {
    expect(t('rooms.unread', { n: 1 })).toBe('1 unread message')
    expect(t('rooms.unread', { n: 2000 })).toBe('2,000 unread messages')
    expect(t('log.announce', { name: '{text}', text: 'x' })).toBe('{text}: x')
    await useLanguage('fr')
    expect(t('rooms.unread', { n: 0 })).toBe('0 message non lu')
    expect(t('rooms.unread', { n: 2 })).toBe('2 messages non lus')
  })

  it('writes dates and numbers as people do where the browser is at home', () => {
    const at = new Date(2026, 4, 20, 21, 14)
    const time = (wanted: string, ...preferred: string[]): string => at.toLocaleTimeString(conventions(wanted, preferred), { timeStyle: 'short' }).replaceAll('\u202f', ' ')
    expect(time('en', 'de-DE', 'en-US', 'en')).toBe('21:14')
    expect(time('en', 'ja')).toBe('21:14')
    expect(time('en', 'en-US')).toBe('9:14 PM')
    expect(time('en', 'en-GB')).toBe('21:14')
    expect(time('en', '*')).toBe('9:14 PM')
    expect((1234.5).toLocaleString(conventions('en', ['de-DE']))).toBe('1.234,5')
    expect(at.toLocaleDateString(conventions('en', ['de']), { weekday: 'long' })).toBe('Wednesday')
  })

  it('takes the first language that there is', () => {
    expect(choose(['de-DE', 'fr-CA', 'en'])).toBe('fr')
    expect(choose(['de', 'constructor'])).toBe('en')
    expect(choose(['EN-gb'])).toBe('en')
  })
})
