import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipAsync } from '@gfx/zopfli'
import type { Plugin } from 'vite'

// Script and style of the first load together, compressed, in bytes.
const budget = 90_000

/**
 * Empties dist before a build (all but .gitkeep) and puts a .gz beside every text
 * file after it, so that the server never compresses. Zopfli makes gzip that is
 * some four per cent smaller than zlib's, in a few seconds.
 * Fails if the first load has become too large.
 */
export function precompress(): Plugin {
  let out = 'dist'
  return {
    name: 'confab-precompress',
    apply: 'build',
    configResolved(config) {
      out = join(config.root, config.build.outDir)
    },
    buildStart() {
      for (const name of readdirSync(out)) {
        if (name !== '.gitkeep') rmSync(join(out, name), { recursive: true })
      }
    },
    async closeBundle() {
      const walk = async (folder: string): Promise<void> => {
        for (const name of readdirSync(folder)) {
          const path = join(folder, name)
          if (statSync(path).isDirectory()) await walk(path)
          else if (/\.(js|css|html|svg|webmanifest|json)$/.test(name)) {
            writeFileSync(path + '.gz', await gzipAsync(readFileSync(path), {}))
          }
        }
      }
      await walk(out)
      const page = readFileSync(join(out, 'index.html'), 'utf8')
      const first = [...new Set([...page.matchAll(/\/ui\/chat\/(assets\/[^"]+\.(?:js|css))"/g)].map((m) => m[1] ?? ''))]
      const bytes = first.reduce((sum, name) => sum + statSync(join(out, name + '.gz')).size, 0)
      if (first.length < 2 || bytes > budget) {
        throw new Error(`the first load is ${bytes} bytes of ${first.join(', ')}; at most ${budget} are allowed`)
      }
    },
  }
}
