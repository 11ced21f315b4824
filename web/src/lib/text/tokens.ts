/** The parts of a message's text. All of them are shown as text; nothing becomes markup. */
export type Token =
  | { kind: 'text'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'mention'; text: string; login: string }
  | { kind: 'code'; text: string }
  | { kind: 'block'; text: string }

// A fence, a span in backticks, an address, an @login.
const special =
  /```(?:[a-z0-9+#-]*\n)?([\s\S]+?)```|(`+)(?!`)([^`\n]|[^`\n][^\n]*?[^`\n])\2(?!`)|\bhttps?:\/\/[^\s<>"]+|(?<![\w@.])@([a-zA-Z0-9][a-zA-Z0-9_.-]{2,30})/g

/**
 * Splits a text. An @word is a mention only if `isLogin` says so. The tokens
 * without the marks of code hold every character of the text in its order.
 */
export function tokenize(text: string, isLogin: (login: string) => boolean): Token[] {
  const tokens: Token[] = []
  let at = 0
  const plain = (until: number): void => {
    if (until > at) tokens.push({ kind: 'text', text: text.slice(at, until) })
    at = until
  }
  special.lastIndex = 0
  for (let m = special.exec(text); m; m = special.exec(text)) {
    const [whole, block, , code, login] = m
    if (block !== undefined) {
      plain(m.index)
      tokens.push({ kind: 'block', text: block.replace(/\n$/, '') })
      at = m.index + whole.length
      // The line end after a block is part of the block's shape.
      if (text[at] === '\n') at++
    } else if (code !== undefined) {
      plain(m.index)
      tokens.push({ kind: 'code', text: code })
      at = m.index + whole.length
    } else if (login !== undefined) {
      const name = knownPart(login, isLogin)
      if (name === null) continue
      plain(m.index)
      tokens.push({ kind: 'mention', text: '@' + name, login: name })
      at = m.index + 1 + name.length
      special.lastIndex = at
    } else {
      const address = withoutTail(whole)
      const href = safeHref(address)
      if (href === null) continue
      plain(m.index)
      tokens.push({ kind: 'link', text: address, href })
      at = m.index + address.length
      special.lastIndex = at
    }
  }
  plain(text.length)
  return tokens
}

/** "@ann." at the end of a sentence means ann, unless there is a login "ann.". */
function knownPart(word: string, isLogin: (login: string) => boolean): string | null {
  for (let name = word; name.length >= 3; name = name.slice(0, -1)) {
    if (isLogin(name)) return name
    if (!/[._-]$/.test(name)) return null
  }
  return null
}

/** Takes off what ends the sentence and not the address. */
function withoutTail(address: string): string {
  for (;;) {
    const last = address.at(-1) ?? ''
    const opening = { ')': '(', ']': '[', '}': '{' }[last]
    const unmatched = opening !== undefined && count(address, last) > count(address, opening)
    if (!unmatched && !/[.,;:!?'…*_`]/.test(last)) return address
    address = address.slice(0, -1)
  }
}

function count(text: string, character: string): number {
  return text.split(character).length - 1
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
  return tokenize(text, (word) => word === login).some((t) => t.kind === 'mention')
}
