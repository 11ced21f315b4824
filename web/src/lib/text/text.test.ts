import { describe, expect, it } from 'vitest'
import en from 'virtual:emoji/en'
import fr from 'virtual:emoji/fr'
import table from '../../../../pkg/emoji/emoji.txt?raw'
import type { Message, Person } from '@confab/client'
import { askedAt, completed, peopleFor } from './complete'
import { findEmoji, recentEmoji, type Emoji } from './emoji'
import { preview, systemText } from './preview'
import { dayName } from './time'
import { folded, isEmojiOnly, mentions, shownLines, tokenize } from './tokens'

const known = (login: string): boolean => ['ann', 'bob.b'].includes(login)
const short = (text: string): string[] => tokenize(text, known).map((x) => `${x.kind}:${x.text}`)

describe('the parts of a text', () => {
  it('leaves plain text and line ends alone', () => {
    expect(short('a <b>x</b>\n\n b & c')).toEqual(['text:a <b>x</b>\n\n b & c'])
    expect(short('')).toEqual([])
  })

  it('finds addresses and not what ends the sentence', () => {
    expect(short('see https://a.example/x_(y)?q=1&r=2#z, ok')).toEqual(['text:see ', 'link:https://a.example/x_(y)?q=1&r=2#z', 'text:, ok'])
    expect(short('(http://a.example/b).')).toEqual(['text:(', 'link:http://a.example/b', 'text:).'])
    expect(short('http://')).toEqual(['text:http://'])
  })

  it('never makes an address of a script', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'xhttp://a.b', 'vbscript:x']) {
      expect(tokenize(text, known).filter((x) => x.kind === 'link')).toEqual([])
    }
    for (const token of tokenize('https://a.example/"onclick="x', known)) {
      if (token.kind === 'link') expect(token.href).toMatch(/^https:\/\//)
    }
  })

  it('finds mentions of people who are there', () => {
    expect(short('@ann and @bob.b. but @eve, mail x@ann')).toEqual(['mention:@ann', 'text: and ', 'mention:@bob.b', 'text:. but @eve, mail x@ann'])
    expect(mentions('hey @ann!', 'ann')).toBe(true)
    expect(mentions('`@ann`', 'ann')).toBe(false)
    expect(mentions('hey @anna', 'ann')).toBe(false)
  })

  it('shows code as it stands', () => {
    expect(short('use `a *b* @ann` now')).toEqual(['text:use ', 'code:a *b* @ann', 'text: now'])
    expect(short('```go\nx := "https://a.b"\n```\nafter')).toEqual(['block:x := "https://a.b"', 'text:after'])
    expect(short('a ` b')).toEqual(['text:a ` b'])
    expect(short('``a`b``')).toEqual(['code:a`b'])
  })

  it('loses no character outside of marks', () => {
    const texts = ['a@ann b', 'https://x.y/z).', '@@ann', 'x\u2028y\u0301 😀', '((https://a.b/(c)))']
    for (const text of texts) expect(tokenize(text, known).map((x) => x.text).join('')).toBe(text)
  })

  it('pairs backticks by runs', () => {
    expect(short('`a``b`')).toEqual(['code:a``b'])
    expect(short('a``` b')).toEqual(['text:a``` b'])
    expect(short('`a\nb`')).toEqual(['text:`a\nb`'])
    expect(short('```Python\nprint()\n```')).toEqual(['block:print()'])
    expect(short('```go\n```')).toEqual(['block:go'])
  })

  it('ends an address before what closes a quotation and before full-width punctuation', () => {
    expect(short('请看https://a.example/文。谢谢')).toEqual(['text:请看', 'link:https://a.example/文', 'text:。谢谢'])
    expect(short('“https://a.example” «Https://b.example»')).toEqual(['text:“', 'link:https://a.example', 'text:” «', 'link:Https://b.example', 'text:»'])
  })

  it('stays quick on nasty texts', () => {
    const began = performance.now()
    const half = 32_000
    const nasty = [
      '`'.repeat(2 * half), '@'.repeat(2 * half), 'https://' + '('.repeat(2 * half), 'https://a.b/' + ')'.repeat(2 * half), 'https://a.b/' + '('.repeat(half) + ')'.repeat(half),
      '```' + 'a'.repeat(2 * half), '`a'.repeat(half), '```a'.repeat(half / 2), 'https://a.b/`'.repeat(half / 8), 'https:// '.repeat(half / 4), '@ann'.repeat(half / 2), '@bob.b....... '.repeat(half / 8),
      Array.from({ length: 360 }, (_, i) => '`'.repeat(i + 1) + 'a').join(''), '\n'.repeat(2 * half), ' :a'.repeat(half / 2), '`a`'.repeat(half / 2),
    ]
    for (const text of nasty) {
      folded(tokenize(text, known))
      isEmojiOnly(text)
      mentions(text, 'ann')
      shownLines(text, 80)
      askedAt(text, text.length)
      preview({ content: text } as Message)
    }
    // Far above what it takes, far below what a quadratic search would: that took minutes.
    expect(performance.now() - began).toBeLessThan(5000)
  })

  it('makes no more parts than a page can show', () => {
    const tokens = tokenize('`a` '.repeat(10_000), known)
    expect(tokens.length).toBeLessThanOrEqual(2002)
    expect(tokens.at(-1)?.text).toContain('`a` `a`')
  })

  it('folds only what is very long', () => {
    const short = tokenize('a `b` @ann\n'.repeat(30), known)
    expect(folded(short)).toBe(short)
    const high = folded(tokenize('line\n'.repeat(500), known))
    expect(high[0]?.text.split('\n').length).toBeLessThanOrEqual(22)
    const wide = folded(tokenize('x'.repeat(60_000), known))
    expect(wide[0]?.text.length).toBeLessThan(2100)
    // Inside of code, and beside a character of two parts.
    expect(folded(tokenize('```\n' + '😀'.repeat(9000) + '\n```', known))[0]?.kind).toBe('block')
    expect(folded(tokenize('x' + '😀'.repeat(9000), known))[0]?.text).toMatch(/^x(?:😀)+…$/u)
    // A part of an address leads nowhere.
    expect(folded(tokenize('see https://a.example/' + 'a'.repeat(9000), known)).some((x) => x.kind === 'link')).toBe(false)
    expect(shownLines('line\n'.repeat(500), 80)).toBe(20)
    expect(shownLines('a\nb', 80)).toBe(2)
  })

  it('knows a text of emoji alone', () => {
    for (const text of ['👍', '❤️', '👨‍👩‍👧‍👦 🎉', '🇫🇷', '👍🏽', '1️⃣']) expect(isEmojiOnly(text), text).toBe(true)
    for (const text of ['', '1', '123', '#', 'a👍', '👍👍👍👍👍👍', ' ']) expect(isEmojiOnly(text), text).toBe(false)
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
    expect(completed('hi @bo there', asked, 6, '@bob.b')).toEqual({ text: 'hi @bob.b there', caret: 10 })
    expect(completed('@bo', askedAt('@bo', 3)!, 3, '@bob.b')).toEqual({ text: '@bob.b ', caret: 7 })
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
