// Whose page it is: several accounts and tabs in one browser, logging out, and sessions that end.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, startNode, unique } from './harness.mjs'

/** Ann's device in a room with Bob, who only has the API. */
async function one({ browser, base, keep }, options = {}) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const room = unique('Whose')
  await ann.createRoom(room)
  await bob.join(room)
  const d = keep(await device(browser, base, options))
  await d.logIn(ann.login)
  await d.goto(`#/rooms/${room}`)
  await d.composer.waitFor()
  return { ann, bob, room, d }
}

/** Another tab of the same browser. */
async function tab(d, base) {
  const page = await d.context.newPage()
  page.on('pageerror', (error) => d.faults.push(`error: ${error.stack ?? error.message}`))
  const other = { page, composer: page.getByTestId('composer'), goto: (hash) => page.goto(`${base}/ui/chat/${hash}`) }
  return other
}

const privateNames = (page) =>
  page.evaluate(() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter((k) => /^confab:(draft|out|read|muted|remembered):?/.test(k)))

export const flows = [
  {
    name: 'a tab whose session is another user’s shows and sends nothing of the first',
    async run(given) {
      const { ann, bob, room, d } = await one(given)
      await d.composer.fill('a secret of Ann')
      // Elsewhere in this browser Bob logs in, while the tab has no connection and something to send.
      await d.context.setOffline(true)
      await d.say('written as Ann')
      await d.composer.fill('a secret of Ann')
      await d.page.getByTestId('offline').waitFor({ timeout: 30_000 })
      const login = await fetch(`${given.base}/api/chat/v1/authenticate`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login: bob.login, password: 'secret' }),
      })
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(login.headers.getSetCookie()[0])
      await d.context.addCookies([{ name, value, url: given.base }])
      await d.context.setOffline(false)
      await d.page.getByRole('link', { name: 'Your profile' }).getByText(`@${bob.login}`).waitFor({ timeout: 40_000 })
      await d.goto(`#/rooms/${room}`)
      await d.composer.waitFor()
      assert.equal(await d.composer.inputValue(), '')
      await bob.post(room, 'is anything there?')
      await d.row('is anything there?').waitFor()
      const { messages } = await ann.call('GET', `messages/${room}?fetchSize=20`)
      assert.equal(messages.filter((m) => m.content === 'written as Ann').length, 0, 'nothing of Ann is sent as Bob')
    },
  },
  {
    name: 'two tabs have one draft, and are logged out together',
    async run(given) {
      const { bob, room, d } = await one(given)
      const other = await tab(d, given.base)
      await other.goto(`#/rooms/${room}`)
      await other.composer.waitFor()
      // What is typed in one is there in the other; sent in one, it is gone in the other.
      await d.composer.fill('half a thought')
      await eventually('the draft is in the other tab', async () => (await other.composer.inputValue()) === 'half a thought')
      await other.composer.press('Enter')
      await d.row('half a thought').waitFor()
      await eventually('the draft is gone', async () => (await d.composer.inputValue()) === '')
      // A draft would be lost: that is asked about.
      await d.composer.fill('another half of a thought')
      await other.goto('#/profile')
      await other.page.getByRole('button', { name: 'Log out' }).click()
      await other.page.getByText('What is not sent or saved yet would be lost.').waitFor()
      await d.composer.fill('')
      // Logged out in one, both are out.
      await other.page.reload()
      await other.page.getByRole('button', { name: 'Log out' }).click()
      await other.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.deepEqual(await privateNames(d.page), [])
      assert.deepEqual(await privateNames(other.page), [])
      // In again as somebody else in one: the other one follows when it is used.
      await other.page.locator('[name=login]').fill(bob.login)
      await other.page.locator('[name=password]').fill('secret')
      await other.page.getByRole('button', { name: 'Log in' }).click()
      await other.page.getByRole('link', { name: 'Your profile' }).getByText(`@${bob.login}`).waitFor()
    },
  },
  {
    name: 'logged out means logged out, also while the server cannot be reached',
    async run(given) {
      const { ann, d } = await one(given)
      // What is not sent would be lost: that is asked about.
      await d.page.route(/\/messages\//, (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()))
      await d.say('not sent')
      await d.composer.fill('private')
      await d.context.route('**/api/chat/v1/logout', (route) => route.abort())
      await d.goto('#/profile')
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByText('What is not sent or saved yet would be lost.').waitFor()
      await d.accessible('a question before logging out')
      await d.shot('log-out-unsent')
      await d.page.getByRole('button', { name: 'Log out anyway' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.page.getByText('You are logged out here.').waitFor()
      await d.accessible('logged out without a connection')
      // The cookie still works, but not here.
      await d.page.reload()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.deepEqual(await privateNames(d.page), [])
      const session = (await d.context.cookies()).map((c) => `${c.name}=${c.value}`).join('; ')
      const status = () => fetch(`${given.base}/api/chat/v1/remember-me`, { headers: { Cookie: session } }).then((r) => r.status)
      assert.equal(await status(), 200)
      await d.context.unroute('**/api/chat/v1/logout')
      await eventually('the server knows it', async () => (await status()) === 401, 20_000)
      await d.logIn(ann.login)
      await d.page.reload()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
    },
  },
  {
    name: 'a session that is not remembered leaves nothing in the browser',
    async run(given) {
      const { bob, room, d } = await one(given, { serviceWorkers: 'allow' })
      await d.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
      await d.page.reload()
      await eventually('the worker serves the page', () => d.page.evaluate(() => navigator.serviceWorker.controller !== null))
      await d.page.reload()
      await bob.post(room, 'for Ann only')
      await d.row('for Ann only').waitFor()
      await d.composer.fill('half a thought')
      await eventually('the draft is kept for this tab', async () => (await privateNames(d.page)).some((n) => n.includes(':draft:')))
      const left = () => d.page.evaluate(async () => [
        ...Object.keys(localStorage).filter((k) => /^confab:(draft|out|read|muted|remembered)/.test(k)),
        ...(await caches.keys()).filter((c) => c === 'confab-data'),
      ])
      assert.deepEqual(await left(), [])
      await d.page.reload()
      await d.composer.waitFor()
      assert.equal(await d.composer.inputValue(), 'half a thought')
    },
  },
  {
    name: 'a session that ends while one types keeps the text, and no key goes into a form',
    async run(given) {
      const { ann, room, d } = await one(given)
      await d.composer.click()
      await d.page.keyboard.type('half a tho')
      await ann.call('PUT', `users/${ann.login}/password`, { currentPassword: 'secret', password: 'better' })
      await d.page.getByText('Your session has ended. Please log in again.').waitFor({ timeout: 20_000 })
      await d.page.keyboard.type('ught')
      await d.page.keyboard.press('Enter')
      await d.accessible('a session that has ended')
      await d.shot('session-over')
      assert.equal(await d.page.locator('input').count(), 0)
      await d.page.getByRole('button', { name: 'Log in' }).click()
      assert.equal(await d.page.locator('[name=login]').inputValue(), ann.login)
      assert.equal(await d.page.locator('[name=password]').inputValue(), '')
      await d.page.locator('[name=password]').fill('better')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.composer.waitFor()
      assert.ok(d.page.url().endsWith(`#/rooms/${room}`))
      assert.equal(await d.composer.inputValue(), 'half a tho')
    },
  },
  {
    name: 'a link to a room survives signing up',
    async run({ browser, base, keep }) {
      const owner = await new ApiUser(base, unique('own')).signUp()
      const room = unique('Linked')
      await owner.createRoom(room)
      const d = keep(await device(browser, base))
      await d.goto(`#/rooms/${room}`)
      await d.page.getByRole('link', { name: 'Sign up' }).click()
      await d.page.getByLabel('Username').fill(unique('new') + ' ')
      await d.page.getByLabel('First name').fill('Nora')
      await d.page.getByLabel('Last name').fill('New')
      await d.page.getByLabel('Password', { exact: true }).fill('secret')
      await d.page.getByRole('button', { name: 'Sign up' }).click()
      await d.page.getByText(`You are not in ${room} yet.`).waitFor()
    },
  },
  {
    name: 'a line that dies silently: said soon, given up or sent once',
    async run(given) {
      const { ann, room, d } = await one(given)
      const posts = []
      let dead = false
      // Requests arrive, answers do not.
      await d.page.route(/\/messages\//, async (route) => {
        if (route.request().method() !== 'POST') return route.continue()
        posts.push(await route.request().headerValue('idempotency-key'))
        if (!dead) return route.continue()
        await route.fetch().catch(() => {})
      })
      // The socket is as silent as the rest: what arrived is not seen.
      await d.page.routeWebSocket('**/stomp', (socket) => {
        socket.connectToServer().onMessage((message) => {
          if (!dead) socket.send(message)
        })
      })
      await d.page.reload()
      await d.composer.waitFor()
      dead = true
      await d.say('first')
      await d.say('second')
      await d.page.getByText('Not sent yet – trying again').first().waitFor({ timeout: 8000 })
      await d.accessible('a message that takes long')
      await d.shot('not-sent-yet')
      await d.row('second').getByRole('button', { name: 'Cancel' }).waitFor()
      await eventually('it is tried anew', () => posts.length > 1, 30_000)
      assert.equal(new Set(posts).size, 1, 'with the same key')
      dead = false
      await eventually('all is sent', async () => (await d.page.locator('[data-test^=state-]').count()) === 0, 40_000)
      const { messages } = await ann.call('GET', `messages/${room}?fetchSize=20`)
      assert.deepEqual(messages.filter((m) => !m.systemMessage).map((m) => m.content).sort(), ['first', 'second'])
      // What is given up goes back to where it was written.
      dead = true
      await d.say('better not')
      await d.row('better not').getByRole('button', { name: 'Cancel' }).click()
      assert.equal(await d.composer.inputValue(), 'better not')
      assert.equal(await d.page.locator('[data-test^=state-]').count(), 0)
    },
  },
  {
    name: 'what came over the socket can be read without a connection, and logging out leaves nothing of it',
    async run({ browser, base, keep }) {
      const [ann, bob] = [await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(), await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp()]
      const room = unique('Kept')
      await ann.createRoom(room)
      await bob.join(room)
      const d = keep(await device(browser, base, { serviceWorkers: 'allow' }))
      await d.logIn(ann.login, 'secret', true)
      await d.page.evaluate(() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller ?? new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))).then(() => {}))
      await d.page.reload()
      await d.goto(`#/rooms/${room}`)
      await d.row('Bob Briggs joined').waitFor()
      await bob.post(room, 'over the socket')
      await d.row('over the socket').waitFor()
      await d.composer.fill('a draft of Ann')
      const kept = () => d.page.evaluate(async () => {
        if (!(await caches.has('confab-data'))) return ''
        const cache = await caches.open('confab-data')
        // The page that a room is shown from, not the one that its line in the sidebar is.
        return (await Promise.all((await cache.keys()).filter((k) => k.url.endsWith('?fetchSize=60')).map(async (k) => (await cache.match(k)).text()))).join()
      })
      await eventually('it is kept', async () => (await kept()).includes('over the socket'))
      await bob.post(room, 'just before the reload')
      await d.row('just before the reload').waitFor() // what is kept each second is kept at once by a page that goes
      await d.context.setOffline(true)
      await d.page.reload()
      await d.row('over the socket').waitFor()
      await d.row('just before the reload').waitFor()
      await d.page.locator('.sidebar').getByText('Bob: just before the reload').waitFor()
      assert.equal(await d.composer.inputValue(), 'a draft of Ann')
      await d.context.setOffline(false)
      await d.goto('#/profile')
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByTestId('unsent').waitFor() // the draft would be lost
      await d.page.getByRole('button', { name: 'Log out anyway' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await eventually('nothing is kept', async () => !(await d.page.evaluate(() => caches.has('confab-data'))) && (await privateNames(d.page)).length === 0)
      // Bob, on the same device.
      await d.logIn(bob.login)
      await d.goto(`#/rooms/${room}`)
      await d.composer.waitFor()
      assert.equal(await d.composer.inputValue(), '')
    },
  },
  {
    name: 'how long a password must be is said before it is refused',
    async run({ browser, keep, ...given }) {
      const server = await startNode(undefined, ['--password-min', '10'])
      given.finally(() => server.stop())
      const d = keep(await device(browser, server.base))
      let asked = 0
      d.page.on('request', (r) => r.method() === 'POST' && asked++)
      await d.goto('#/signup')
      await d.page.getByText('At least 10 characters').waitFor()
      await d.page.getByLabel('Username').fill(unique('ann'))
      await d.page.getByLabel('First name').fill('Ann')
      await d.page.getByLabel('Last name').fill('Archer')
      const password = d.page.getByLabel('Password', { exact: true })
      const meter = d.page.getByTestId('strength')
      for (const [text, word] of [['password1', 'Easy to guess'], ['tk4Rwpm9', 'Could be harder to guess'], ['tk4Rwpm9.v', 'Good'], ['the horse ate it', 'Hard to guess'], ['tk4Rwpm9', 'Could be harder to guess']]) {
        await password.fill(text)
        await eventually(`${text}: ${word}`, async () => (await meter.innerText()).trim() === word)
      }
      await d.page.getByRole('button', { name: 'Sign up' }).click()
      await d.page.getByText('At least 10 characters, please.').waitFor()
      assert.equal(asked, 0)
      assert.equal(await d.page.evaluate(() => document.activeElement.name), 'password')
      await d.accessible('a password that is too short')
      await d.shot('password')
      await d.page.emulateMedia({ colorScheme: 'dark' })
      await d.accessible('a password that is too short, dark')
      await password.fill('the horse ate it')
      await d.page.getByRole('button', { name: 'Sign up' }).click()
      await d.page.getByRole('link', { name: 'Your profile' }).click()
      await d.page.getByText('At least 10 characters').waitFor()
      await d.page.getByLabel('Current password').fill('the horse ate it')
      await d.page.getByLabel('New password').fill('short')
      await d.page.getByRole('button', { name: 'Change the password' }).click()
      await d.page.getByText('At least 10 characters, please.').waitFor()
      await d.accessible('a new password that is too short')
    },
  },
  {
    name: 'what is changed in the profile and not saved waits there, and is asked about before logging out',
    async run(given) {
      const { ann, room, d } = await one(given)
      const field = (name) => d.page.locator(`[name=${name}]`)
      const unsaved = d.page.getByTestId('unsaved')
      const language = d.page.locator('select', { has: d.page.locator('option[lang=fr]') })
      await d.goto('#/profile')
      await field('bio').fill('likes tea')
      await field('firstname').fill('Anna')
      await unsaved.waitFor()
      await d.accessible('a profile that is not saved')
      // Elsewhere and back, by the quick switcher and by the browser's key.
      await d.page.keyboard.press('Control+k')
      await d.page.keyboard.type(room)
      await d.page.keyboard.press('Enter')
      await d.composer.waitFor()
      await d.page.goBack()
      await unsaved.waitFor()
      assert.deepEqual([await field('bio').inputValue(), await field('firstname').inputValue()], ['likes tea', 'Anna'])
      // Another language, which loads the page anew.
      await language.selectOption('fr')
      await d.page.getByRole('heading', { name: 'Votre profil' }).waitFor()
      assert.equal(await field('bio').inputValue(), 'likes tea')
      await language.selectOption('')
      await d.page.getByRole('heading', { name: 'Your profile' }).waitFor()
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByText('What is not sent or saved yet would be lost.').waitFor()
      // Given up, it is as it was stored; saved, nothing waits any more.
      await d.page.getByRole('button', { name: 'Cancel' }).click()
      await unsaved.waitFor({ state: 'detached' })
      assert.deepEqual([await field('bio').inputValue(), await field('firstname').inputValue()], ['', 'Ann'])
      await field('bio').fill('likes coffee')
      await d.page.getByRole('button', { name: 'Save' }).click()
      await d.page.getByText('Profile saved.').waitFor()
      await unsaved.waitFor({ state: 'detached' })
      assert.equal((await ann.call('GET', `users/${ann.login}`)).bio, 'likes coffee')
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
    },
  },
  {
    name: 'tokens for programs are made, shown once and ended',
    async run(given) {
      const { ann, room, d } = await one(given)
      await d.goto('#/profile')
      const panel = d.page.getByTestId('tokens')
      const make = panel.getByRole('button', { name: 'Make a token' })
      await panel.locator('[name=tokenName]').fill('build server')
      await panel.locator('[name=tokenPassword]').fill('wrong')
      await make.click()
      await panel.getByText('This is not your current password.').waitFor()
      await panel.locator('[name=tokenPassword]').fill('secret')
      await make.click()
      const secret = await panel.getByTestId('token-secret').textContent()
      assert.match(secret, /^cfp_\w{30,}$/)
      await d.accessible('the panel')
      const use = () => fetch(`${given.base}/api/chat/v1/messages/${room}`, { headers: { Authorization: `Bearer ${secret}` } }).then((r) => r.status)
      assert.equal(await use(), 200)
      await d.page.reload()
      await panel.getByText('build server').waitFor()
      assert.equal(await panel.getByTestId('token-secret').count(), 0, 'it is shown once')
      await panel.getByText('last used on').waitFor()
      await panel.getByRole('button', { name: 'End the token build server' }).click()
      await panel.getByText('build server').waitFor({ state: 'detached' })
      assert.equal(await use(), 401)
      const { tokens } = await ann.call('GET', `users/${ann.login}/tokens`)
      assert.deepEqual(tokens, [])
    },
  },
  {
    name: 'where it takes an invitation to sign up, its link is enough',
    async run({ browser, keep, finally: end }) {
      const token = 'the-token-of-the-operator'
      const server = await startNode(undefined, ['--sign-up', 'invite'], { CONFAB_ADMIN_LOGIN: 'operator', CONFAB_ADMIN_PASSWORD: 'secret', CONFAB_ADMIN_TOKEN: token })
      end(() => server.stop())
      const d = keep(await device(browser, server.base))
      await d.goto('#/login')
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.page.getByRole('link', { name: 'Sign up' }).waitFor({ state: 'detached' })
      await d.goto('#/signup')
      await d.page.getByTestId('refusal').getByText('You need an invitation').waitFor()
      await d.accessible('the panel')
      const made = await fetch(`${server.base}/api/chat/v1/admin/invitations`, {
        method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }, body: '{}',
      }).then((r) => r.json())
      const invited = async (login) => {
        await d.page.goto('about:blank')
        await d.page.goto(server.base + made.link)
        await d.page.locator('[name=login]').fill(login)
        await d.page.locator('[name=firstname]').fill('Ann')
        await d.page.locator('[name=lastname]').fill('Archer')
        await d.page.locator('[name=password]').fill('secret')
        await d.page.getByRole('button', { name: 'Sign up' }).click()
      }
      await invited(unique('ann'))
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
      assert.ok(!d.page.url().includes('inv_'), 'the secret leaves the address')
      await d.goto('#/profile')
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await invited(unique('bob'))
      await d.page.getByText('This invitation is not good any more').waitFor()
    },
  },
]
