import { createRequire } from 'node:module'
import type { Plugin } from 'vite'

const require = createRequire(import.meta.url)

interface CompactEmoji {
  unicode: string
  label: string
  group?: number
  order?: number
  hexcode: string
  tags?: string[]
}

/**
 * Serves `virtual:emoji/en` and `virtual:emoji/fr`: the emoji by group, each as
 * [character, label, shortcodes and search words]. They are loaded only when the
 * picker or the completion first needs them.
 */
export function emojiData(): Plugin {
  const prefix = 'virtual:emoji/'
  return {
    name: 'confab-emoji-data',
    resolveId: (source) => (source.startsWith(prefix) ? '\0' + source : undefined),
    load(resolved) {
      if (!resolved.startsWith('\0' + prefix)) return undefined
      const language = resolved.slice(prefix.length + 1)
      const emoji = require(`emojibase-data/${language}/compact.json`) as CompactEmoji[]
      const codes = require('emojibase-data/en/shortcodes/github.json') as Record<string, string | string[]>
      const groups: [string, string, string[], string[]][][] = []
      for (const e of [...emoji].sort((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
        // Group 2 holds skin tones and hair alone: nothing to send.
        if (e.group === undefined || e.group === 2) continue
        const group = (groups[e.group] ??= [])
        // One spelling for each: a selector that changes nothing would make two reactions of one emoji.
        const character = e.unicode.replace(/(\p{Emoji_Presentation})\uFE0F/gu, '$1')
        group.push([character, e.label, [codes[e.hexcode] ?? []].flat(), e.tags ?? []])
      }
      return `export default ${JSON.stringify(groups.filter(Boolean))}`
    },
  }
}
