/** The parts of a message's text. All of them are shown as text; nothing becomes markup. */
export type Token =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'mention'; text: string; login: string }
  | { kind: 'code'; text: string }
  | { kind: 'block'; text: string }

// Backticks, an address, an @login. An address ends before what closes a quotation, and before full-width punctuation.
const special =
  /`+|\bhttps?:\/\/[^\s<>"“”„«»、。，；：！？（）［］｛｝【】「」『』《》〈〉]+|(?<![\w@.])@([a-zA-Z0-9][a-zA-Z0-9_.-]{2,30})/gi
const languageLine = /[a-z0-9+#.-]*\n/iy
// A text of more parts than this is shown as text from there on: each is an element of the page.
const mostTokens = 2000

/**
 * Splits a text, in a time that is linear in its length. An @word is a mention only if `isLogin` says so. The tokens
 * without the marks of code hold every character of the text in its order.
 */
export function tokenize(text: string, isLogin: (login: string) => boolean): Token[] {
  const tokens: Token[] = []
  let at = 0
  const plain = (until: number): void => {
    if (until > at) tokens.push({ kind: 'text', text: text.slice(at, until) })
    at = until
  }
  let ends: CodeEnds | null = null
  special.lastIndex = 0
  for (let m = special.exec(text); m && tokens.length < mostTokens; m = special.exec(text)) {
    const [whole, login] = m
    if (whole.startsWith('`')) {
      ends ??= codeEnds(text)
      const inside = m.index + whole.length
      const fence = whole.length >= 3 ? ends.fence.get(m.index) : undefined
      const end = fence ?? ends.span.get(m.index)
      if (end === undefined) continue
      plain(m.index)
      if (fence === undefined) tokens.push({ kind: 'code', text: text.slice(inside, end.at) })
      else tokens.push({ kind: 'block', text: blockText(text, inside, end.at) })
      at = end.at + end.length
      // The line end after a block is part of the block's shape.
      if (fence !== undefined && text[at] === '\n') at++
    } else if (login !== undefined) {
      const name = knownPart(login, isLogin)
      if (name === null) continue
      plain(m.index)
      tokens.push({ kind: 'mention', text: '@' + name, login: name })
      at = m.index + 1 + name.length
    } else {
      const address = withoutTail(whole)
      const href = safeHref(address)
      if (href === null) continue
      plain(m.index)
      tokens.push({ kind: 'link', text: address, href })
      at = m.index + address.length
    }
    special.lastIndex = at
  }
  plain(text.length)
  return tokens
}

interface Run {
  at: number
  length: number
}

/** Which run of backticks closes the code that another one opens, by where that one is. */
interface CodeEnds {
  /** The next run of three or more. */
  fence: Map<number, Run>
  /** The next one of the same length in the same line. */
  span: Map<number, Run>
}

function codeEnds(text: string): CodeEnds {
  const ends: CodeEnds = { fence: new Map(), span: new Map() }
  let fence: Run | undefined
  let inLine = new Map<number, Run>()
  for (const m of [...text.matchAll(/`+|\n/g)].reverse()) {
    if (m[0] === '\n') {
      inLine = new Map()
      continue
    }
    const run = { at: m.index, length: m[0].length }
    const same = inLine.get(run.length)
    if (same) ends.span.set(run.at, same)
    inLine.set(run.length, run)
    if (run.length < 3) continue
    if (fence) ends.fence.set(run.at, fence)
    fence = run
  }
  return ends
}

/** What is in a fence, without the line that names its language. */
function blockText(text: string, from: number, until: number): string {
  languageLine.lastIndex = from
  const named = languageLine.exec(text)
  const begin = named && from + named[0].length < until ? from + named[0].length : from
  return text.slice(begin, text[until - 1] === '\n' ? until - 1 : until)
}

/** "@ann." at the end of a sentence means ann, unless there is a login "ann.". */
function knownPart(word: string, isLogin: (login: string) => boolean): string | null {
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
    } else if (!/[.,;:!?'’…*_`]/.test(last)) break
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

const emojiOnly = /^(?:(?:\p{RI}\p{RI}|\p{Emoji}(?:\p{EMod}|\uFE0F\u20E3?|[\u{E0020}-\u{E007E}]+\u{E007F})?(?:\u200D\p{Emoji}(?:\p{EMod}|\uFE0F)?)*)\s*){1,5}$/u

/** Reports whether a text is one to five emoji and nothing else: they are shown large. */
export function isEmojiOnly(text: string): boolean {
  return text.length <= 100 && !/^[\d#*\s]+$/.test(text) && emojiOnly.test(text)
}

/** Reports whether a text mentions a login. */
export function mentions(text: string, login: string): boolean {
  return text.includes('@' + login) && tokenize(text, (word) => word === login).some((t) => t.kind === 'mention')
}

// A message with more than this is folded, down to less than half of it: nobody unfolds for the last line.
const mostLength = 4000
const mostLines = 40

/** The beginning of a very long text; the same tokens if it is not very long. */
export function folded(tokens: Token[]): Token[] {
  let [length, lines] = [0, 0]
  for (const { text } of tokens) {
    length += text.length
    lines += lineEnds(text)
  }
  if (length <= mostLength && lines <= mostLines) return tokens
  const kept: Token[] = []
  let [room, rows] = [mostLength / 2, mostLines / 2]
  for (const token of tokens) {
    const text = begin(token.text, room, rows)
    if (text.length < token.text.length) {
      // A part of an address is no address.
      if (text !== '' && token.kind !== 'link') kept.push({ ...token, text: text + '…' })
      break
    }
    kept.push(token)
    room -= text.length
    rows -= lineEnds(text)
  }
  return kept
}

/** How many lines a text has when it is shown, as it may be folded. */
export function shownLines(text: string, perLine: number): number {
  const begun = text.length > mostLength ? text.slice(0, mostLength / 2) : text
  let lines = 0
  for (const line of begun.split('\n')) lines += Math.max(1, Math.ceil(line.length / perLine))
  return lines > 2 * mostLines ? mostLines / 2 : lines
}

function lineEnds(text: string): number {
  let n = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) n++
  return n
}

function begin(text: string, length: number, lines: number): string {
  let end = Math.min(text.length, Math.max(0, length))
  for (let at = text.indexOf('\n'), n = 1; at >= 0 && at < end; at = text.indexOf('\n', at + 1), n++) if (n > lines) end = at
  // No half of a character.
  if (end < text.length && /[\uDC00-\uDFFF]/.test(text.charAt(end))) end--
  return text.slice(0, end)
}
