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
]
