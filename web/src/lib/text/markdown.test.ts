import { describe, expect, it } from 'vitest'
import type { Message } from '@confab/client'
import { mentions, parse, partsOf, wordsOf, type Block } from './blocks'
import { askedAt } from './complete'
import { isEmojiOnly } from './emoji'
import { folded, shownLines } from './fold'
import { highlight } from './highlight'
import { bold, Budget, italic, struck, type Part } from './inline'
import { preview } from './preview'
import { linked, marked, quotedLines } from './write'

const known = (login: string): boolean => ['ann', 'bob.b'].includes(login)
const names = new Map([[0, ''], [bold, 'b'], [italic, 'i'], [struck, 's'], [bold | italic, 'bi'], [bold | struck, 'bs']])
const show = (p: Part): string => `${p.kind}${p.marks ? ' ' + names.get(p.marks) : ''}:${p.text}`
const shown = (b: Block): unknown => {
  if (b.kind === 'lines') return b.parts.map(show)
  if (b.kind === 'code') return `${b.language || 'code'}|${b.text}`
  if (b.kind === 'quote') return { quote: b.blocks.map(shown) }
  return b.items.map((i) => `${' '.repeat(i.depth)}${i.marker} ${i.parts.map(show).join(' ')}`)
}
const blocks = (text: string): unknown[] => parse(text, known).map(shown)
/** The parts of a text that is one paragraph. */
const short = (text: string): unknown => blocks(text)[0]

