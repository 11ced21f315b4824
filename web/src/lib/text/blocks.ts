// What people type as Markdown, as blocks of parts. Everything in them is shown as text; nothing becomes markup of the page. There are no headings,
// tables or pictures: a # or a | means itself.
import { Budget, inline, type IsLogin, type Part } from './inline'

export interface Item {
  /** As it was written, "2."; a bullet for a dash or star. */
  marker: string
  /** How far it is indented: 0 to 3. */
  depth: number
  parts: Part[]
}

export type Block =
  | { kind: 'lines'; parts: Part[] }
  | { kind: 'code'; text: string; language: string }
  | { kind: 'list'; items: Item[] }
  | { kind: 'quote'; blocks: Block[] }

const languageLine = /([a-z0-9+#.-]*)[ \t]*\n/iy
const item = /([ \t]{0,8})([-*•]|\d{1,3}[.)])[ \t]+(?=\S)/y
const continued = /(?: {2,}|\t)[ \t]*(?=\S)/y
// Quotations inside of quotations.
const deepest = 3

/** Splits a text, in a time that is linear in its length. An @word is a mention only if `isLogin` says so. */
export function parse(text: string, isLogin: IsLogin, budget = new Budget()): Block[] {
  return blocksOf(text, 0, isLogin, budget)
}

function blocksOf(text: string, depth: number, isLogin: IsLogin, budget: Budget): Block[] {
  const blocks: Block[] = []
  const runs = new Runs(text)
  budget.steps += text.length
  // The paragraph begins at `from`; all before `at` is looked through.
  let [from, at] = [0, 0]
  const paragraph = (until: number): void => {
    // One empty line beside another block is only its distance.
    let [a, b] = [from, until]
    if (b > a && text[b - 1] === '\n' && until < text.length) b--
    if (b > a && text[b - 1] === '\n' && until < text.length) b--
    if (blocks.length > 0 && text[a] === '\n') a++
    if (b > a) blocks.push({ kind: 'lines', parts: inline(text.slice(a, b), isLogin, budget) })
  }
  while (at < text.length && budget.left > 0) {
    const begins = at === 0 || text[at - 1] === '\n'
    if (begins && depth < deepest && isQuote(text, at)) {
      paragraph(at)
      const [inside, end] = quoted(text, at)
      budget.left--
      blocks.push({ kind: 'quote', blocks: blocksOf(inside, depth + 1, isLogin, budget) })
      from = at = end
    } else if (begins && itemAt(text, at)) {
      paragraph(at)
      const [items, end] = itemsAt(text, at, isLogin, budget)
      blocks.push({ kind: 'list', items })
      from = at = end
    } else {
      const end = lineEnd(text, at)
      const fence = runs.fence(at, end)
      if (!fence) {
        at = end
        continue
      }
      paragraph(fence.at)
      const code = codeIn(text, fence.at + fence.length, fence.end)
      budget.left--
      blocks.push({ kind: 'code', ...code })
      from = at = fence.next
    }
  }
  paragraph(text.length)
  return blocks
}

/** The index after the line. */
function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}

function isQuote(text: string, at: number): boolean {
  for (let i = at; i < at + 8 && text[i] === '>'; i++) if (text[i + 1] === ' ') return true
  return false
}

/** What is quoted from a line on, without the marks, and where it ends. */
function quoted(text: string, at: number): [string, number] {
  const lines: string[] = []
  while (at < text.length && (isQuote(text, at) || (text[at] === '>' && (at + 1 === text.length || text[at + 1] === '\n')))) {
    const end = lineEnd(text, at)
    const line = text.slice(at + 1, end).replace(/\n$/, '')
    lines.push(line.startsWith(' ') ? line.slice(1) : line)
    at = end
  }
  return [lines.join('\n'), at]
}

function itemAt(text: string, at: number): RegExpExecArray | null {
  item.lastIndex = at
  return item.exec(text)
}

