// The documentation of the API at /docs.
import assert from 'node:assert/strict'
import { device } from './harness.mjs'

export const flows = [
  {
    name: 'the documentation of the API',
    limit: 240_000, // axe goes through a long page four times
    async run({ browser, base, keep }) {
      const described = await (await fetch(`${base}/docs/openapi.json`)).json()
      const operations = Object.values(described.paths).flatMap((path) => Object.values(path).map((o) => o.operationId).filter(Boolean))
      assert.ok(operations.length > 0)
      for (const [name, options] of [
        ['desk-light', { colorScheme: 'light' }],
        ['desk-dark', { colorScheme: 'dark' }],
        ['phone-light', { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true }],
        ['phone-dark', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, hasTouch: true }],
      ]) {
        const { page, shot, accessible } = keep(await device(browser, base, options))
        const narrow = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
        await page.goto(`${base}/docs`)
        await shot(`docs-${name}`)
        assert.ok(await narrow(), `${name} is not wider than the screen`)
        if (name.startsWith('phone')) {
          await page.getByText('Contents').click()
          await shot(`docs-${name}-contents`)
        }
        const contents = page.getByRole('navigation', { name: 'Contents' })
        const linked = await contents.getByRole('link').evaluateAll((links) => links.map((a) => a.getAttribute('href').slice(1)))
        for (const id of [...operations, 'topic-me']) assert.ok(linked.includes(id), `${id} is in the contents`)
        await contents.getByRole('link', { name: 'postMessage' }).click()
        const article = page.getByRole('article', { name: 'POST /api/chat/v1/messages/{room}', exact: true })
        await article.getByText('Examples').click()
        await shot(`docs-${name}-operation`)
        await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)))
        await accessible(`the documentation with everything open, ${name}`)
        assert.ok(await narrow(), `${name} with everything open is not wider than the screen`)
        await page.evaluate(() => document.getElementById('topic-me').scrollIntoView())
        await shot(`docs-${name}-topic`)
      }
    },
  },
]