describe('what people type as Markdown', () => {
  it('leaves plain text and line ends alone', () => {
    expect(blocks('a <b>x</b>\n\n b & c')).toEqual([['text:a <b>x</b>\n\n b & c']])
    expect(blocks('')).toEqual([])
  })

  it('knows bold, italic, struck out, and several at a time', () => {
    expect(short('a **b** c')).toEqual(['text:a ', 'text b:b', 'text: c'])
    expect(short('*a* _b_ __c d__ ~~e~~')).toEqual(['text i:a', 'text: ', 'text i:b', 'text: ', 'text b:c d', 'text: ', 'text s:e'])
    expect(short('***a***')).toEqual(['text bi:a'])
    expect(short('**a *b* c**')).toEqual(['text b:a ', 'text bi:b', 'text b: c'])
    expect(short('**a `b` @ann https://x.y**')).toEqual(['text b:a ', 'code b:b', 'text b: ', 'mention b:@ann', 'text b: ', 'link b:https://x.y'])
    expect(short('(*a*), "**b**"!')).toEqual(['text:(', 'text i:a', 'text:), "', 'text b:b', 'text:"!'])
    expect(short('这是**粗体**字')).toEqual(['text:这是', 'text b:粗体', 'text:字'])
  })

  it('makes no markup by accident', () => {
    for (const text of [
      'snake_case_name and _private', '2*3*4 = 24', '2 * 3 * 4', 'ls *.go *.ts', '__init__ and __main__.py', 'a ~ b ~ c', '-_- and ^_^ and >_<', 'C:\\_x_\\y', '* ', '**', '****', 'a*b', '5 > 3 < 4', '>_< >:(',
      '#channel', '-5 degrees', '2020.5', 'a_*b', '* \n*', '*a\nb*', 'x ** y ** z', '_', '[a](b)', '[x] done', 'a]b[c', '¯\\_(ツ)_/¯',
    ]) {
      expect(blocks(text).flat(), text).toEqual([`text:${text}`])
    }
  })

  it('lets a backslash take a mark its meaning', () => {
    expect(short('\\*a\\* \\_b\\_ \\`c`')).toEqual(['text:*a* _b_ `c`'])
    expect(blocks('\\> a\n\\- b')).toEqual([['text:> a\n- b']])
  })

  it('quotes', () => {
    expect(blocks('> a **b**\n> c\n\nd')).toEqual([{ quote: [['text:a ', 'text b:b', 'text:\nc']] }, ['text:d']])
    expect(blocks('x\n> > a\n> b\ny')).toEqual([['text:x'], { quote: [{ quote: [['text:a']] }, ['text:b']] }, ['text:y']])
    expect(blocks('> ```go\n> x > y\n> ```')).toEqual([{ quote: ['go|x > y'] }])
    expect(blocks('>>>>> a')).toEqual([{ quote: [{ quote: [['text:>>> a']] }] }].map(() => blocks('>>>>> a')[0]))
  })

  it('lists, as they are numbered, by their indentation', () => {
    expect(blocks('x:\n- a\n  - b\n- *c*\n  more\n\ny')).toEqual([['text:x:'], ['• text:a', ' • text:b', '• text i:c text:\nmore'], ['text:y']])
    expect(blocks('2. a\n3) b\n10. c')).toEqual([['2. text:a', '3) text:b', '10. text:c']])
    expect(blocks('1984. A year')).toEqual([['text:1984. A year']])
  })

  it('shows code as it stands', () => {
    expect(short('use `a *b* @ann` now')).toEqual(['text:use ', 'code:a *b* @ann', 'text: now'])
    expect(blocks('```go\nx := "https://a.b"\n> 1\n- 2\n```\nafter')).toEqual(['go|x := "https://a.b"\n> 1\n- 2', ['text:after']])
    expect(short('a ` b')).toEqual(['text:a ` b'])
    expect(short('``a`b``')).toEqual(['code:a`b'])
    expect(short('`a``b`')).toEqual(['code:a``b'])
    expect(short('a``` b')).toEqual(['text:a``` b'])
    expect(short('`a\nb`')).toEqual(['text:`a\nb`'])
    expect(blocks('```Python\nprint()\n```')).toEqual(['python|print()'])
    expect(blocks('```go\n```')).toEqual(['code|go'])
    expect(blocks('a ```b c``` d')).toEqual([['text:a '], 'code|b c', ['text: d']])
  })

  it('finds addresses and not what ends the sentence', () => {
    expect(short('see https://a.example/x_(y)?q=1&r=2#z, ok')).toEqual(['text:see ', 'link:https://a.example/x_(y)?q=1&r=2#z', 'text:, ok'])
    expect(short('(http://a.example/b).')).toEqual(['text:(', 'link:http://a.example/b', 'text:).'])
    expect(short('http://')).toEqual(['text:http://'])
    expect(short('请看https://a.example/文。谢谢')).toEqual(['text:请看', 'link:https://a.example/文', 'text:。谢谢'])
    expect(short('“https://a.example” «Https://b.example»')).toEqual(['text:“', 'link:https://a.example', 'text:” «', 'link:Https://b.example', 'text:»'])
    expect(short('*https://a.example/b_c*')).toEqual(['link i:https://a.example/b_c'])
  })

  it('names addresses, unless the name is another address', () => {
    const [link] = [...partsOf(parse('see [the _page_ (new)](https://a.example/x_(y)), ok', known))].filter((p) => p.kind === 'link')
    expect(link).toMatchObject({ text: 'the _page_ (new)', href: 'https://a.example/x_(y)' })
    for (const text of ['[https://bank.example](https://evil.example)', '[bank.example](https://evil.example)', '[x](javascript:alert(1))', '[x](/here)']) {
      expect([...partsOf(parse(text, known))].filter((p) => p.kind === 'link' && p.text !== p.href && p.text + '/' !== p.href), text).toEqual([])
    }
  })

  it('never makes an address of a script', () => {
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'xhttp://a.b', 'vbscript:x', 'https://a.example/"onclick="x']) {
      for (const part of partsOf(parse(text, known))) if (part.kind === 'link') expect(part.href).toMatch(/^https:\/\//)
    }
  })

  it('finds mentions of people who are there', () => {
    expect(short('@ann and @bob.b. but @eve, mail x@ann')).toEqual(['mention:@ann', 'text: and ', 'mention:@bob.b', 'text:. but @eve, mail x@ann'])
    for (const text of ['hey @ann!', '**@ann**', '> @ann', '- @ann']) expect(mentions(text, 'ann'), text).toBe(true)
    for (const text of ['`@ann`', 'hey @anna', '```\n@ann\n```']) expect(mentions(text, 'ann'), text).toBe(false)
  })

  it('loses no character outside of marks', () => {
    for (const text of ['a@ann b', 'https://x.y/z).', '@@ann', 'x\u2028y\u0301 😀', '((https://a.b/(c)))', '😀*😀', '*😀 a']) expect(wordsOf(parse(text, known))).toBe(text)
  })
})

