// What stands inside of a paragraph: code, addresses, mentions and emphasis, as people type them.
import { revealed } from './reveal'

/** How a part is emphasized: a set of these. */
export const bold = 1
export const italic = 2
export const struck = 4

export type Part =
  | { kind: 'text'; text: string; marks: number }
  | { kind: 'link'; text: string; marks: number; href: string }
  | { kind: 'mention'; text: string; marks: number; login: string }
  | { kind: 'code'; text: string; marks: number }

/** A text of more parts than a page can show is shown as plain text from there on: each is an element. */
export class Budget {
  left = 2000
  /** About how many characters were looked at, counted each time: what the parser costs. */
  steps = 0
}

export type IsLogin = (login: string) => boolean

// A backslash before a mark, backticks, a label with its address, an address, an @login, marks, an end of line. An address ends before
// what closes a quotation, and before full-width punctuation.
const special =
  /\\[*_~`[>-]|`+|\[|\bhttps?:\/\/[^\s<>"“”„«»、。，；：！？（）［］｛｝【】「」『』《》〈〉]+|(?<![\w@.])@([a-zA-Z0-9][a-zA-Z0-9_.-]{2,30})|\*+|_+|~+|\n/gi
// Neither part can hold what begins another one, so that no text is looked through twice.
const labelled = /\[([^[\]\n]{1,300})\]\((https?:\/\/(?:[^\s()<>[\]]|\([^\s()<>[\]]*\))+)\)/iy

const isSpace = (c: string): boolean => c === '' || /\s/.test(c)
// Beside a letter of a script with capitals, or a digit, a mark is a part of the word: snake_case, 2*3*4.
const isWord = (c: string): boolean => /[\p{Lu}\p{Ll}\p{Lt}\p{Nd}_]/u.test(c)
// What cannot follow the mark that opens something: *.txt, -_-, _/
const isNoBeginning = (c: string): boolean => /[.,;:!?)\]}<>^/\\|+=*_~-]/.test(c)

interface Mark {
  kind: 'mark'
  text: string
  /** The same for the mark that closes it. */
  style: number
  at: number
  /** 1: begins, -1: ends, 0: it is text. */
  turn: -1 | 0 | 1
}

