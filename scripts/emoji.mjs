// Writes pkg/emoji/emoji.txt: every emoji of the Unicode standard that emojibase-data knows, one a line, in the
// spelling of the page's picker (web/build/emoji-data.ts).
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'

const require = createRequire(new URL('../web/package.json', import.meta.url))
const lines = []
for (const e of require('emojibase-data/en/compact.json')) {
  if (e.group === undefined) continue // a regional indicator alone is half of a flag
  for (const { unicode } of [e, ...(e.skins ?? [])]) lines.push(unicode.replace(/(\p{Emoji_Presentation})\uFE0F/gu, '$1'))
}
writeFileSync(new URL('../pkg/emoji/emoji.txt', import.meta.url), lines.join('\n') + '\n')
console.log(`${lines.length} emoji`)
