import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { emojiData } from './build/emoji-data.ts'
import { firstPaint } from './build/first-paint.ts'
import { later } from './build/later.ts'
import { precompress } from './build/precompress.ts'
import { serviceWorker } from './build/service-worker.ts'

// During `npm run dev` the API comes from a running server; CONFAB_BASE says where.
const server = process.env.CONFAB_BASE ?? 'http://127.0.0.1:8080'

export default defineConfig({
  base: '/ui/chat/',
  plugins: [svelte(), emojiData(), firstPaint(), serviceWorker(), precompress()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    // dist/.gitkeep is committed so that the Go program builds without Node.
    emptyOutDir: false,
    // Inlined assets would need data: in the Content-Security-Policy of scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // The first load is one file, without what is imported when it is needed: many small files are compressed worse.
        codeSplitting: { groups: [{ name: 'index', test: (id) => !later.test(id) }] },
        // The service worker tells the emoji by their name.
        chunkFileNames: (chunk) =>
          `assets/${chunk.moduleIds.some((id) => id.includes('virtual:emoji')) ? 'emoji-' : ''}[name]-[hash].js`,
      },
    },
  },
  server: {
    proxy: { '/api': { target: server, ws: true, changeOrigin: false } },
  },
  test: {
    include: ['src/**/*.test.ts', 'client/src/**/*.test.ts'],
    environment: 'node',
  },
})
