import { describe, expect, it } from 'vitest'
import en from 'virtual:emoji/en'
import fr from 'virtual:emoji/fr'
import table from '../../../../pkg/emoji/emoji.txt?raw'
import type { Person } from '@confab/client'
import { askedAt, completed, peopleFor } from './complete'
import { findEmoji, hasNames, isEmojiOnly, recentEmoji, turnNames, type Emoji } from './emoji'
import { rank } from './fuzzy'
import { comings, preview, systemText } from './preview'
import { dayName } from './time'

describe('emoji', () => {
  it('knows a text of emoji alone', () => {
    for (const text of ['👍', '❤️', '👨‍👩‍👧‍👦 🎉', '🇫🇷', '👍🏽', '1️⃣']) expect(isEmojiOnly(text), text).toBe(true)
    for (const text of ['', '1', '123', '#', 'a👍', '👍👍👍👍👍👍', ' ']) expect(isEmojiOnly(text), text).toBe(false)
  })

  it('turns shortcodes', () => {
    const groups: Emoji[][] = [[['🎉', 'party popper', ['tada'], []]]]
    expect(turnNames('a :tada: b:tada: :tada:x :nothing: :tada:', groups)).toBe('a 🎉 b:tada: :tada:x :nothing: 🎉')
    expect([hasNames(':tada:'), hasNames('at 10:30:20')]).toEqual([true, false])
  })
})

describe('completion', () => {
  const people: Person[] = [
    { login: 'zoe', firstname: 'Bea', lastname: 'Zed' },
    { login: 'bob.b', firstname: 'Robert', lastname: 'Briggs' },
    { login: 'abo', firstname: 'Al', lastname: 'Al' },
  ]

  it('knows what is being typed', () => {
    expect(askedAt('hi @bo', 6)).toEqual({ kind: 'login', word: 'bo', start: 3 })
    expect(askedAt('@', 1)).toEqual({ kind: 'login', word: '', start: 0 })
    expect(askedAt('x :ta', 5)).toEqual({ kind: 'emoji', word: 'ta', start: 2 })
    for (const text of ['mail a@b', ':p', 'at 10:30', '@bo ']) expect(askedAt(text, text.length), text).toBeNull()
  })

  it('finds people by login and name, the nearest first', () => {
    expect(peopleFor('b', people).map((p) => p.login)).toEqual(['bob.b', 'zoe', 'abo'])
    expect(peopleFor('zed', people).map((p) => p.login)).toEqual(['zoe'])
  })

  it('puts the choice in its place', () => {
    const asked = askedAt('hi @bo there', 6)!
    expect(completed('hi @bo there', asked, 6, '@bob.b')).toEqual({ inserted: '@bob.b', caret: 10 })
    expect(completed('@bo', askedAt('@bo', 3)!, 3, '@bob.b')).toEqual({ inserted: '@bob.b ', caret: 7 })
  })

  it('finds emoji, exact shortcodes first', () => {
    const groups: Emoji[][] = [[['😀', 'grinning face', ['grinning'], ['smile']]], [['🎉', 'party popper', ['tada'], ['celebrate']], ['📅', 'calendar', ['date'], ['day']]]]
    expect(findEmoji(groups, 'tada', 5).map((e) => e[0])).toEqual(['🎉'])
    expect(findEmoji(groups, 'da', 5).map((e) => e[0])).toEqual(['📅', '🎉'])
    expect(findEmoji(groups, 'smi', 5).map((e) => e[0])).toEqual(['😀'])
    expect(findEmoji(groups, 'nothing', 5)).toEqual([])
  })
})

describe('words about messages', () => {
  const m = (content: string, more = {}) => ({ messageId: '', author: { login: 'a', firstname: 'A', lastname: 'B' }, content, systemMessage: false, creationDate: '', ...more })

  it('says system messages in the reader’s language, and unknown ones as they stand', () => {
    expect(systemText('Ann B joins the room')).toBe('Ann B joined')
    expect(systemText('Ann B leaves the room')).toBe('Ann B left')
    expect(systemText('Something else')).toBe('Something else')
  })

  it('sums up who came and went', () => {
    const joins = (...names: string[]) => names.map((n) => `${n} joins the room`)
    expect(comings(joins('A', 'B'))).toBe('A and B joined')
    expect(comings([...joins('A', 'B', 'C', 'D', 'E', 'A'), 'F leaves the room'])).toBe('A, B, C, and 2 others joined · F left')
  })

  it('makes one line of a message', () => {
    expect(preview(m('a\n\n`b`  c'))).toBe('a b c')
    expect(preview(m('', { deleted: true }))).toBe('This message was deleted.')
  })

  it('names days', () => {
    const now = new Date(2026, 4, 20, 1).getTime()
    const name = (y: number, mo: number, d: number, h = 12): string => dayName(new Date(y, mo, d, h).getTime(), now, 'T', 'Y')
    expect(name(2026, 4, 20, 0)).toBe('T')
    expect(name(2026, 4, 19, 23)).toBe('Y')
    expect(name(2026, 4, 15)).toBe('Friday')
    expect(name(2025, 11, 31)).toContain('2025')
  })
})

describe('the emoji that can be picked', () => {
  it('are in the spelling of the server', () => {
    const server = new Set(table.trimEnd().split('\n'))
    for (const groups of [en, fr]) {
      const picked = groups.flat().map(([character]) => character)
      expect(picked.length).toBeGreaterThan(1500)
      expect(picked.filter((character) => !server.has(character))).toEqual([])
    }
    expect(recentEmoji().filter((character) => !server.has(character))).toEqual([])
  })
})

describe('names that answer to what was typed', () => {
  it('come in the order of how well they do', () => {
    const names = ['garden', 'rose-garden', 'agarden', 'g-a-r-d', 'grid', 'big red', 'gard']
    const found = names.filter((n) => rank(n, 'GARD') !== null).sort((a, b) => rank(a, 'GARD')! - rank(b, 'GARD')!)
    expect(found).toEqual(['gard', 'garden', 'rose-garden', 'agarden', 'g-a-r-d'])
    expect(rank('Zoë Ölmann', 'z öl')).not.toBeNull()
    expect(rank('short', 'longer than it')).toBeNull()
  })
})
