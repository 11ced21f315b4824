// Two servers on one Cassandra: what one hears, the other does.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, freePort, LeftOut, startNode, unique } from './harness.mjs'

const texts = (d) => d.log.locator('[data-message-id] .text').allTextContents()

export const flows = [
  {
    name: 'two browsers on two nodes',
    limit: 180_000,
    async run(given) {
      const cassandra = process.env.CONFAB_E2E_CASSANDRA
      if (!cassandra || !process.env.CONFAB_BIN) throw new LeftOut('CONFAB_E2E_CASSANDRA and CONFAB_BIN')
      const store = `cassandra://${cassandra}/confab_e2e?dc=datacenter1&rf=1`
      const buses = [await freePort(), await freePort()]
      const routes = buses.map((p) => `nats://127.0.0.1:${p}`).join(',')
      const nodes = []
      for (const bus of buses) {
        const node = await startNode(store, ['--cluster-listen', `127.0.0.1:${bus}`, '--cluster-routes', routes])
        given.finally(node.stop)
        nodes.push(node)
      }
      const [ann, bob] = [
        await new ApiUser(nodes[0].base, unique('ann'), 'Ann', 'Archer').signUp(),
        await new ApiUser(nodes[1].base, unique('bob'), 'Bob', 'Briggs').signUp(),
      ]
      const room = unique('Bridge')
      await ann.createRoom(room)
      await bob.join(room)
      const [a, b] = [given.keep(await device(given.browser, nodes[0].base)), given.keep(await device(given.browser, nodes[1].base))]
      for (const [d, user] of [[a, ann], [b, bob]]) {
        await d.logIn(user.login)
        await d.goto(`#/rooms/${room}`)
        await d.row('Bob Briggs joined').waitFor()
      }
      const agree = (count) => eventually(`both show ${count} messages`, async () => {
        const [x, y] = [await texts(a), await texts(b)]
        return x.length === count && JSON.stringify(x) === JSON.stringify(y)
      }, 30_000)

      // Each sees the other's words, presence and typing.
      await a.say('from the first')
      await b.row('from the first').waitFor()
      await b.say('from the second')
      await a.row('from the second').waitFor()
      for (let i = 0; i < 5; i++) await Promise.all([a.say(`a${i}`), b.say(`b${i}`)])
      await agree(12)
      await b.composer.pressSequentially('I am')
      await a.page.getByText('Bob is typing…').waitFor()
      await b.composer.fill('')
      await a.page.getByRole('complementary').getByText('Bob Briggs').waitFor()

      // Changes cross as well.
      await b.row('from the first').hover()
      await b.page.getByRole('button', { name: 'Add a reaction' }).click()
      await b.page.getByRole('button', { name: '👍' }).first().click()
      await a.log.locator('.reaction', { hasText: '👍' }).waitFor()

      // So does what is unread, and that it has been read elsewhere.
      const other = given.keep(await device(given.browser, nodes[1].base))
      await other.logIn(ann.login)
      await other.goto('#/browse')
      await a.goto('#/browse')
      for (const text of ['psst', 'are you there?']) await bob.post(room, text)
      for (const d of [a, other]) await d.page.locator('.sidebar .count').getByText('2').waitFor()
      await a.page.bringToFront()
      await a.goto(`#/rooms/${room}`)
      await a.row('are you there?').waitFor()
      await eventually('her other device knows that it is read', async () => (await other.page.locator('.sidebar .count').count()) === 0)
      await other.close()

      // The second node dies while both write; its browser comes back with it.
      await nodes[1].kill()
      await b.say('into the dark')
      await b.page.getByTestId('offline').waitFor()
      for (let i = 0; i < 3; i++) await a.say(`meanwhile ${i}`)
      const first = (await ann.call('GET', `messages/${room}?fetchSize=100`)).messages.find((m) => m.content === 'from the first')
      await ann.call('PATCH', `messages/${room}/${first.messageId}`, { content: 'from the first, edited' })
      await nodes[1].start()
      await a.row('into the dark').waitFor({ timeout: 60_000 })
      await b.row('from the first, edited').waitFor({ timeout: 30_000 })
      await agree(18)
      const all = await texts(b)
      for (const text of ['into the dark', 'meanwhile 0', 'meanwhile 1', 'meanwhile 2', 'psst']) {
        assert.equal(all.filter((x) => x === text).length, 1, text)
      }
      // And it is as it was: live in both directions.
      await b.say('back again')
      await a.row('back again').waitFor()
      await a.say('welcome')
      await b.row('welcome').waitFor()
    },
  },
]
