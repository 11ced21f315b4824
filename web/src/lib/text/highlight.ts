// Colours for code, by what nearly all languages share: comments, strings, numbers and words that are reserved. It is fetched when code in a language
// that is known is shown.

export type Kind = 'plain' | 'comment' | 'string' | 'number' | 'word'
export interface Piece {
  kind: Kind
  text: string
}

type Comments = 'c' | 'hash' | 'dash' | 'both' | 'markup'
interface Family {
  comments: Comments
  words: string
}

const c =
  'abstract as async await base bool boolean break byte case catch char class const constexpr continue default defer delete do double else enum explicit export extends extern false final finally float fn for from func function go goto if impl implements import in instanceof int interface internal is let long loop map match mod move mut namespace new nil null nullptr operator out override package private protected pub public range readonly record ref return sealed select self short signed sizeof static string struct super switch template this throw throws trait true try type typedef typeof undefined union unsafe unsigned use using val var virtual void volatile when where while with yield'
const script =
  'and as assert async await begin break case class continue def del do done elif else elsif end ensure esac except exec export false fi finally for from function global if import in is lambda local match module next nil None nonlocal not null or pass raise redo rescue retry return self set then True False true try unless until unset when while with yield echo print'
const sql =
  'add all alter and apply as asc batch begin by create cluster column constraint cross default delete desc distinct drop else end exists from full function grant group having if in index inner insert into is join key keyspace left like limit materialized not null on or order outer primary references revoke right select set table then token truncate ttl union unique update use using values view when where with'
const families: Record<string, Family> = {
  c: { comments: 'c', words: c },
  script: { comments: 'hash', words: script },
  sql: { comments: 'dash', words: `${sql} ${sql.toUpperCase()}` },
  lua: { comments: 'dash', words: script },
  php: { comments: 'both', words: `${c} ${script}` },
  data: { comments: 'hash', words: 'true false null yes no on off FROM RUN COPY CMD ENV ARG WORKDIR EXPOSE ENTRYPOINT' },
  json: { comments: 'c', words: 'true false null' },
  markup: { comments: 'markup', words: '' },
}
const names: Record<string, string> = {
  c: 'c', h: 'c', cpp: 'c', 'c++': 'c', cc: 'c', cs: 'c', 'c#': 'c', csharp: 'c', java: 'c', kotlin: 'c', kt: 'c', scala: 'c', swift: 'c', go: 'c', golang: 'c', rust: 'c', rs: 'c', js: 'c',
  javascript: 'c', jsx: 'c', ts: 'c', typescript: 'c', tsx: 'c', dart: 'c', zig: 'c', groovy: 'c', proto: 'c', svelte: 'c', css: 'c', scss: 'c', python: 'script', py: 'script', ruby: 'script', rb: 'script',
  sh: 'script', bash: 'script', shell: 'script', zsh: 'script', console: 'script', perl: 'script', r: 'script', elixir: 'script', julia: 'script', make: 'script', makefile: 'script', sql: 'sql', cql: 'sql',
  lua: 'lua', haskell: 'lua', hs: 'lua', php: 'php', yaml: 'data', yml: 'data', toml: 'data', ini: 'data', conf: 'data', dockerfile: 'data', docker: 'data', json: 'json', jsonc: 'json', html: 'markup', xml: 'markup', svg: 'markup',
}

const comments: Record<Comments, string> = {
  c: String.raw`\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?`,
  hash: String.raw`(?<![^\s])#[^\n]*`,
  dash: String.raw`--[^\n]*`,
  both: String.raw`\/\/[^\n]*|(?<![^\s])#[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?`,
  markup: String.raw`<!--(?:[^-]|-(?!->))*(?:-->)?`,
}
// Each ends at the end of its line at the latest, but for `…`, so that nothing is looked through twice.
const strings = String.raw`"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|` + '`(?:[^`\\\\]|\\\\[^])*`?'
const numbers = String.raw`(?<![\w.])\d[\w.]*`
const word = String.raw`[A-Za-z_]\w*`

// Longer code stays as it is: each piece is an element.
const mostLength = 20_000
const mostPieces = 4000

/** Code in pieces that hold all of its characters; null if the language is not known or the code is too long. */
export function highlight(code: string, language: string): Piece[] | null {
  const family = families[(Object.hasOwn(names, language) ? names[language] : undefined) ?? '']
  if (!family || code.length > mostLength) return null
  const parts = new RegExp(`(${comments[family.comments]})|(${strings})|(${numbers})|(${word})`, 'g')
  const reserved = new Set(family.words.split(' '))
  const pieces: Piece[] = []
  let at = 0
  const add = (kind: Kind, text: string): void => {
    const last = pieces.at(-1)
    if (last?.kind === kind) last.text += text
    else if (text !== '') pieces.push({ kind, text })
  }
  for (const m of code.matchAll(parts)) {
    if (pieces.length > mostPieces) return null
    const kind: Kind = m[1] !== undefined ? 'comment' : m[2] !== undefined ? 'string' : m[3] !== undefined ? 'number' : reserved.has(m[0]) ? 'word' : 'plain'
    add('plain', code.slice(at, m.index))
    add(kind, m[0])
    at = m.index + m[0].length
  }
  add('plain', code.slice(at))
  return pieces
}
