import { describe, expect, it } from 'vitest'
import en from 'virtual:emoji/en'
import fr from 'virtual:emoji/fr'
import table from '../../../../pkg/emoji/emoji.txt?raw'
import type { Person } from '@confab/client'
import { askedAt, completed, peopleFor } from './complete'
import { findEmoji, hasNames, isEmojiOnly, recentEmoji, turnNames, type Emoji } from './emoji'
import { rank } from './fuzzy'
import { coordinates, describe as describeFile, safeUrl } from './kinds'
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

  const told = (content: string, more = {}) => m(content, { systemMessage: true, ...more })

  it('says system messages in the reader’s language, and unknown ones as they stand', () => {
    expect(systemText(told('Ann B joins the room'))).toBe('Ann B joined')
    expect(systemText(told('Ann B leaves the room'))).toBe('Ann B left')
    expect(systemText(told('Something else'))).toBe('Something else')
  })

  it('words system messages from their data', () => {
    const who = { login: 'bob', firstname: 'Bob', lastname: 'B' }
    const by = { login: 'ann', firstname: 'Ann', lastname: 'A' }
    const notice = (body: object, content = 'in English') => told(content, { kind: 'notice', body })
    expect(systemText(notice({ type: 'joined', who }))).toBe('Bob B joined')
    expect(systemText(notice({ type: 'removed', who, by }))).toBe('Ann A removed Bob B')
    expect(systemText(notice({ type: 'removed', who }))).toBe('Bob B was removed')
    const because = notice({ type: 'removed', who, by, text: 'Advertising' })
    expect(systemText(because)).toBe('Ann A removed Bob B: Advertising')
    expect(comings([because, notice({ type: 'left', who: by })])).toBe('Ann A left · Ann A removed Bob B: Advertising')
    expect(systemText(notice({ type: 'renamed', by, text: 'Tea {name}' }))).toBe('This room is now called Tea {name}')
    expect(systemText(notice({ type: 'of a later version', who }))).toBe('in English')
    expect(comings([notice({ type: 'joined', who }), notice({ type: 'removed', who: by, by: who }), notice({ type: 'created' })])).toBe('Bob B joined · Ann A left · This room was created')
  })

  it('sums up who came and went', () => {
    const joins = (...names: string[]) => names.map((n) => told(`${n} joins the room`))
    expect(comings(joins('A', 'B'))).toBe('A and B joined')
    expect(comings([...joins('A', 'B', 'C', 'D', 'E', 'A'), told('F leaves the room')])).toBe('A, B, C, and 2 others joined · F left')
  })

  it('makes one line of a message', () => {
    expect(preview(m('a\n\n`b`  c'))).toBe('a b c')
    expect(preview(m('', { deleted: true }))).toBe('This message was deleted.')
  })

  it('makes one line of a message of another kind', () => {
    const of = (kind: string, body: object, content = '') => preview(m(content, { kind, body }))
    expect(of('image', { url: '/1', name: 'a.png' }, '[image] a.png')).toBe('Image: a.png')
    expect(of('audio', { url: '/1', duration: 2 }, '[audio]')).toBe('Audio')
    expect(of('location', { latitude: 1, longitude: 2, address: 'Dallas' })).toBe('Place: Dallas')
    expect(of('custom', { event: 'wave' }, '[custom] wave')).toBe('Message for an app: wave')
    expect(of('custom', { event: 'wave' }, 'Ann waves')).toBe('Message for an app: Ann waves')
    expect(of('command', { action: 'go' }, '[command] go')).toBe('Command: go')
    expect(of('of a later version', {}, 'what stands for it')).toBe('what stands for it')
  })

  it('describes files and places, and follows only addresses of the web', () => {
    expect(describeFile({ url: '/1', type: 'image/png', width: 640, height: 480, size: 1_234_567 })).toBe('image/png · 640 × 480 · 1.2 MB')
    expect(describeFile({ url: '/1', duration: 3661.4, size: 0 })).toBe('1:01:01 · 0 bytes')
    expect(describeFile({ url: '/1' })).toBe('')
    expect(coordinates({ latitude: -32.5, longitude: 96.1234567 })).toBe('-32.5; 96.12346')
    expect(safeUrl('https://example.org/1')).toBe('https://example.org/1')
    expect(safeUrl('/files/1')).toBe('/files/1')
    for (const bad of ['javascript:alert(1)', '//example.org', '/\\\\example.org', 'data:text/html,x', 'x']) expect(safeUrl(bad), bad).toBeUndefined()
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
