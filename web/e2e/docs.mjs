// The documentation of the APIs at /docs.
import assert from 'node:assert/strict'
import { device } from './harness.mjs'

/** Looks at a page of the documentation: at one operation, whose heading is `heading`, and at everything opened. */
async function look({ browser, base, keep }, { name, path, described, operation, heading, others = [] }) {
  const { paths } = await (await fetch(`${base}/docs/${described}`)).json()
  const operations = Object.values(paths).flatMap((path) => Object.values(path).map((o) => o.operationId).filter(Boolean))
  assert.ok(operations.length > 0)
  for (const [screen, options] of [
    ['desk-light', { colorScheme: 'light' }],
    ['desk-dark', { colorScheme: 'dark' }],
    ['phone-light', { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true }],
    ['phone-dark', { colorScheme: 'dark', viewport: { width: 390, height: 844 }, hasTouch: true }],
  ]) {
    const { page, shot, accessible } = keep(await device(browser, base, options))
    const narrow = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
    await page.goto(`${base}${path}`)
    await shot(`${name}-${screen}`)
    assert.ok(await narrow(), `${screen} is not wider than the screen`)
    if (screen.startsWith('phone')) {
      await page.getByText('Contents').click()
      await shot(`${name}-${screen}-contents`)
    }
    const contents = page.getByRole('navigation', { name: 'Contents' })
    const linked = await contents.getByRole('link').evaluateAll((links) => links.map((a) => a.getAttribute('href').slice(1)))
    for (const id of [...operations, ...others]) assert.ok(linked.includes(id), `${id} is in the contents`)
    await contents.getByRole('link', { name: operation }).click()
    await page.getByRole('article', { name: heading, exact: true }).getByText('Examples').click()
    await shot(`${name}-${screen}-operation`)
    await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)))
    await accessible(`the documentation with everything open, ${screen}`)
    assert.ok(await narrow(), `${screen} with everything open is not wider than the screen`)
    for (const id of others) {
      await page.evaluate((id) => document.getElementById(id).scrollIntoView(), id)
      await shot(`${name}-${screen}-${id}`)
    }
  }
}

export const flows = [
  {
    name: 'the documentation of the API',
    limit: 240_000, // axe goes through a long page four times
    run: (at) => look(at, { name: 'docs', path: '/docs', described: 'openapi.json', operation: 'postMessage', heading: 'POST /api/chat/v1/messages/{room}', others: ['topic-me'] }),
  },
  {
    name: 'the documentation of the platform',
    limit: 240_000,
    run: (at) => look(at, { name: 'docs-platform', path: '/docs/platform', described: 'platform.json', operation: 'sendToUsers', heading: 'POST /{org}/{app}/messages/users' }),
  },
]
