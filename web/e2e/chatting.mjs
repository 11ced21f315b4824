// Two people, two browsers.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, LeftOut, unique } from './harness.mjs'

/** Two logged-in devices of two people in one room. */
async function pair({ browser, base, keep }, options = {}) {
  const room = unique('Dallas')
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  await ann.createRoom(room, 'Oil and other things')
  await bob.join(room)
  const [a, b] = [keep(await device(browser, base, options)), keep(await device(browser, base, options))]
  for (const [d, user] of [[a, ann], [b, bob]]) {
    d.frames = []
    d.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => d.frames.push(...String(payload).split('\0'))))
    await d.logIn(user.login)
    await d.goto(`#/rooms/${room}`)
    await d.composer.waitFor()
    await d.row('Bob Briggs joined').waitFor()
  }
  return { room, ann, bob, a, b }
}

const texts = (d) => d.log.locator('[data-message-id] .text').allTextContents()

export const flows = [
  {
    name: 'two browsers talk',
    async run(given) {
      const { a, b, room, ann } = await pair(given)
      await a.say('Hello Bob')
      await b.row('Hello Bob').waitFor()
      await b.say(`hi @${ann.login}, see \`main.go\` 👍`)
      await a.row('see main.go').waitFor()
      assert.equal(await a.log.locator('.mention.self').innerText(), `@${ann.login}`)
      assert.equal(await a.log.locator('code').innerText(), 'main.go')
      for (let i = 0; i < 10; i++) await Promise.all([a.say(`a${i}`), b.say(`b${i}`)])
      await eventually('both see all', async () => (await texts(a)).length === 22 && (await texts(b)).length === 22)
      assert.deepEqual(await texts(a), await texts(b))
      assert.deepEqual((await texts(a)).filter((x) => /^a\d$/.test(x)), Array.from({ length: 10 }, (_, i) => `a${i}`))
      // Whoever writes is seen to; the field is left empty again.
      await b.composer.pressSequentially('I am')
      await a.page.getByText('Bob is typing…').waitFor()
      await b.composer.fill('')
      await eventually('he has stopped', async () => (await a.page.getByText('Bob is typing…').count()) === 0)
      // A third person comes and goes.
      const eve = await new ApiUser(given.base, unique('eve'), 'Eve', 'Elder').signUp()
      await eve.join(room)
      await a.page.getByRole('complementary').getByText('Eve Elder').waitFor()
      await a.row('Eve Elder joined').waitFor()
      await eve.call('DELETE', `rooms/participant/${room}`)
      await a.row('Eve Elder left').waitFor()
      await eventually('she is off the list', async () => (await a.page.getByRole('complementary').getByText('Eve Elder').count()) === 0)
      await a.shot('room')
      await a.accessible('a room')
    },
  },
  {
    name: 'a message comes once on a connection, and a new name reaches others',
    async run(given) {
      const { a, b, room, bob } = await pair(given)
      const frames = (text) => a.frames.filter((f) => f.includes(text)).map((f) => /\ndestination:(.*)/.exec(f)[1])
      await b.say('while open')
      await a.row('while open').waitFor()
      await b.say('and another') // on the connection after both frames of the first
      await a.row('and another').waitFor()
      assert.deepEqual(frames('while open'), [`/topic/messages/${room}`])

      // A room that is not open any more: from the user's own topic, and counted.
      await a.goto('#/browse')
      await eventually('the room is left', () => a.frames.some((f) => f.includes('receipt-id:u-')))
      await b.say('while closed')
      await eventually('it comes', () => frames('while closed').length > 0)
      assert.deepEqual(frames('while closed'), ['/topic/me'])
      await a.page.locator('.sidebar .count', { hasText: '1' }).waitFor()

      await a.goto(`#/rooms/${room}`)
      await a.row('while closed').waitFor()
      await bob.call('PATCH', `users/${bob.login}`, { firstname: 'Robert' })
      await a.page.getByRole('complementary').getByText('Robert Briggs').waitFor()
    },
  },
  {
    name: 'unread counts of rooms that are not open',
    async run(given) {
      const { a, room, bob } = await pair(given)
      await a.goto('#/browse')
      await bob.post(room, 'are you there?')
      await bob.post(room, 'hello?')
      await a.page.locator('.sidebar .count', { hasText: '2' }).waitFor()
      await eventually('the title tells it', async () => (await a.page.title()).startsWith('(2)'))
      await a.page.locator('.sidebar').getByText('Bob: hello?').waitFor()
      await a.page.locator('.sidebar').getByRole('link', { name: room }).click()
      await a.row('hello?').waitFor()
      await a.page.getByTestId('new-line').waitFor()
      await a.shot('unread')
      await eventually('nothing is unread', async () => (await a.page.locator('.sidebar .count').count()) === 0)
      await eventually('the title is quiet', async () => !(await a.page.title()).startsWith('('))
    },
  },
  {
    name: 'a message that is heard before its answer keeps its row',
    async run(given) {
      const { a } = await pair(given)
      let release
      const gate = new Promise((resolve) => (release = resolve))
      await a.page.route(/\/messages\//, async (route) => {
        if (route.request().method() !== 'POST') return route.continue()
        const response = await route.fetch()
        await gate
        await route.fulfill({ response })
      })
      await a.say('quicker than its answer')
      const row = a.log.locator('[data-message-id]', { hasText: 'quicker than its answer' })
      await row.waitFor()
      await row.evaluate((e) => { e.marked = true })
      release()
      // One at a time is sent: with this one, the first is answered.
      await a.say('the next')
      await a.log.locator('[data-message-id]', { hasText: 'the next' }).waitFor()
      assert.equal(await row.count(), 1)
      assert.ok(await row.evaluate((e) => e.marked === true), 'the row is still the same')
    },
  },
  {
    name: 'who is removed is told, and out',
    async run(given) {
      const { a, b, room, ann, bob } = await pair(given)
      await a.page.getByRole('complementary').getByText('Bob Briggs').hover()
      const remove = async () => {
        await a.page.getByRole('button', { name: 'Manage Bob Briggs' }).click()
        await a.page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
        await a.page.getByText(`Remove Bob Briggs from ${room}?`).waitFor()
      }
      await remove()
      await a.accessible('a question about a participant')
      await a.page.keyboard.press('Escape')
      await b.say('still here')
      await a.row('still here').waitFor()
      await remove()
      await a.page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
      await a.row('Ann Archer removed Bob Briggs').waitFor()
      await eventually('he is off the list', async () => (await a.page.getByRole('complementary').getByText('Bob Briggs').count()) === 0)
      await eventually('his page has left the room', () => new URL(b.page.url()).hash === '#/')
      assert.equal(await b.page.locator('.sidebar').getByText(room).count(), 0)
      // Also when he looks at something else.
      await b.page.getByText(`You are no longer in ${room}.`).waitFor()
      const another = unique('Another')
      await a.goto('#/')
      await ann.createRoom(another)
      await bob.join(another)
      await b.page.locator('.sidebar').getByText(another).waitFor()
      await ann.call('DELETE', `rooms/${another}/participants/${bob.login}`)
      await b.page.getByText(`You are no longer in ${another}.`).waitFor()
    },
  },
  {
    name: 'a deleted room closes',
    async run(given) {
      const { a, b, room } = await pair(given)
      await a.page.getByRole('button', { name: 'Room menu' }).click()
      await a.shot('room-menu')
      await a.page.getByRole('menuitem', { name: 'Room settings' }).click()
      await a.page.getByRole('button', { name: 'Delete the room' }).click()
      await a.page.getByText(`Delete ${room} with all its messages`).waitFor()
      await a.accessible('a question')
      await a.page.getByRole('button', { name: 'Delete the room' }).click()
      await b.page.getByText(`The room ${room} has been deleted.`).waitFor()
      await b.page.getByText('You are not in a room yet.').first().waitFor()
      assert.equal(new URL(b.page.url()).hash, '#/')
    },
  },
  {
    name: 'offline and back: nothing missing, nothing twice',
    async run(given) {
      const { a, b, room } = await pair(given)
      await a.say('before')
      await b.row('before').waitFor()
      await a.context.setOffline(true)
      await a.say('written offline 1')
      await a.say('written offline 2')
      await a.page.getByTestId('state-queued').or(a.page.getByTestId('state-sending')).first().waitFor()
      for (let i = 0; i < 5; i++) await b.say(`meanwhile ${i}`)
      await a.page.getByTestId('offline').waitFor({ timeout: 30_000 })
      await a.shot('offline')
      await a.accessible('offline')
      await a.context.setOffline(false)
      await eventually('it is sent', async () => (await a.page.locator('[data-test^=state-]').count()) === 0, 40_000)
      await a.row('meanwhile 4').waitFor()
      await b.row('written offline 2').waitFor()
      await eventually('both agree', async () => JSON.stringify(await texts(a)) === JSON.stringify(await texts(b)))
      assert.deepEqual((await texts(a)).sort(), ['before', 'meanwhile 0', 'meanwhile 1', 'meanwhile 2', 'meanwhile 3', 'meanwhile 4', 'written offline 1', 'written offline 2'])
      await a.page.reload()
      await a.row('written offline 2').waitFor()
      assert.equal((await texts(a)).length, 8)
      assert.ok(room)
    },
  },
  {
    name: 'the server restarts',
    async run(given) {
      if (!given.server.own) throw new LeftOut('CONFAB_BIN')
      const { a, b } = await pair(given)
      await given.server.halt()
      await a.say('into the dark')
      await a.page.getByTestId('offline').waitFor()
      await given.server.start()
      await b.row('into the dark').waitFor({ timeout: 40_000 })
      await eventually('once', async () => (await texts(a)).filter((x) => x === 'into the dark').length === 1)
      assert.equal((await texts(b)).filter((x) => x === 'into the dark').length, 1)
    },
  },
  {
    name: 'a draft stays in its room',
    async run(given) {
      const { a, room } = await pair(given)
      await a.composer.fill('half a tho')
      await a.goto('#/browse')
      await a.goto(`#/rooms/${room}`)
      assert.equal(await a.composer.inputValue(), 'half a tho')
      await a.page.reload()
      assert.equal(await a.composer.inputValue(), 'half a tho')
    },
  },
  {
    name: 'completion of logins and emoji, and the picker',
    async run(given) {
      const { a, bob } = await pair(given)
      await a.composer.click()
      await a.page.keyboard.type('hi @bo')
      await a.page.getByRole('option', { name: 'Bob Briggs' }).waitFor()
      await a.shot('completion')
      await a.accessible('completion')
      await a.page.keyboard.press('Enter')
      await eventually('the login is there', async () => (await a.composer.inputValue()) === `hi @${bob.login} `)
      await a.page.keyboard.type(':tad')
      await a.page.getByRole('option', { name: ':tada:' }).waitFor()
      await a.page.keyboard.press('Tab')
      await eventually('the emoji is there', async () => (await a.composer.inputValue()) === `hi @${bob.login} 🎉 `)
      await a.page.keyboard.type(':+1:')
      await eventually('the whole name is taken', async () => (await a.composer.inputValue()).endsWith('👍'))
      await a.page.getByRole('button', { name: 'Emoji' }).click()
      await a.page.getByText('Smileys').waitFor()
      await a.shot('emoji')
      await a.accessible('the emoji picker')
      await a.page.keyboard.type('rocket')
      await a.page.getByRole('button', { name: 'rocket' }).waitFor()
      await a.page.keyboard.press('Enter')
      await eventually('the picked one is there', async () => (await a.composer.inputValue()).endsWith('👍🚀'))
    },
  },
]
