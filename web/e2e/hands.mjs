// What fingers, mouse and keys do to messages.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, launch, unique } from './harness.mjs'

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }

/** Ann's device in a room with Bob, who only has the API. */
async function one({ browser, base, keep }, options = {}) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const room = unique('Hands')
  await ann.createRoom(room)
  await bob.join(room)
  const d = keep(await device(browser, base, options))
  await d.logIn(ann.login)
  const open = async () => {
    await d.goto(`#/rooms/${room}`)
    await d.composer.waitFor()
  }
  return { ann, bob, room, d, open }
}

export const flows = [
  {
    name: 'fingers reach every action on a message',
    async run(given) {
      const { ann, bob, room, d, open } = await one(given, phone)
      for (let i = 0; i < 30; i++) await (i % 2 ? bob : ann).post(room, `message ${i}.`)
      await open()
      await d.row('message 29.').waitFor()
      const sheet = d.page.getByTestId('sheet')
      const tap = async (text) => {
        await d.row(text).locator('.text').tap()
        await sheet.waitFor()
        // The message it is about is in view, above it, and the sheet is inside of the screen.
        await eventually('the message is not hidden', async () => {
          const [s, m] = [await sheet.boundingBox(), await d.row(text).locator('.message').boundingBox()]
          return m.y >= 0 && m.y + m.height <= s.y && s.y + s.height <= 845
        })
      }
      // Whatever is tapped is large enough for a finger.
      const press = async (name) => {
        const button = sheet.getByRole('button', { name, exact: true })
        const box = await button.boundingBox()
        assert.ok(box.height >= 44 && box.width >= 44, `${name} is large enough: ${box.width} × ${box.height}`)
        await d.page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2)
        await eventually('the sheet is gone', async () => (await sheet.count()) === 0)
      }
      // The last message is where the sheet comes up.
      await tap('message 29.')
      assert.equal(await d.page.getByRole('toolbar').count(), 0)
      await d.shot('sheet')
      await press('👍')
      await d.row('message 29.').locator('.reaction.own').waitFor()

      await tap('message 29.')
      await press('Reply')
      await d.page.getByText('Replying to Bob Briggs').waitFor()
      await d.page.getByRole('button', { name: 'Cancel' }).tap()

      await tap('message 28.')
      await press('Edit')
      await d.page.getByText('Editing your message').waitFor()
      await d.composer.fill('message 28, mended.')
      await d.page.getByRole('button', { name: 'Save' }).tap()
      await d.row('message 28, mended.').waitFor()

      await tap('message 27.')
      await press('Add a reaction')
      await d.page.locator('.picker').getByRole('button', { name: '🎉' }).first().tap()
      await d.row('message 27.').locator('.reaction', { hasText: '🎉' }).waitFor()

      await tap('message 27.')
      await press('Copy text')
      await d.page.getByText('Text copied.').waitFor()
      assert.equal(await d.page.evaluate(() => navigator.clipboard.readText()), 'message 27.')

      await tap('message 26.')
      await press('Delete')
      await d.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).tap()
      await eventually('it is deleted', async () => (await d.row('message 26.').count()) === 0)

      // Beside it, a tap closes it; a tap on a link or a reaction is for these.
      await tap('message 25.')
      await d.page.touchscreen.tap(200, 20)
      await eventually('the sheet is closed', async () => (await sheet.count()) === 0)
      await d.row('message 29.').locator('.reaction').tap()
      await eventually('it is taken back', async () => (await d.row('message 29.').locator('.reaction').count()) === 0)
      assert.equal(await sheet.count(), 0)
    },
  },
  {
    name: 'a small window, and a message sheet, keep messages in view below a long topic and announcement',
    async run(given) {
      const { ann, bob, room, d, open } = await one(given, { ...phone, viewport: { width: 360, height: 640 } })
      await ann.call('PATCH', `rooms/${room}`, { banner: 'A long topic. '.repeat(30), announcement: 'A long announcement. '.repeat(24) })
      for (let i = 0; i < 30; i++) await (i < 29 ? bob : ann).post(room, `message ${i}.`)
      await open()
      await d.row('message 29.').locator('.text').tap()
      const sheet = d.page.getByTestId('sheet')
      await sheet.waitFor()
      // Nothing of the messages is drawn over what stands above them, and the one that it is about is seen.
      const [banners, message] = [d.page.locator('.banners'), d.row('message 29.').locator('.message')]
      await eventually('the message is above the sheet, and below the announcement', async () => {
        const [s, m, a] = [await sheet.boundingBox(), await message.boundingBox(), await banners.boundingBox()]
        return m.y + m.height <= s.y && m.y >= a.y + a.height - 1
      })
      const overlaps = await d.page.evaluate(() => {
        const { bottom } = document.querySelector('.banners').getBoundingClientRect()
        const frame = document.querySelector('.frame')
        const clips = getComputedStyle(frame).overflowY === 'clip' && frame.getBoundingClientRect().top >= bottom - 1
        const above = [...document.querySelectorAll('.message')].filter((m) => m.getBoundingClientRect().top < bottom)
        return above.length > 0 && !clips
      })
      assert.equal(overlaps, false)
      await d.shot('sheet-announcement')
      await d.page.touchscreen.tap(180, 10)
      await eventually('the sheet is closed', async () => (await sheet.count()) === 0)

      // 320 × 200 is a usual screen at 400 %.
      for (const [width, height, least] of [[320, 200, 40], [360, 280, 90], [1280, 800, 400]]) {
        await d.page.setViewportSize({ width, height })
        await eventually(`there is room for messages at ${width} × ${height}`, async () => { const { height } = await d.log.boundingBox(); if (height < least) throw new Error(`${height}`); return true })
      }
    },
  },
  {
    name: 'what is typed after a click is a new message',
    async run(given) {
      const { ann, bob, room, d, open } = await one(given)
      await ann.post(room, 'The release is on Friday.')
      await bob.post(room, 'Any question?')
      await open()
      const { keyboard } = d.page
      await d.row('The release is on Friday.').locator('.text').click()
      await keyboard.type('errr, see you there')
      assert.equal(await d.composer.inputValue(), 'errr, see you there')
      assert.equal(await d.page.getByText('Editing your message').count(), 0)
      await keyboard.press('Enter')
      await d.row('errr, see you there').waitFor()
      // Letters that are actions, on somebody else's message, and the key that deletes.
      await d.page.evaluate(() => navigator.clipboard.writeText('precious'))
      await d.row('Any question?').locator('.text').click()
      await keyboard.press('Delete')
      await keyboard.type('cool+really')
      assert.equal(await d.composer.inputValue(), 'cool+really')
      assert.equal(await d.page.evaluate(() => navigator.clipboard.readText()), 'precious')
      assert.equal(await d.page.getByRole('dialog').count(), 0)
      await d.composer.fill('')
      // From wherever nothing takes letters: the list of rooms, a button, nothing at all.
      await d.page.locator('.sidebar').getByRole('link', { name: room }).focus()
      await keyboard.type('from the list')
      assert.equal(await d.composer.inputValue(), 'from the list')
      await d.composer.fill('')
      await d.page.evaluate(() => document.activeElement.blur())
      await keyboard.type('from nowhere')
      assert.equal(await d.composer.inputValue(), 'from nowhere')
      await d.composer.fill('')
      // Reached by keys, letters act; after a click no more.
      await d.page.keyboard.press('Shift+Tab')
      await keyboard.press('ArrowUp')
      await keyboard.press('ArrowUp')
      await keyboard.press('r')
      await d.page.getByText('Replying to Bob Briggs').waitFor()
      await keyboard.press('Escape')
      await keyboard.press('Shift+Tab')
      await keyboard.press('ArrowUp')
      await d.row('Any question?').locator('.text').click()
      await keyboard.type('rest')
      assert.equal(await d.composer.inputValue(), 'rest')
      assert.deepEqual(
        (await ann.call('GET', `messages/${room}?fetchSize=10`)).messages.filter((m) => m.editedAt).map((m) => m.content),
        [],
      )
    },
  },
  {
    name: 'over plain http under a name of the network',
    async run(given) {
      const browser = await launch(['--host-resolver-rules=MAP chat.test 127.0.0.1'])
      given.finally(() => browser.close())
      const base = given.base.replace('127.0.0.1', 'chat.test')
      const { bob, room, d, open } = await one({ ...given, browser, base: given.base }, { permissions: [] })
      await bob.post(room, 'see\n```\nblock of code\n```')
      await open()
      const { context, page } = d
      // The same session under the other name.
      const cookies = await context.cookies()
      await context.addCookies(cookies.map((c) => ({ ...c, domain: 'chat.test' })))
      await page.goto(`${base}/ui/chat/#/rooms/${room}`)
      await d.row('block of code').waitFor()
      assert.equal(await page.evaluate(() => isSecureContext), false)
      await d.say('goes without TLS')
      await d.row('goes without TLS').waitFor()
      await eventually('it is sent', async () => (await page.locator('[data-test^=state-]').count()) === 0)
      // What was copied is what is pasted.
      const pasted = async () => {
        await d.composer.fill('')
        await d.composer.press('Control+v')
        return d.composer.inputValue()
      }
      await d.row('block of code').locator('.copy').click()
      await page.getByText('Text copied.').waitFor()
      assert.equal(await pasted(), 'block of code')
      await d.composer.fill('')
      await d.row('goes without TLS').hover()
      await page.getByRole('button', { name: 'Copy text' }).click()
      assert.equal(await pasted(), 'goes without TLS')
      await d.composer.fill('')
      await d.row('goes without TLS').hover()
      await page.getByRole('button', { name: 'Add a reaction' }).click()
      await page.locator('.picker').getByRole('button', { name: '👍' }).first().click()
      await d.row('goes without TLS').locator('.reaction').waitFor()
      // What does not work says why.
      await page.goto(`${base}/ui/chat/#/profile`)
      await page.getByText('need an encrypted one (https)').waitFor()
    },
  },
  {
    name: 'a very long message is folded, and none freezes the page',
    async run(given) {
      const { bob, room, d, open } = await one(given)
      const nasty = [
        'https://a.example/' + ')'.repeat(60_000),
        Array.from({ length: 360 }, (_, i) => '`'.repeat(i + 1) + 'a').join(''),
        '`a` @bob '.repeat(6_000),
        ('word '.repeat(20) + '\n').repeat(600),
      ]
      for (const text of nasty) await bob.post(room, text)
      await bob.post(room, 'the last one')
      // A room that opens before the page knows of them opens at the end.
      await d.page.getByText('5 unread').waitFor({ state: 'attached' })
      await open()
      await d.page.getByTestId('to-newest').click()
      await d.row('the last one').waitFor()
      const long = d.log.locator('[data-message-id]', { hasText: 'word word' })
      const unfold = long.getByRole('button', { name: /^Show all/ })
      await unfold.scrollIntoViewIfNeeded()
      const before = (await long.boundingBox()).height
      assert.ok(before < 2500, `folded: ${before}`)
      await d.shot('folded')
      await d.accessible('a folded message')
      await unfold.click()
      await long.getByRole('button', { name: 'Show less' }).waitFor({ state: 'attached' })
      assert.ok((await long.boundingBox()).height > 10_000)
      assert.equal(await long.locator('.text').textContent(), nasty[3])
      await long.getByRole('button', { name: 'Show less' }).click()
      await eventually('it is folded', async () => (await long.boundingBox()).height < 2500)
      await d.say('still alive')
      await d.row('still alive').waitFor()
    },
  },
]
