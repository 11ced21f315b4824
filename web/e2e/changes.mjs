// What can be done about messages once they are written, and what every device of a user knows.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

async function pair({ browser, base, keep }) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const room = unique('Changes')
  await ann.createRoom(room)
  await bob.join(room)
  const open = async (user, options = {}) => {
    const d = keep(await device(browser, base, options))
    await d.logIn(user.login)
    await d.goto(`#/rooms/${room}`)
    await d.row('Bob Briggs joined').waitFor()
    return d
  }
  return { ann, bob, room, open }
}

/** A room of Bob's that Ann is in, and does not look at. */
async function anotherRoom(ann, bob) {
  const room = unique('Other')
  await bob.createRoom(room)
  await ann.join(room)
  return room
}

export const flows = [
  {
    name: 'edit, delete, reply and react',
    async run(given) {
      const { ann, bob, open } = await pair(given)
      const [a, b] = [await open(ann), await open(bob)]
      await a.say('Tea at four')
      await b.row('Tea at four').waitFor()
      await eventually('it is sent', async () => (await a.page.locator('[data-test^=state-]').count()) === 0)
      // Up in an empty field edits the last message.
      await a.composer.press('ArrowUp')
      await a.page.getByText('Editing your message').waitFor()
      assert.equal(await a.composer.inputValue(), 'Tea at four')
      await a.composer.fill('Tea at five')
      await a.composer.press('Enter')
      await b.row('Tea at five').getByText('(edited)').waitFor()
      assert.equal(await b.row('Tea at four').count(), 0)
      // An answer shows what it answers, and leads there.
      await b.row('Tea at five').hover()
      await b.page.getByRole('button', { name: 'Reply' }).click()
      await b.page.getByText('Replying to Ann Archer').waitFor()
      await b.shot('reply')
      await b.say('I will be there')
      await a.row('I will be there').locator('.answers', { hasText: 'Tea at five' }).waitFor()
      // A reaction, twice the same emoji by two people.
      await b.row('I will be there').waitFor()
      await b.log.locator('[data-message-id]', { hasText: 'Tea at five' }).first().hover()
      await b.page.getByRole('button', { name: 'Add a reaction' }).click()
      await b.page.getByRole('button', { name: '👍' }).first().click()
      const reaction = (d) => d.log.locator('.reaction', { hasText: '👍' })
      await reaction(a).waitFor()
      await reaction(a).click()
      await eventually('both have reacted', async () => (await reaction(b).textContent())?.replace(/\s+/g, '').startsWith('👍2'))
      await a.shot('reactions')
      await a.accessible('reactions')
      await reaction(a).click()
      await eventually('one has taken it back', async () => (await reaction(b).textContent())?.replace(/\s+/g, '').startsWith('👍1'))
      // Gone for both, also after a reload.
      await b.row('I will be there').last().hover()
      await b.page.getByRole('button', { name: 'Delete' }).click()
      await b.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
      await a.row('This message was deleted.').waitFor()
      await a.page.reload()
      await a.row('This message was deleted.').waitFor()
      await a.row('Tea at five').getByText('(edited)').waitFor()
      assert.equal(await a.row('I will be there').count(), 0)
    },
  },
  {
    name: 'an edit, and a reply, of a message that is deleted meanwhile',
    async run(given) {
      const { ann, bob, room, open } = await pair(given)
      const [mine, own, theirs] = [await ann.post(room, 'the plan'), await ann.post(room, 'the other plan'), await bob.post(room, 'a question')]
      await bob.call('POST', `messages/${room}`, { content: 'I like it', replyTo: mine.messageId })
      const a = await open(ann)
      const edit = async (text) => {
        await a.log.locator('.message', { hasText: text }).first().hover()
        await a.page.getByRole('toolbar').getByRole('button', { name: 'Edit' }).click()
        await a.page.getByText('Editing your message').waitFor()
      }
      await a.composer.fill('begun before')
      await edit('the plan')
      await a.composer.fill('the plan, much better')
      await ann.call('DELETE', `messages/${room}/${mine.messageId}`)
      await a.page.getByRole('alert').getByText('This message was deleted.').waitFor()
      assert.equal(await a.page.getByText('Editing your message').count(), 0)
      assert.equal(await a.composer.inputValue(), 'the plan, much better\nbegun before')
      // What quotes it says it too.
      await a.row('I like it').locator('.answers', { hasText: 'This message was deleted.' }).waitFor()
      await a.composer.press('Escape')
      await a.page.reload()
      await eventually('it is kept', async () => (await a.composer.inputValue()) === 'the plan, much better\nbegun before')
      await a.composer.press('Enter')
      await a.row('the plan, much better').waitFor()

      // Who hears of it only from the server's answer.
      await edit('the other plan')
      await a.composer.fill('the other plan, too')
      await a.page.route(/\/messages\//, (route) => (route.request().method() === 'PATCH' ? route.fulfill({ status: 409, contentType: 'application/problem+json', body: '{"title":"Conflict","status":409}' }) : route.continue()))
      await a.composer.press('Enter')
      await a.page.getByRole('alert').getByText('This message was deleted.').waitFor()
      assert.equal(await a.composer.inputValue(), 'the other plan, too')
      assert.equal(await a.page.getByText('Editing your message').count(), 0)
      assert.ok(own)

      await a.log.locator('.message', { hasText: 'a question' }).first().hover()
      await a.page.getByRole('toolbar').getByRole('button', { name: 'Reply' }).click()
      await a.page.getByText('Replying to Bob Briggs').waitFor()
      await bob.call('DELETE', `messages/${room}/${theirs.messageId}`)
      await a.page.getByRole('alert').getByText('This message was deleted.').waitFor()
      assert.equal(await a.page.getByText('Replying to Bob Briggs').count(), 0)
      assert.equal(await a.composer.inputValue(), 'the other plan, too')
    },
  },
  {
    name: 'what was changed while one was away',
    async run(given) {
      const { ann, bob, room, open } = await pair(given)
      const [first, second] = [await bob.post(room, 'first'), await bob.post(room, 'second')]
      const a = await open(ann)
      await a.row('second').waitFor()
      await a.context.setOffline(true)
      await a.page.getByTestId('offline').waitFor()
      await bob.call('PATCH', `messages/${room}/${first.messageId}`, { content: 'first, edited' })
      await bob.call('DELETE', `messages/${room}/${second.messageId}`)
      await a.context.setOffline(false)
      await a.row('first, edited').waitFor({ timeout: 40_000 })
      await a.row('This message was deleted.').waitFor()
      assert.equal(await a.row('second').count(), 0)
    },
  },
  {
    name: 'a room that one was removed from while away is not listed any more',
    async run(given) {
      const { ann, bob, room, open } = await pair(given)
      const other = await anotherRoom(ann, bob)
      const a = await open(ann)
      const listed = (name) => a.page.locator('.sidebar').getByText(name, { exact: true })
      await listed(other).waitFor()
      await a.context.setOffline(true)
      await a.page.getByTestId('offline').waitFor()
      await ann.call('DELETE', `rooms/${other}/participants/${ann.login}`)
      await a.context.setOffline(false)
      await eventually('it is gone', async () => (await listed(other).count()) === 0, 40_000)
      await a.page.getByText(`You are no longer in ${other}.`).waitFor()
      await listed(room).waitFor()
      // Deleted while its page is shown.
      await a.context.setOffline(true)
      await a.page.getByTestId('offline').waitFor()
      await ann.call('DELETE', `rooms/${room}`)
      await a.context.setOffline(false)
      await a.page.getByText(`The room ${room} has been deleted.`).waitFor({ timeout: 40_000 })
    },
  },
  {
    name: 'an edit that adds a mention, or takes it away, marks the count',
    async run(given) {
      const { ann, bob, open } = await pair(given)
      const other = await anotherRoom(ann, bob)
      const a = await open(ann)
      const count = a.page.locator('.sidebar a', { hasText: other }).locator('.count')
      const { messageId } = await bob.post(other, 'plain')
      const shows = (text) => eventually(`it shows ${text}`, async () => (await count.allTextContents()).join() === text)
      await shows('1')
      const edit = (content) => bob.call('PATCH', `messages/${other}/${messageId}`, { content })
      await edit(`for @${ann.login}`)
      await shows('@1')
      await edit('for nobody')
      await shows('1')
      // Another one keeps the mark.
      await bob.post(other, `also for @${ann.login}`)
      await shows('@2')
      await edit('for nobody at all')
      await shows('@2')
    },
  },
  {
    name: 'what was changed far up while one was away and reads the past',
    async run(given) {
      const { ann, bob, room } = await pair(given)
      const old = []
      for (let i = 0; i < 220; i++) old.push(await bob.post(room, `old ${i}.`))
      const a = given.keep(await device(given.browser, given.base))
      await a.logIn(ann.login)
      await a.goto(`#/rooms/${room}/messages/${old[40].messageId}`)
      await a.row('old 40.').waitFor()
      await a.context.setOffline(true)
      await a.page.getByTestId('offline').waitFor()
      // None of these is on the newest page.
      await bob.call('PATCH', `messages/${room}/${old[40].messageId}`, { content: 'old 40, edited' })
      await bob.call('DELETE', `messages/${room}/${old[41].messageId}`)
      await bob.call('PUT', `messages/${room}/${old[42].messageId}/reactions/${encodeURIComponent('👍')}`)
      await a.context.setOffline(false)
      await a.row('old 40, edited').waitFor({ timeout: 40_000 })
      await a.row('This message was deleted.').waitFor()
      await a.row('old 42.').locator('.reaction', { hasText: '👍' }).waitFor()
      assert.equal(await a.row('old 41.').count(), 0)
    },
  },
  {
    name: 'two devices of one user agree on what is read',
    async run(given) {
      const { ann, bob, room, open } = await pair(given)
      // The second one has never shown the room: it cannot count for itself.
      const [one, two] = [await open(ann), given.keep(await device(given.browser, given.base))]
      await two.logIn(ann.login)
      await two.goto('#/browse')
      await one.goto('#/browse')
      for (let i = 0; i < 3; i++) await bob.post(room, `news ${i}`)
      const count = (d) => d.page.locator('.sidebar .count')
      await count(one).getByText('3').waitFor()
      await count(two).getByText('3').waitFor()
      await one.page.bringToFront()
      await one.goto(`#/rooms/${room}`)
      await one.row('news 2').waitFor()
      await eventually('nothing is unread on the first', async () => (await count(one).count()) === 0)
      await eventually('nothing is unread on the second', async () => (await count(two).count()) === 0)
      // A new device knows it too, and counts end at 99.
      await one.goto('#/browse')
      for (let i = 0; i < 105; i++) await bob.post(room, `more ${i}`)
      await count(one).getByText('99+').waitFor()
      const three = given.keep(await device(given.browser, given.base))
      await three.logIn(ann.login)
      await count(three).getByText('99+').waitFor()
      await three.shot('many-unread')
    },
  },
  {
    name: 'a picture of oneself',
    async run(given) {
      const { ann, bob, room, open } = await pair(given)
      const a = await open(ann)
      await a.goto('#/profile')
      // A red square, made by the page as a browser would read it from a file.
      const png = await a.page.evaluate(async () => {
        const canvas = new OffscreenCanvas(40, 20)
        const paper = canvas.getContext('2d')
        paper.fillStyle = 'red'
        paper.fillRect(0, 0, 40, 20)
        return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())]
      })
      await a.page.getByLabel('Upload a picture').setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: Buffer.from(png) })
      await a.page.locator('.avatar.large img').waitFor()
      await eventually('it is shown', () => a.page.locator('.avatar.large img').evaluate((i) => i.naturalWidth > 0))
      await a.shot('picture')
      // Who sees the room asks for the pictures that are there, and for no others.
      await bob.post(room, 'No picture of me')
      await ann.post(room, 'Look at me')
      const b = await open(bob)
      const answers = []
      b.page.on('response', (r) => r.url().includes('/avatar') && answers.push([new URL(r.url()).pathname, r.status()]))
      await b.page.reload()
      await b.row('Look at me').locator('.avatar img').first().waitFor()
      await eventually('the picture came', () => answers.length > 0)
      await b.row('No picture of me').waitFor()
      assert.deepEqual(answers.filter(([path, status]) => status >= 400 || !path.includes(ann.login)), [])
      await a.page.getByRole('button', { name: 'Remove the picture' }).click()
      await eventually('it is gone', async () => (await a.page.locator('.avatar.large img').count()) === 0)
    },
  },
  {
    name: 'desktop notifications and mute',
    async run(given) {
      const { ann, bob, room } = await pair(given)
      const a = given.keep(await device(given.browser, given.base))
      // A desktop that writes down what it is shown.
      await a.page.addInitScript(() => {
        globalThis.shown = []
        globalThis.Notification = class {
          static permission = 'granted'
          static requestPermission = () => Promise.resolve('granted')
          constructor(title, options) {
            globalThis.shown.push(`${title}: ${options.body}`)
          }
          close() {}
        }
      })
      let connect
      const connecting = new Promise((resolve) => (connect = resolve))
      await a.page.routeWebSocket('**/stomp', async (socket) => {
        await connecting
        socket.connectToServer()
      })
      await a.logIn(ann.login)
      await a.goto('#/profile')
      await a.page.getByLabel('Notify me about new messages').check()
      const shown = () => a.page.evaluate(() => globalThis.shown)
      const count = a.page.locator('.sidebar .count')
      // A message that comes before the page hears of new ones is shown as well, once.
      await bob.post(room, 'early')
      connect()
      await eventually('the early one is shown', async () => (await shown()).length === 1)
      await a.page.evaluate(() => globalThis.shown.splice(0))
      await bob.post(room, 'psst')
      await eventually('it is shown', async () => (await shown()).length === 1)
      assert.deepEqual(await shown(), [`Bob Briggs in ${room}: psst`])
      // Muted, a room counts in silence, but a mention is heard.
      await a.goto(`#/rooms/${room}`)
      await a.row('psst').waitFor()
      await a.page.getByRole('button', { name: 'Room menu' }).click()
      await a.page.getByRole('menuitem', { name: 'Mute notifications' }).click()
      await a.page.locator('.sidebar').getByTitle('muted').waitFor()
      await a.goto('#/profile')
      await bob.post(room, 'nothing important')
      await count.getByText('1').waitFor()
      assert.equal(await a.page.title(), 'confab')
      await bob.post(room, `@${ann.login} this is`)
      await eventually('the mention is shown', async () => (await shown()).length === 2)
      assert.match((await shown())[1], /this is$/)
      // It stays muted on the next visit.
      await a.page.reload()
      await a.page.locator('.sidebar').getByTitle('muted').waitFor()
    },
  },
]
