import type { Plugin } from 'vite'

/**
 * Moves the link to the style below what is painted before the style comes: in the head it would hold all of that back. It
 * is asked for as early as before.
 */
export function firstPaint(): Plugin {
  return {
    name: 'confab-first-paint',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html) {
        const link = /<link rel="stylesheet"[^>]*>/.exec(html)?.[0]
        if (link === undefined) throw new Error('the page has no style')
        return html.replace(link, link.replace('rel="stylesheet"', 'rel="preload" as="style"')).replace('</body>', `  ${link}\n  </body>`)
      },
    },
  }
}
