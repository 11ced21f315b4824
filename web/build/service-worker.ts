import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Plugin } from 'vite'

/**
 * Emits sw.js from src/sw.js with the list of the files of this build, and a
 * version that changes with them.
 */
export function serviceWorker(): Plugin {
  return {
    name: 'confab-service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      // Emoji data is large and needed by few: it is cached when first used.
      const files = Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name) && !/emoji/.test(name))
      const shell = ['', ...files, 'icon.svg', 'manifest.webmanifest'].sort()
      const hash = createHash('sha256')
      for (const name of files.sort()) {
        const chunk = bundle[name]
        if (chunk) hash.update(chunk.type === 'chunk' ? chunk.code : chunk.source)
      }
      const source = readFileSync(new URL('../src/sw.js', import.meta.url), 'utf8')
        .replace('__VERSION__', hash.digest('hex').slice(0, 12))
        .replace("['__SHELL__']", JSON.stringify(shell))
      this.emitFile({ type: 'asset', fileName: 'sw.js', source })
    },
  }
}
