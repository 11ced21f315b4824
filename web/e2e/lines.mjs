// Lines that are cut, and those that let only a part through.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

/** Ann's device, which is logged in, a room of hers and Bob, who only has the API. */
async function one({ browser, base, keep }, options = {}) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const [room, other] = [unique('Line'), unique('Other')]
  for (const r of [room, other]) {
    await ann.createRoom(r)
    await bob.join(r)
  }
  const d = keep(await device(browser, base, options))
  return { ann, bob, room, other, d }
}

export const flows = [
  ...[
    ['closes it', (ws) => ws.close()],
    ['stays silent', () => {}],
  ].map(([what, handle]) => ({
    name: `where the way to the server has no WebSocket but ${what}, one sees what others write`,
    async run(given) {
      const { ann, bob, room, other, d } = await one(given)
      await d.page.routeWebSocket(/stomp/, handle)
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${other}`)
      await d.row('Bob Briggs joined').waitFor()
      await d.goto(`#/rooms/${room}`)
      await d.row('Bob Briggs joined').waitFor()
      const old = (await bob.post(room, 'said first')).messageId
      await d.row('said first').waitFor({ timeout: 20_000 })
      await d.page.getByTestId('offline').getByText('No live connection. New messages are looked for every few seconds.').waitFor()
      await d.accessible('a page without a live connection')
      // A change, a message of another room, and that room when it is opened again.
      await bob.call('PATCH', `messages/${room}/${old}`, { content: 'said otherwise' })
      await bob.post(other, 'said elsewhere')
      await d.row('said otherwise').waitFor({ timeout: 20_000 })
      await d.page.locator('.rooms a', { hasText: other }).getByText('said elsewhere').waitFor({ timeout: 20_000 })
      await d.goto(`#/rooms/${other}`)
      await d.row('said elsewhere').waitFor()
      await bob.post(room, 'said meanwhile')
      await d.goto(`#/rooms/${room}`)
      await d.row('said meanwhile').waitFor({ timeout: 5000 })
      assert.equal(await d.log.locator('.text', { hasText: 'said' }).count(), 2)
    },
  })),
  {
    name: 'what did not load without a server loads when it is back: the page, a room, the list of rooms',
    async run(given) {
      const { ann, bob, room, other, d } = await one(given)
      await bob.createRoom(unique('Aaa'))
      let away = false
      const line = { cut: () => (away = true), mend: () => (away = false) }
      await d.page.route(/\/api\//, (route) => (away ? route.abort() : route.continue()))
      const sockets = []
      await d.page.routeWebSocket(/stomp/, (ws) => {
        if (away) return void ws.close()
        ws.connectToServer()
        sockets.push(ws)
      })
      const cut = async () => {
        line.cut()
        for (const ws of sockets.splice(0)) await ws.close()
      }
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      await d.row('Bob Briggs joined').waitFor()
      // A room that was not open before.
      await cut()
      await d.page.locator('.rooms a', { hasText: other }).click()
      await d.page.getByText('The messages could not be loaded.').waitFor()
      await d.accessible('a room that did not load')
      line.mend()
      await d.row('Bob Briggs joined').waitFor({ timeout: 20_000 })
      await d.composer.waitFor()
      // The list of rooms.
      await d.goto('#/profile')
      await d.page.getByRole('heading', { name: 'Your profile' }).waitFor()
      await cut()
      await d.goto('#/browse')
      const main = d.page.getByRole('main')
      await main.getByText('The server cannot be reached.').waitFor()
      line.mend()
      await main.getByRole('heading', { name: room }).waitFor({ timeout: 20_000 })
      await eventually('nothing is said to be wrong', async () => (await main.getByText('The server cannot be reached.').count()) === 0)
      // The page itself, with a message that waits.
      await d.goto(`#/rooms/${room}`)
      await d.composer.waitFor()
      await cut()
      await d.say('written into the dark')
      await d.row('written into the dark').waitFor()
      await d.page.reload()
      await d.page.getByText('The server cannot be reached.').waitFor()
      line.mend()
      await d.row('written into the dark').waitFor({ timeout: 20_000 })
      await eventually('it is sent', async () => (await bob.call('GET', `messages/${room}?fetchSize=1`)).messages[0].content === 'written into the dark', 20_000)
    },
  },
  {
    name: 'what is sent while the messages are still loading is seen',
    async run(given) {
      const { ann, bob, room, d } = await one(given)
      await bob.post(room, 'there already')
      await d.logIn(ann.login)
      const gate = () => {
        let open
        const opened = new Promise((resolve) => (open = resolve))
        return { open, pass: async (route) => { await opened; await route.continue() } }
      }
      const [reading, sending] = [gate(), gate()]
      await d.page.route(/\/messages\//, (route) => (route.request().method() === 'GET' ? reading : sending).pass(route))
      await d.goto(`#/rooms/${room}`)
      await d.composer.waitFor()
      await d.say('written early')
      await d.page.getByText('Loading messages…').waitFor()
      await d.row('written early').getByText('Sending…').waitFor()
      await d.accessible('a message that is sent while the others are loading')
      sending.open()
      await eventually('it is sent', async () => (await d.page.locator('[data-test^=state-]').count()) === 0)
      assert.equal(await d.row('written early').count(), 1, 'it is still there')
      reading.open()
      await d.row('there already').waitFor()
      await d.row('written early').waitFor()
      assert.deepEqual((await d.log.locator('.text').allTextContents()).slice(-2), ['there already', 'written early'])
    },
  },
]
