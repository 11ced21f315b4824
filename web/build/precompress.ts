import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/**
 * Empties dist before a build (all but .gitkeep) and puts a .gz beside every text
 * file after it, so that the server never compresses.
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
    closeBundle() {
      const walk = (folder: string): void => {
        for (const name of readdirSync(folder)) {
          const path = join(folder, name)
          if (statSync(path).isDirectory()) walk(path)
          else if (/\.(js|css|html|svg|webmanifest|json)$/.test(name)) {
            writeFileSync(path + '.gz', gzipSync(readFileSync(path), { level: 9 }))
          }
        }
      }
      walk(out)
    },
  }
}