describe('nasty texts', () => {
  const n = 65_536
  const nasty = (n: number): string[] => {
    const fill = (s: string): string => s.repeat(Math.ceil(n / s.length)).slice(0, n)
    return [
      ...['`', '@', '*', '_', '~', '[', '(', '>', '\\', '-', '\n', '> ', '- ', '1. ', '*a ', '**a ', '_a ', '~~a ', '*a*', '**a**', '*a **b ', 'a* ', 'a** ', '***a ', '__a', '__a__', '`a', '`a`', '```a', '```\n', '> ```\n', ' :a', '@ann',
        '[a](https://', '[a](https://b)', '[a', '[a](https://b/(', '](', '>>>> ', '> > > > ', '  - a\n', '- a\n ', 'https://a.b/`', 'https:// ', '@bob.b....... ', '\\*', '*_~~', '**_a_ ', '\n> \n', '-\n', '   ', '  \n', '\t'].map(fill),
      'https://' + fill('('), 'https://a.b/' + fill(')'), 'https://a.b/' + fill('(').slice(n / 2) + fill(')').slice(n / 2), '```' + fill('a'), '[' + fill('a'), '[a](https://' + fill('x'), '[a](https://b' + fill('()'), fill('*') + 'a' + fill('*'),
      Array.from({ length: Math.floor(Math.sqrt(2 * n)) }, (_, i) => '`'.repeat(i + 1) + 'a').join('').slice(0, n),
    ]
  }

  it('cost a number of steps that is linear in their length', () => {
    for (const text of nasty(n)) {
      const budget = new Budget()
      parse(text, known, budget)
      // At most four quotations inside of each other look through it, and two passes each.
      expect(budget.steps, JSON.stringify(text.slice(0, 20))).toBeLessThan(12 * n)
    }
  }, 60_000)

  it('come to an end wherever they are looked at', () => {
    for (const text of nasty(n)) {
      parse(folded(text), known)
      isEmojiOnly(text)
      mentions(text, 'ann')
      shownLines(text, 80)
      askedAt(text, text.length)
      preview({ content: text } as Message)
      highlight(text.slice(0, 20_000), 'go')
      highlight(text.slice(0, 20_000), 'html')
    }
  }, 60_000)

  it('make no more parts than a page can show', () => {
    for (const text of ['`a` ', '- a\n', '> a\n\n', '**a** ', '```\na\n```\n']) {
      const all = parse(text.repeat(10_000), known)
      expect(all.length + [...partsOf(all)].length, text).toBeLessThanOrEqual(4010)
    }
  })
})

describe('very long texts', () => {
  it('are folded, others are not', () => {
    const text = 'a `b` @ann\n'.repeat(30)
    expect(folded(text)).toBe(text)
    expect(folded('line\n'.repeat(500)).split('\n').length).toBeLessThanOrEqual(22)
    expect(folded('x'.repeat(60_000)).length).toBeLessThan(2100)
    // Inside of code, and beside a character of two parts.
    expect(parse(folded('```\n' + '😀'.repeat(9000) + '\n```'), known)[0]?.kind).toBe('code')
    expect(folded('x' + '😀'.repeat(9000))).toMatch(/^x(?:😀)+…$/u)
    // A part of an address leads nowhere.
    expect([...partsOf(parse(folded('see https://a.example/' + 'a'.repeat(9000)), known))].some((x) => x.kind === 'link')).toBe(false)
    expect(shownLines('line\n'.repeat(500), 80)).toBe(20)
    expect(shownLines('a\nb', 80)).toBe(2)
  })
})

describe('colours of code', () => {
  it('tell comments, strings, numbers and words, and lose nothing', () => {
    const code = 'func x() { // not "this"\n  return "a\\"b" + 12.5 // é\n}'
    const pieces = highlight(code, 'go')!
    expect(pieces.map((p) => p.text).join('')).toBe(code)
    expect(pieces.filter((p) => p.kind !== 'plain').map((p) => `${p.kind}:${p.text}`)).toEqual([
      'word:func', 'comment:// not "this"', 'word:return', 'string:"a\\"b"', 'number:12.5', 'comment:// é',
    ])
    expect(highlight('# a\nx = 1', 'python')?.[0]).toEqual({ kind: 'comment', text: '# a' })
    for (const language of ['', 'klingon', 'constructor']) expect(highlight('x', language), language).toBeNull()
  })
})

describe('keys that write marks', () => {
  const press = (text: string, from: number, until: number, mark: string): string => {
    const c = marked(text, from, until, mark)
    const done = text.slice(0, c.from) + c.value + text.slice(c.until)
    return `${done.slice(0, c.select[0])}<${done.slice(...c.select)}>${done.slice(c.select[1])}`
  }

  it('put them around words and take them away', () => {
    expect(press('a b c', 2, 3, '**')).toBe('a **<b>** c')
    expect(press('a **b** c', 4, 5, '**')).toBe('a <b> c')
    expect(press('a **b** c', 2, 7, '**')).toBe('a <b> c')
    expect(press('a b  c', 1, 4, '_')).toBe('a _<b>_  c')
    expect(press('a ', 2, 2, '**')).toBe('a **<>**')
  })

  it('quote lines and take that back', () => {
    const c = quotedLines('a\nb\nc', 2, 5)
    expect(c).toMatchObject({ from: 2, until: 5, value: '> b\n> c' })
    expect(quotedLines('> b\n> c', 0, 7).value).toBe('b\nc')
  })

  it('make a link of words and an address', () => {
    expect(linked('the page', ' https://a.example/x ')).toBe('[the page](https://a.example/x)')
    for (const [words, pasted] of [['', 'https://a.b'], ['x', 'not'], ['x', 'https://a.b (c)'], ['https://a.b', 'https://c.d'], ['a]', 'https://a.b']] as const) expect(linked(words, pasted)).toBeNull()
  })
})
