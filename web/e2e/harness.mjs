// What the flows share: a server, browsers, people, and what must never happen on a page.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, selectors } from 'playwright-core'

selectors.setTestIdAttribute('data-test')

const require = createRequire(import.meta.url)
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
export const shots = fileURLToPath(new URL('../../out/screenshots/', import.meta.url))

/** A port of this machine that nobody listens to now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

// Whatever way this process ends, its servers end and their data go.
const children = new Set()
const folders = new Set()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  // A server that is just ending may still be writing.
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130))

/** The store of the servers under test: CONFAB_E2E_STORE, which stays as it is then, or a new embedded one. */
function someStore() {
  if (process.env.CONFAB_E2E_STORE) return process.env.CONFAB_E2E_STORE
  const folder = mkdtempSync(join(tmpdir(), 'confab-e2e-'))
  folders.add(folder)
  return `embedded:${join(folder, 'store')}`
}

/** A server of the program CONFAB_BIN that can be halted, killed and started again at its address. */
export async function startNode(store = someStore(), flags = [], env = {}) {
  const program = process.env.CONFAB_BIN
  assert.ok(program, 'set CONFAB_BIN to the program, or CONFAB_BASE to the address of a running server')
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  let child
  let ended
  const start = async () => {
    child = spawn(program, ['serve', '--listen', `127.0.0.1:${port}`, '--store', store, '--password-min', '1', '--limits', 'off', ...flags], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', process.env.CONFAB_LOG ? 'inherit' : 'ignore'],
    })
    const own = child
    children.add(own)
    ended = new Promise((resolve) => own.once('exit', resolve)).then(() => children.delete(own))
    const until = Date.now() + 60_000
    for (;;) {
      assert.equal(child.exitCode, null, 'the server ended while it was starting')
      if (await fetch(`${base}/api/chat/v1/remember-me`).then((r) => r.status === 401, () => false)) return
      assert.ok(Date.now() < until, 'the server did not start within 60 s')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const end = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(timer)
  }
  await start()
  return { base, own: true, start, halt: () => end('SIGTERM'), kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}

/** The server that the flows share: the one at CONFAB_BASE, or one of our own. */
export async function startServer() {
  if (!process.env.CONFAB_BASE) return startNode()
  return { base: process.env.CONFAB_BASE.replace(/\/$/, ''), own: false, stop: async () => {} }
}

/** Thrown by a flow that cannot be done here; `needs` says what is missing. */
export class LeftOut extends Error {
  constructor(needs) {
    super(`needs ${needs}`)
  }
}

export function launch(args = []) {
  mkdirSync(shots, { recursive: true })
  return chromium.launch({
    executablePath: process.env.CONFAB_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args,
    ],
  })
}

/** A name nobody else has. */
export function unique(word) {
  return `${word}_${randomBytes(3).toString('hex')}`
}

/** A user of the API alone, with a cookie jar of their own. */
export class ApiUser {
  constructor(base, login, firstname = 'Ann', lastname = 'Example') {
    Object.assign(this, { base, login, firstname, lastname, cookie: '' })
  }

  async call(method, path, body, headers = {}) {
    const answer = await fetch(`${this.base}/api/chat/v1/${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), Cookie: this.cookie, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    for (const c of answer.headers.getSetCookie()) this.cookie = c.split(';')[0]
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return text ? JSON.parse(text) : null
  }

  async signUp() {
    const { login, firstname, lastname } = this
    await this.call('POST', 'users', { login, firstname, lastname, password: 'secret', email: null, bio: null })
    await this.call('POST', 'authenticate', { login, password: 'secret' })
    return this
  }

  createRoom(room, banner = null) {
    return this.call('POST', `rooms/${room}`, { banner })
  }

  join(room) {
    return this.call('PUT', `rooms/participant/${room}`)
  }

  post(room, content) {
    return this.call('POST', `messages/${room}`, { content })
  }
}

/** A browser of its own, as one device of one person. Every fault on its pages is kept. */
export async function device(browser, base, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    serviceWorkers: 'block',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    // The browser itself logs refused and lost requests, and what it ignores over plain http.
    if (message.type() !== 'error' || /Failed to load resource|WebSocket connection|net::ERR|Cross-Origin-Opener-Policy header has been ignored/.test(text)) return
    faults.push(`console: ${text}`)
  })
  const d = {
    context,
    page,
    faults,
    goto: (hash = '') => page.goto(`${base}/ui/chat/${hash}`),
    log: page.getByRole('log'),
    composer: page.getByTestId('composer'),
    row: (text) => page.locator('[data-key]', { hasText: text }),
    async signUp(login, firstname, lastname) {
      await d.goto('#/signup')
      await page.getByLabel('Username').fill(login)
      await page.getByLabel('First name').fill(firstname)
      await page.getByLabel('Last name').fill(lastname)
      await page.getByLabel('Password', { exact: true }).fill('secret')
      await page.getByRole('button', { name: 'Sign up' }).click()
      await page.getByRole('link', { name: 'Your profile' }).waitFor()
    },
    async logIn(login, password = 'secret', remember = false) {
      await d.goto('#/login')
      await page.locator('[name=login]').fill(login)
      await page.locator('[name=password]').fill(password)
      if (remember) await page.getByLabel('Remember me').check()
      await page.locator('form .button.primary').click()
      await page.locator('.sidebar').waitFor({ state: 'attached' })
    },
    async say(text) {
      await d.composer.fill(text)
      await d.composer.press('Enter')
    },
    async shot(name) {
      await page.screenshot({ path: join(shots, `${name}.png`), animations: 'disabled' })
    },
    /** Fails if a rule of accessibility is broken on what is shown now. */
    async accessible(what) {
      await page.evaluate(axeSource)
      const found = await page.evaluate(() =>
        // Colours are judged as they are in the end, not on the way.
        globalThis.axe.run(document, { resultTypes: ['violations'] }).then((r) =>
          r.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} (${n.failureSummary})`).join('; ')}`),
        ),
      )
      assert.deepEqual(found, [], `accessibility of ${what}`)
    },
    close: () => context.close(),
  }
  return d
}

/** Waits until a condition on the page's side of things holds. */
export async function eventually(what, condition, ms = 10_000) {
  const until = Date.now() + ms
  let last
  for (;;) {
    try {
      last = await condition()
      if (last) return last
    } catch (error) {
      last = error
    }
    assert.ok(Date.now() < until, `${what} (last: ${last})`)
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
}
