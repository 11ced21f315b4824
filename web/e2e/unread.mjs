// Where one goes on reading, and what counts as read.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

async function one({ browser, base, keep }, options = {}) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const room = unique('Unread')
  await ann.createRoom(room)
  await bob.join(room)
  const d = keep(await device(browser, base, options))
  const unread = async () => (await ann.call('GET', `users/${ann.login}/rooms`)).rooms.find((r) => r.roomName === room).unread
  return { ann, bob, room, d, unread }
}

export const flows = [
  {
    name: 'a room opens at the first unread message, and only what was on the screen is read',
    async run(given) {
      const { ann, bob, room, d, unread } = await one(given, { viewport: { width: 1280, height: 480 } })
      for (let i = 0; i < 5; i++) await bob.post(room, `old ${i}`)
      const last = await bob.post(room, 'read last')
      await ann.call('PUT', `rooms/${room}/read`, { messageId: last.messageId })
      await bob.post(room, 'the first unread one')
      for (let i = 2; i <= 99; i++) await bob.post(room, `unread ${i}.`)
      await d.logIn(ann.login)
      await d.page.locator('.sidebar .count', { hasText: '99' }).waitFor()
      await d.page.locator('.sidebar').getByRole('link', { name: room }).click()
      const inView = (row) => row.evaluate((e) => {
        const [box, view] = [e.getBoundingClientRect(), document.querySelector('[role=log]').getBoundingClientRect()]
        return box.top >= view.top && box.bottom <= view.bottom
      })
      const first = d.log.getByText('the first unread one')
      await first.waitFor()
      await eventually('it opens there', () => inView(first))
      await d.page.getByTestId('new-line').waitFor()
      await d.shot('first-unread')
      await d.accessible('a room with much that is unread')
      await eventually('what is on the screen is read', async () => (await unread()) < 99)
      assert.ok((await unread()) > 40, 'the rest is not')
      // Read on by keys.
      const before = await unread()
      await d.log.focus()
      await d.page.keyboard.press('PageDown')
      await eventually('more is read', async () => (await unread()) < before)
      // Coming back from elsewhere, one is where one stopped.
      await d.goto('#/browse')
      await d.page.locator('.sidebar').getByRole('link', { name: room }).click()
      await eventually('it opens where one stopped', () => inView(d.page.getByTestId('new-line')))
      // The jump to the end passes over what is unread, and does not read it.
      await d.page.getByTestId('to-newest').click()
      await d.row('unread 99.').waitFor()
      const skipped = d.page.getByTestId('skipped')
      await skipped.waitFor()
      await d.shot('skipped')
      await d.accessible('unread messages above')
      await d.page.reload()
      await eventually('it opens where one stopped', async () => (await d.page.getByTestId('new-line').count()) === 1)
      assert.ok((await unread()) > 10)
      await d.page.getByTestId('to-newest').click()
      await d.row('unread 99.').waitFor()
      await skipped.getByRole('button', { name: /^Jump to/ }).click()
      await eventually('back at the line', () => inView(d.page.getByTestId('new-line')))
      await d.page.getByTestId('to-newest').click()
      await skipped.getByRole('button', { name: 'Mark as read' }).click()
      await eventually('all is read', async () => (await unread()) === 0)
      assert.equal(await skipped.count(), 0)
      await eventually('nothing is counted', async () => (await d.page.locator('.sidebar .count').count()) === 0)
    },
  },
  {
    name: 'who comes back to an open room finds the line where they left',
    async run(given) {
      const { ann, bob, room, d, unread } = await one(given)
      for (let i = 0; i < 5; i++) await bob.post(room, `before lunch ${i}.`)
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      await d.row('before lunch 4.').waitFor()
      await eventually('all is read', async () => (await unread()) === 0)
      await d.page.evaluate(() => {
        globalThis.away = true
        document.hasFocus = () => !globalThis.away
        window.dispatchEvent(new Event('blur'))
      })
      for (let i = 0; i < 60; i++) await bob.post(room, `during lunch ${i}.`)
      await d.page.locator('.sidebar .count', { hasText: '60' }).waitFor()
      await d.page.getByTestId('new-line').waitFor()
      await d.row('during lunch 0.').waitFor()
      assert.equal(await unread(), 60)
      await d.page.evaluate(() => {
        globalThis.away = false
        window.dispatchEvent(new Event('focus'))
      })
      await eventually('what is on the screen is read', async () => (await unread()) < 60)
      assert.ok((await unread()) > 10)
      await d.row('during lunch 0.').waitFor()
      await d.shot('after-lunch')
    },
  },
  {
    name: 'a missed mention is still marked after a reload, and who comes and goes moves no room',
    async run(given) {
      const { ann, bob, room, d } = await one(given)
      const other = unique('Other')
      await ann.createRoom(other)
      await bob.join(other)
      const last = await bob.post(other, 'older words')
      await ann.call('PUT', `rooms/${other}/read`, { messageId: last.messageId })
      await bob.post(room, `@${ann.login} look at this`)
      await bob.post(room, 'and newer words')
      // In the other room somebody comes and goes.
      const eve = await new ApiUser(given.base, unique('eve'), 'Eve', 'Elder').signUp()
      await eve.join(other)
      await d.logIn(ann.login)
      const rooms = d.page.locator('.sidebar .rooms a')
      const called = d.page.locator('.sidebar .count.called')
      for (let visit = 0; visit < 2; visit++) {
        await called.waitFor()
        await eventually('what was said is shown', async () => (await rooms.nth(1).innerText()).includes('Bob: older words'))
        await eventually('in its place', async () => (await rooms.nth(0).innerText()).includes('Bob: and newer words'))
        await d.page.reload()
      }
      await eve.call('DELETE', `rooms/participant/${other}`)
      await bob.post(room, 'newest words')
      await rooms.nth(0).getByText('Bob: newest words').waitFor()
      await eventually('and stays where it is', async () => (await rooms.nth(1).innerText()).includes('Bob: older words'))
      await rooms.nth(0).click()
      await eventually('it is read', async () => (await d.page.locator('.sidebar .count').count()) === 0)
    },
  },
  {
    name: 'messages marked as unread stay so, on all devices, until they are read anew',
    async run(given) {
      const { ann, bob, room, d, unread } = await one(given)
      for (const text of ['one.', 'two.', 'three.', 'four.', 'five.']) await bob.post(room, text)
      const other = given.keep(await device(given.browser, given.base))
      await other.logIn(ann.login)
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      await d.row('five.').waitFor()
      const badge = (on) => on.page.locator('.sidebar .count')
      const shows = (on, n) => eventually(`a badge of ${n}`, async () => (n === 0 ? (await badge(on).count()) === 0 : (await badge(on).innerText()) === `${n}`))
      await eventually('all is read', async () => (await unread()) === 0)
      await shows(other, 0)
      await d.log.getByText('three.').hover()
      await d.page.getByRole('button', { name: 'Mark unread from here' }).click()
      await d.log.locator('[data-key]', { has: d.page.getByTestId('new-line'), hasText: 'three.' }).waitFor()
      for (const on of [d, other]) await shows(on, 3)
      assert.equal(await unread(), 3)
      await d.accessible('messages marked as unread')
      await d.shot('marked-unread')
      // They are on the screen, and so is what comes now.
      await bob.post(room, 'six.')
      await d.row('six.').waitFor()
      for (const on of [d, other]) await shows(on, 4)
      await other.page.reload()
      await shows(other, 4)
      // Who comes back reads them.
      await d.goto('#/browse')
      await d.page.getByRole('heading', { name: 'Browse rooms' }).waitFor()
      await d.goto(`#/rooms/${room}`)
      await d.page.getByTestId('new-line').waitFor()
      for (const on of [d, other]) await shows(on, 0)
      // By keys, while the other device is away.
      await other.context.setOffline(true)
      await d.composer.press('Shift+Tab')
      await d.page.keyboard.press('ArrowUp')
      await d.page.keyboard.press('ArrowUp')
      await d.page.keyboard.press('u')
      await shows(d, 2)
      await eventually('the server knows', async () => (await unread()) === 2)
      await other.context.setOffline(false)
      await shows(other, 2)
      await d.page.getByTestId('skipped').getByRole('button', { name: 'Mark as read' }).click()
      for (const on of [d, other]) await shows(on, 0)
      // Refused: as it was.
      await d.page.route(/\/unread$/, (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"title":"No","status":500}' }))
      await d.log.getByText('three.').hover()
      await d.page.getByRole('button', { name: 'Mark unread from here' }).click()
      await d.page.getByText('Something went wrong on the server').waitFor()
      await shows(d, 0)
    },
  },
]
