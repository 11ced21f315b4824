import { describe, expect, it } from 'vitest'
import { parse, wordsOf } from './blocks'
import { revealed } from './reveal'
import { inline, Budget } from './inline'

const links = (text: string): string[][] => inline(text, () => false, new Budget()).flatMap((p) => (p.kind === 'link' ? [[p.text, p.href]] : []))

describe('what cannot be seen', () => {
  it('does not make an address look like another one', () => {
    expect(links('see http://example.com/\u202egpj.exe now')).toEqual([['http://example.com/%E2%80%AEgpj.exe', 'http://example.com/%E2%80%AEgpj.exe']])
    expect(links('http://example.com/a\u200bb\u2066c')[0]?.[0]).toBe('http://example.com/a%E2%80%8Bb%E2%81%A6c')
    expect(wordsOf(parse('http://example.com/\u202egpj.exe now', () => false))).toBe('http://example.com/%E2%80%AEgpj.exe now')
  })

  it('is shown in the words of a link', () => {
    expect(links('[the \u202eegap](https://example.org/x)')).toEqual([['the %E2%80%AEegap', 'https://example.org/x']])
    expect(links('[exa\u200bmple.com](https://evil.example/)').map(([text]) => text)).toEqual(['exa%E2%80%8Bmple.com'])
    expect(links('[\u200b\u2060](https://evil.example/)').map(([text]) => text)).toEqual(['%E2%80%8B%E2%81%A0'])
  })

  it('is shown in the name of a file, but for what belongs to a script or an emoji', () => {
    expect(revealed('photo\u202egpj.exe')).toBe('photo%E2%80%AEgpj.exe')
    expect(revealed('in\u200bvoice.pdf')).toBe('in%E2%80%8Bvoice.pdf')
    expect(revealed('a\u200db.pdf')).toBe('a%E2%80%8Db.pdf')
    expect(revealed('👨\u200d👩\u200d👧 می\u200cخواهم.png')).toBe('👨\u200d👩\u200d👧 می\u200cخواهم.png')
  })
})