/** Splits a paragraph. The texts of the parts hold every character that is no mark, in their order; those of links show none that cannot be seen. */
export function inline(text: string, isLogin: IsLogin, budget: Budget): Part[] {
  const pieces: (Part | Mark)[] = []
  let open: Mark[] = []
  let at = 0
  const plain = (until: number): void => {
    if (until > at) pieces.push({ kind: 'text', text: text.slice(at, until), marks: 0 })
    at = until
  }
  const take = (from: number, part: Part, length: number): void => {
    plain(from)
    pieces.push(part)
    budget.left--
    at = from + length
  }
  let ends: Map<number, number> | null = null
  // What a backslash stands before in this line: \*a\*
  const escaped = new Set<string>()
  budget.steps += text.length
  special.lastIndex = 0
  for (let m = special.exec(text); m && budget.left > 0; special.lastIndex = Math.max(at, special.lastIndex), m = special.exec(text)) {
    const [whole, login] = m
    const from = m.index
    const first = whole.charAt(0)
    if (first === '\n') {
      open = []
      escaped.clear()
    } else if (first === '\\') {
      // In C:\_x_ and in ¯\_(ツ)_/¯ it is meant to be seen.
      const seen = from > 0 && !/[\s([{"']/.test(text.charAt(from - 1)) && !escaped.has(whole)
      if (!seen) escaped.add(whole)
      plain(seen ? from + 1 : from)
      if (!seen) at = from + 1
      plain(from + 2)
    } else if (first === '`') {
      ends ??= spans(text)
      const end = ends.get(from)
      if (end === undefined) continue
      take(from, { kind: 'code', text: text.slice(from + whole.length, end), marks: 0 }, end + whole.length - from)
    } else if (first === '[') {
      labelled.lastIndex = from
      const found = labelled.exec(text)
      budget.steps += found?.[0].length ?? 0
      const href = found ? safeHref(found[2] ?? '') : null
      // A label that looks like an address could lead elsewhere than it says.
      const label = revealed(found?.[1] ?? '')
      if (!found || href === null || /:\/\/|^\s*[\w-]+(?:\.[\w-]+)+/.test(label) || label.trim() === '') continue
      take(from, { kind: 'link', text: label, marks: 0, href }, found[0].length)
    } else if (login !== undefined) {
      const name = knownPart(login, isLogin)
      if (name === null) continue
      take(from, { kind: 'mention', text: '@' + name, marks: 0, login: name }, 1 + name.length)
      special.lastIndex = at
    } else if (/h/i.test(first)) {
      const address = withoutTail(whole)
      const href = safeHref(address)
      if (href !== null) {
        take(from, { kind: 'link', text: revealed(address), marks: 0, href }, address.length)
        special.lastIndex = at
      }
    } else {
      const marks = marksOf(from, whole)
      if (marks.length === 0) continue
      plain(from)
      for (const mark of turned(text, from, whole, marks, open, budget)) pieces.push(mark)
      at = from + whole.length
    }
  }
  plain(text.length)
  return styled(pieces)
}

/** Where code ends that a run of backticks begins: at the next run of the same length in its line. */
function spans(text: string): Map<number, number> {
  const ends = new Map<number, number>()
  let inLine = new Map<number, number>()
  for (const m of [...text.matchAll(/`+|\n/g)].reverse()) {
    if (m[0] === '\n') {
      inLine = new Map()
      continue
    }
    const same = inLine.get(m[0].length)
    if (same !== undefined) ends.set(m.index, same)
    inLine.set(m[0].length, m.index)
  }
  return ends
}

/** The marks that a run of one character can be. */
function marksOf(at: number, run: string): Mark[] {
  const mark = (length: number, style: number, skip: number): Mark => ({ kind: 'mark', text: run.slice(0, length), style, at: at + skip, turn: 0 })
  if (run.startsWith('~')) return run.length === 2 ? [mark(2, struck, 0)] : []
  if (run.length === 1) return [mark(1, italic, 0)]
  if (run.length === 2) return [mark(2, bold, 0)]
  return run.length === 3 ? [mark(2, bold, 0), mark(1, italic, 2)] : []
}

/** Pairs the marks of a run with those that are open in this line, or opens them. */
function turned(text: string, at: number, run: string, marks: Mark[], open: Mark[], budget: Budget): Mark[] {
  // A character may be two units.
  const [before, after] = [[...text.slice(Math.max(0, at - 2), at)].at(-1) ?? '', [...text.slice(at + run.length, at + run.length + 2)][0] ?? '']
  const same = (a: Mark, b: Mark): boolean => a.style === b.style && a.text === b.text
  if (!isSpace(before) && !isWord(after)) {
    const order = marks.filter((m) => open.some((o) => same(o, m)))
    // *** ends what began last first.
    if (order.length === 2 && open.findLastIndex((o) => same(o, order[0]!)) < open.findLastIndex((o) => same(o, order[1]!))) order.reverse()
    for (const mark of order) {
      let opener: Mark | undefined
      do opener = open.pop()
      while (opener && !same(opener, mark))
      if (!opener) break
      // __init__ is a name.
      const inside = text.slice(opener.at + opener.text.length, at)
      budget.steps += 1
      if (mark.text === '__' && /^\w+$/.test(inside)) continue
      opener.turn = 1
      mark.turn = -1
      budget.left--
    }
    if (order.some((m) => m.turn === -1)) return order.length === marks.length ? order : marks
  }
  const opens = !isSpace(after) && !isWord(before) && (run.length > 1 || !isNoBeginning(after))
  // One that is open already stays so: at most one of each kind is, so that each run costs the same.
  if (opens) for (const mark of marks) if (!open.some((o) => same(o, mark))) open.push(mark)
  return marks
}

/** Gives each part the marks that it stands between; marks that are none become text. */
function styled(pieces: (Part | Mark)[]): Part[] {
  const parts: Part[] = []
  let marks = 0
  const depth = new Map<number, number>()
  for (const piece of pieces) {
    if (piece.kind === 'mark' && piece.turn !== 0) {
      const n = (depth.get(piece.style) ?? 0) + piece.turn
      depth.set(piece.style, n)
      marks = n > 0 ? marks | piece.style : marks & ~piece.style
      continue
    }
    const last = parts.at(-1)
    if (piece.kind === 'code' || piece.kind === 'link' || piece.kind === 'mention') parts.push({ ...piece, marks })
    else if (last?.kind === 'text' && last.marks === marks) last.text += piece.text
    else parts.push({ kind: 'text', text: piece.text, marks })
  }
  return parts
}

/** "@ann." at the end of a sentence means ann, unless there is a login "ann.". */
function knownPart(word: string, isLogin: IsLogin): string | null {
  for (let name = word; name.length >= 3; name = name.slice(0, -1)) {
    if (isLogin(name)) return name
    if (!/[._-]$/.test(name)) return null
  }
  return null
}

const openings: Record<string, string> = { ')': '(', ']': '[', '}': '{' }

/** Takes off what ends the sentence and not the address. */
function withoutTail(address: string): string {
  const counts = new Map<string, number>()
  for (const c of address) if (/[()[\]{}]/.test(c)) counts.set(c, (counts.get(c) ?? 0) + 1)
  let end = address.length
  for (; end > 0; end--) {
    const last = address.charAt(end - 1)
    const opening = openings[last]
    if (opening !== undefined) {
      const n = counts.get(last) ?? 0
      if (n <= (counts.get(opening) ?? 0)) break
      counts.set(last, n - 1)
    } else if (!/[.,;:!?'’…*_~`]/.test(last)) break
  }
  return address.slice(0, end)
}

function safeHref(address: string): string | null {
  try {
    const url = new URL(address)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null
  } catch {
    return null
  }
}