function itemsAt(text: string, at: number, isLogin: IsLogin, budget: Budget): [Item[], number] {
  const items: Item[] = []
  const indents: number[] = []
  for (let m = itemAt(text, at); m && budget.left > 0; m = itemAt(text, at)) {
    const indent = (m[1] ?? '').replaceAll('\t', '    ').length
    while (indents.length > 0 && (indents.at(-1) ?? 0) > indent) indents.pop()
    if (indents.length === 0 || indent > (indents.at(-1) ?? 0) + 1) indents.push(indent)
    const begin = at + m[0].length
    at = lineEnd(text, at)
    let content = text.slice(begin, at).replace(/\n$/, '')
    for (let more = continuedAt(text, at); more !== null; more = continuedAt(text, at)) {
      const end = lineEnd(text, at)
      content += '\n' + text.slice(at + more, end).replace(/\n$/, '')
      at = end
    }
    budget.left--
    const marker = m[2] ?? ''
    items.push({ marker: /\d/.test(marker) ? marker : '•', depth: Math.min(3, indents.length - 1), parts: inline(content, isLogin, budget) })
  }
  return [items, at]
}

/** How far a line is indented that goes on with the item before it; null if it does not. */
function continuedAt(text: string, at: number): number | null {
  if (itemAt(text, at)) return null
  continued.lastIndex = at
  return continued.exec(text)?.[0].length ?? null
}

/** What is in a fence, without the line that names its language. */
function codeIn(text: string, from: number, until: number): { text: string; language: string } {
  languageLine.lastIndex = from
  const named = languageLine.exec(text)
  const has = named !== null && from + named[0].length < until
  const begin = has ? from + named[0].length : from
  return { text: text.slice(begin, text[until - 1] === '\n' ? until - 1 : until), language: has ? (named[1] ?? '').toLowerCase() : '' }
}

interface Fence {
  at: number
  length: number
  /** Where the closing run is, and what comes after it and its line end. */
  end: number
  next: number
}

/** The runs of backticks of a text. Three or more begin code up to the next such run, in any line; fewer, up to as many in the same line. */
class Runs {
  private readonly runs: { at: number; length: number }[]
  /** The next run of three or more, by the number of a run. */
  private readonly closing: number[]
  private readonly span = new Map<number, number>()
  private next = 0

  constructor(private readonly text: string) {
    const found = [...text.matchAll(/`+|\n/g)]
    this.runs = []
    for (const m of found) if (m[0] !== '\n') this.runs.push({ at: m.index, length: m[0].length })
    this.closing = Array<number>(this.runs.length)
    let closing = -1
    let inLine = new Map<number, number>()
    let n = this.runs.length
    for (const m of found.reverse()) {
      if (m[0] === '\n') {
        inLine = new Map()
        continue
      }
      n--
      this.closing[n] = closing
      if (m[0].length >= 3) closing = n
      const same = inLine.get(m[0].length)
      if (same !== undefined) this.span.set(n, same)
      inLine.set(m[0].length, n)
    }
  }

  /** The first block of code that begins in a part of a line. Parts are asked for in their order. */
  fence(from: number, until: number): Fence | null {
    const { runs, text } = this
    for (let run = runs[this.next]; run && run.at < until; run = runs[this.next]) {
      const n = this.next
      const closing = run.length >= 3 && run.at >= from ? runs[this.closing[n] ?? -1] : undefined
      if (closing) {
        this.next = (this.closing[n] ?? n) + 1
        const after = closing.at + closing.length
        return { at: run.at, length: run.length, end: closing.at, next: text[after] === '\n' ? after + 1 : after }
      }
      this.next = run.at >= from ? (this.span.get(n) ?? n) + 1 : n + 1
    }
    return null
  }
}

/** All parts of some blocks, in their order. */
export function* partsOf(blocks: readonly Block[]): Generator<Part> {
  for (const block of blocks) {
    if (block.kind === 'lines') yield* block.parts
    else if (block.kind === 'list') for (const { parts } of block.items) yield* parts
    else if (block.kind === 'quote') yield* partsOf(block.blocks)
  }
}

/** The words of some blocks, without their marks. */
export function wordsOf(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      if (block.kind === 'code') return block.text
      if (block.kind === 'quote') return wordsOf(block.blocks)
      if (block.kind === 'lines') return join(block.parts)
      return block.items.map((i) => `${i.marker} ${join(i.parts)}`).join('\n')
    })
    .join('\n')
}

function join(parts: readonly Part[]): string {
  return parts.map((p) => p.text).join('')
}

/** Reports whether a text mentions a login. */
export function mentions(text: string, login: string): boolean {
  if (!text.includes('@' + login)) return false
  for (const part of partsOf(parse(text, (word) => word === login))) if (part.kind === 'mention') return true
  return false
}
