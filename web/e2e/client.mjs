// The client as a package: its examples, and pages of other origins.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ApiUser, device, eventually, startNode, LeftOut, unique } from './harness.mjs'

const bot = fileURLToPath(new URL('../client/examples/bot.mjs', import.meta.url))
const types = { '.html': 'text/html', '.js': 'text/javascript' }

/** Serves the example page and the packages it imports, as an origin of its own. */
async function somewhere(given) {
  const site = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const file = pathname === '/page.html' ? '../client/examples/page.html' : `..${pathname}`
    readFile(new URL(file, import.meta.url)).then(
      (bytes) => response.writeHead(200, { 'Content-Type': types[extname(pathname)] ?? 'text/plain' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
  given.finally(() => new Promise((resolve) => (site.close(resolve), site.closeAllConnections())))
  return `http://127.0.0.1:${site.address().port}`
}

const contents = async (user, room) => (await user.call('GET', `messages/${room}?fetchSize=200`)).messages.map((m) => m.content)

function needsProgram() {
  if (!process.env.CONFAB_BIN) throw new LeftOut('CONFAB_BIN')
}

const admin = { CONFAB_ADMIN_LOGIN: 'operator', CONFAB_ADMIN_PASSWORD: 'secret', CONFAB_ADMIN_TOKEN: 'a-token-of-the-administrator' }

export const flows = [
  {
    name: 'the page opens offline after its first visit, also where answers vary by origin',
    async run(given) {
      needsProgram()
      const server = await startNode(undefined, ['--allow-origin', 'https://other.example'])
      given.finally(server.stop)
      const a = given.keep(await device(given.browser, server.base, { serviceWorkers: 'allow' }))
      await a.goto()
      await a.page.waitForFunction(() => navigator.serviceWorker.ready.then((r) => r.active?.state === 'activated'))
      await a.context.setOffline(true)
      await a.page.reload()
      await a.page.locator('#app *').first().waitFor()
    },
  },
  {
    name: 'the example bot answers, over restarts of the server',
    async run(given) {
      needsProgram()
      const server = await startNode(undefined, [], admin)
      given.finally(server.stop)
      const ann = await new ApiUser(server.base, unique('ann')).signUp()
      const marvin = await new ApiUser(server.base, unique('marvin'), 'Marvin').signUp()
      for (const who of [{ CONFAB_TOKEN: admin.CONFAB_ADMIN_TOKEN }, { CONFAB_LOGIN: marvin.login, CONFAB_PASSWORD: 'secret' }]) {
        const room = unique('Lab')
        await ann.createRoom(room)
        const child = spawn(process.execPath, [bot], {
          env: { PATH: process.env.PATH, CONFAB_SERVER: server.base, CONFAB_ROOM: room, ...who },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        given.finally(async () => child.kill('SIGKILL'))
        const ended = new Promise((resolve) => child.once('exit', resolve))
        const [line] = await Promise.race([
          new Promise((resolve) => createInterface({ input: child.stdout }).once('line', (l) => resolve([l]))),
          ended.then((code) => assert.fail(`the bot ended with ${code}`)),
        ])
        assert.match(line, new RegExp(`listens in ${room}$`))

        const answered = (n) => eventually(`${n} answers`, async () => {
          const pongs = (await contents(ann, room)).filter((c) => c === 'pong').length
          assert.ok(pongs <= n, `answered ${pongs} times`)
          return pongs === n
        }, 40_000)
        await ann.post(room, 'is anybody here?')
        const question = await ann.post(room, '!ping')
        await answered(1)
        await server.kill()
        await server.start()
        // The bot may be back before or after this.
        for (let i = 0; i < 3; i++) await ann.post(room, '!ping')
        await answered(4)
        const { messages } = await ann.call('GET', `messages/${room}?fetchSize=200`)
        const [first] = messages.filter((m) => m.content === 'pong')
        assert.equal(first.replyTo, question.messageId)
        child.kill('SIGTERM')
        assert.equal(await ended, 0)
      }
    },
  },
  {
    name: 'a page of a listed origin logs in, posts and receives; one that is not listed can do nothing',
    async run(given) {
      needsProgram()
      const [listed, foreign] = [await somewhere(given), await somewhere(given)]
      const server = await startNode(undefined, ['--allow-origin', listed], admin)
      given.finally(server.stop)
      const ann = await new ApiUser(server.base, unique('ann'), 'Ann').signUp()
      const bob = await new ApiUser(server.base, unique('bob'), 'Bob').signUp()
      const room = unique('Bridge')
      await ann.createRoom(room)
      await bob.join(room)
      const search = `/page.html?server=${encodeURIComponent(server.base)}&room=${room}`

      // The example page, by hand.
      const d = given.keep(await device(given.browser, listed))
      await d.page.goto(listed + search)
      await d.page.getByPlaceholder('Login').fill(ann.login)
      await d.page.getByPlaceholder('Password').fill('wrong')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByText('401').waitFor()
      await d.page.getByPlaceholder('Password').fill('secret')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByText('open', { exact: true }).waitFor()
      await bob.post(room, 'from home')
      await d.page.getByText('Bob: from home').waitFor()
      await d.page.getByPlaceholder('Message').fill('from another page')
      await d.page.getByRole('button', { name: 'Send' }).click()
      await d.page.getByText('Ann: from another page').waitFor()
      assert.ok((await contents(bob, room)).includes('from another page'))
      assert.equal(await d.page.getByText('Bob: from home').count(), 1)

      const history = (await contents(bob, room)).reverse()
      // Every method, and the headers that matter, by session and by token.
      const found = await d.page.evaluate(async ({ server, room, token }) => {
        const { ApiError, ChatApi, followRoom, older } = await import('@confab/client')
        const api = new ChatApi({ server })
        const before = await api.room(room)
        const after = await api.changeBanner(room, 'changed', { ifMatch: api.etag(before) })
        const stale = await api.changeBanner(room, 'lost', { ifMatch: api.etag(before) }).catch((e) => e)
        const texts = []
        for await (const message of older(api, room)) texts.push(message.content)
        const { messages } = await api.messages(room, { fetchSize: 1 })
        const { messageId } = messages[0]
        await api.markRead(room, messageId)
        const reacted = await api.react(room, messageId, '👍', true)
        const back = await api.react(room, messageId, '👍', false)
        const methods = await api.methods('rooms')

        const bare = new ChatApi({ server, token })
        const who = await bare.currentUser()
        await bare.join(room)
        const events = []
        const following = await followRoom(bare, null, room, { every: 100, onEvent: (e) => events.push(e) })
        await api.post(room, 'polled', 'key-of-the-page')
        while (!events.some((e) => e.message.content === 'polled')) await new Promise((r) => setTimeout(r, 50))
        following.stop()
        const wrong = await new ChatApi({ server, token: 'invented' }).room(room).catch((e) => e)
        return {
          banner: after.banner, stale: [stale instanceof ApiError, stale.status, stale.code], texts, reacted: reacted.reactions, back: back.reactions,
          methods: [...methods], serverTime: api.serverTime, who: who?.login, wrong: wrong.status,
        }
      }, { server: server.base, room, token: admin.CONFAB_ADMIN_TOKEN })
      assert.equal(found.banner, 'changed')
      assert.deepEqual(found.stale.slice(0, 2), [true, 412])
      assert.ok(found.stale[2])
      assert.deepEqual(found.texts, history)
      assert.equal(found.reacted[0].emoji, '👍')
      assert.equal(found.back, undefined)
      assert.ok(found.methods.includes('POST') && found.serverTime > 0)
      assert.deepEqual([found.who, found.wrong], ['operator', 401])

      // The same browser, so with Ann's cookie: a page that is not listed reads nothing and changes nothing.
      const other = await d.context.newPage()
      await other.goto(foreign + search)
      const refused = await other.evaluate(async ({ server, room, login, token }) => {
        const { ChatApi } = await import('@confab/client')
        const outcome = (call) => call.then(() => 'allowed', (e) => e.status)
        const api = new ChatApi({ server })
        const bare = new ChatApi({ server, token })
        // Requests that a browser sends without asking first: the server itself has to refuse them.
        const blind = (path, body) => fetch(`${server}/api/chat/v1/${path}`, { method: 'POST', mode: 'no-cors', credentials: 'include', body })
        await blind(`messages/${room}`, '{"content":"smuggled"}')
        await blind('logout')
        await blind('authenticate', new URLSearchParams({ j_username: 'operator', j_password: 'secret' }))
        return {
          socket: await new Promise((resolve) => {
            const socket = new WebSocket(`${server.replace('http', 'ws')}/api/chat/v1/stomp`, ['v12.stomp'])
            socket.onopen = () => resolve('allowed')
            socket.onerror = () => resolve(0)
          }),
          calls: await Promise.all([
            outcome(api.logIn(login, 'secret')),
            outcome(api.user(login)),
            outcome(api.messages(room)),
            outcome(api.post(room, 'smuggled', 'another-key')),
            outcome(api.deleteRoom(room)),
            outcome(bare.messages(room)),
            outcome(bare.post(room, 'smuggled', 'a-third-key')),
          ]),
        }
      }, { server: server.base, room, login: ann.login, token: admin.CONFAB_ADMIN_TOKEN })
      assert.deepEqual(refused, { socket: 0, calls: [0, 0, 0, 0, 0, 0, 0] })
      assert.ok(!(await contents(bob, room)).includes('smuggled'))
      const still = await d.page.evaluate(async (server) => {
        const { ChatApi } = await import('@confab/client')
        return (await new ChatApi({ server }).currentUser())?.login
      }, server.base)
      assert.equal(still, ann.login)
    },
  },
]
