// A long history: read from the end to the start while others write, and nothing jumps.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

const total = Number(process.env.CONFAB_E2E_MESSAGES ?? 3000)
const given = process.env.CONFAB_E2E_ROOM

/** A room with many messages of uneven length, written by two people. */
async function longRoom(base) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  if (given) {
    await ann.join(given)
    await bob.join(given)
    return { ann, bob, room: given }
  }
  const room = unique('Long')
  await ann.createRoom(room, 'A long history')
  await bob.join(room)
  let next = 0
  const writer = async (user) => {
    while (next < total) {
      const n = next++
      const more = n % 7 === 0 ? ' lorem ipsum dolor sit amet'.repeat(1 + (n % 23)) : n % 31 === 0 ? '\n```\nfirst\nsecond\n```' : ''
      await user.post(room, `#${n}${more}`)
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, i) => writer(i % 3 === 0 ? ann : bob)))
  return { ann, bob, room }
}

/**
 * Watches each frame of the page: a row that is in the view before and after must move
 * exactly as far as the wheel turned it, and no further. Keeps the worst.
 */
function watchJumps() {
  const scroller = document.querySelector('[role=log]')
  const state = (globalThis.jumps = { worst: 0, where: '', frames: 0, seen: new Set(), doubles: 0, leaps: 0, mostRows: 0 })
  let before = new Map()
  let atEnd = true
  // How far the reader has scrolled since the last frame, as they meant it.
  globalThis.intended = 0
  const frame = () => {
    const view = scroller.getBoundingClientRect()
    const now = new Map()
    const rows = scroller.querySelectorAll('[data-message-id]')
    state.mostRows = Math.max(state.mostRows, rows.length)
    const ids = new Set()
    for (const row of rows) {
      const id = row.dataset.messageId
      if (ids.has(id)) state.doubles++
      ids.add(id)
      state.seen.add(id)
      const mark = row.querySelector('[data-anchor]') ?? row
      const box = mark.getBoundingClientRect()
      if (box.bottom > view.top && box.top < view.bottom) now.set(id, box.top)
    }
    const intended = globalThis.intended
    globalThis.intended = 0
    // Who is at the end follows it.
    if (!atEnd) {
      for (const [id, top] of now) {
        if (!before.has(id)) continue
        const moved = Math.abs(top - before.get(id) + intended)
        if (moved > state.worst) Object.assign(state, { worst: moved, where: `${id} at frame ${state.frames}` })
      }
    }
    atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 30
    before = now
    state.frames++
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}

export const flows = [
  {
    name: 'a long history from its end to its start while others write',
    // By hand, with a history of years, as long as it takes.
    limit: given || total > 3000 ? 3_600_000 : 150_000,
    async run({ browser, base, keep }) {
      const { ann, bob, room } = await longRoom(base)
      const d = keep(await device(browser, base))
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      const newest = (await ann.call('GET', `messages/${room}?fetchSize=1`)).messages[0].messageId
      await d.page.locator(`[data-message-id="${newest}"]`).waitFor()
      await d.page.evaluate(watchJumps)
      let writing = true
      let written = 0
      const writer = (async () => {
        while (writing) {
          await bob.post(room, `meanwhile ${written++}`)
          await new Promise((resolve) => setTimeout(resolve, 150))
        }
      })()
      // A step up, then some frames to look whether what came moved anything.
      const start = () => d.page.evaluate(() => document.querySelector('.hello') !== null && document.querySelector('[role=log]').scrollTop <= 0)
      for (let i = 0; !(await start()); i++) {
        await d.page.evaluate(async (step) => {
          const scroller = document.querySelector('[role=log]')
          const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve))
          const ids = () => [...scroller.querySelectorAll('[data-message-id]')].map((r) => r.dataset.messageId)
          const turn = async (by) => {
            const top = scroller.scrollTop
            scroller.scrollTop = top + by
            globalThis.intended += scroller.scrollTop - top
            for (let f = 0; f < 4; f++) await nextFrame()
          }
          // Rows that came since the last frame have not been looked at yet.
          await nextFrame()
          const before = new Set(ids())
          await turn(-step)
          // So far at once that rows in between never had to be in the DOM: back, until one is there again that was.
          for (let back = 0; back < 20 && !ids().some((id) => before.has(id)); back++) {
            globalThis.jumps.leaps += back === 0
            await turn(500)
          }
        }, [640, 90, 1500][i % 3])
      }
      writing = false
      await writer
      await d.page.getByText(`This is where ${room} begins.`).waitFor()
      const seen = await d.page.evaluate(() => ({ ...globalThis.jumps, seen: [...globalThis.jumps.seen] }))
      console.log(`        ${seen.frames} frames, worst move ${seen.worst.toFixed(2)} px, ${seen.leaps} leaps, at most ${seen.mostRows} rows in the DOM, ${seen.seen.length} messages seen, ${written} written meanwhile`)
      assert.ok(seen.worst <= 2, `${seen.where} moved by ${seen.worst} px`)
      assert.equal(seen.doubles, 0)
      assert.ok(seen.mostRows < 200, `${seen.mostRows} rows in the DOM`)
      // Everything the server has of before was shown: total messages and who joined.
      let before
      const all = []
      for (;;) {
        const page = await ann.call('GET', `messages/${room}?fetchSize=200${before ? `&before=${before}` : ''}`)
        all.unshift(...page.messages)
        if (!page.hasMore) break
        before = page.messages[0].messageId
      }
      const shown = new Set(seen.seen)
      const old = all.filter((m) => !m.content.startsWith('meanwhile'))
      const missing = old.filter((m) => !shown.has(m.messageId))
      assert.deepEqual(missing.map((m) => `${m.messageId} ${m.content.slice(0, 30)}`), [], `${missing.length} of ${old.length} were never shown`)
      // And back to the newest.
      await d.shot('history-start')
      await d.page.getByTestId('to-newest').click()
      await d.row(`meanwhile ${written - 1}`).waitFor()
      await eventually('it follows the newest again', async () => (await d.page.getByTestId('to-newest').count()) === 0)
      await bob.post(room, 'the last word')
      await d.row('the last word').waitFor()
      assert.ok(await d.row('the last word').evaluate((e) => e.getBoundingClientRect().bottom <= innerHeight))
    },
  },
  {
    name: 'a link to a message opens the history around it',
    async run({ browser, base, keep }) {
      const { ann, room } = await longRoom(base)
      const first = await ann.call('GET', `messages/${room}?fetchSize=200`)
      const older = await ann.call('GET', `messages/${room}?fetchSize=200&before=${first.messages[0].messageId}`)
      const target = older.messages[50]
      const d = keep(await device(browser, base))
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}/messages/${target.messageId}`)
      const row = d.page.locator(`[data-message-id="${target.messageId}"]`)
      await row.waitFor()
      await eventually('it is in the view', () => row.evaluate((e) => {
        const box = e.getBoundingClientRect()
        return box.top > 50 && box.bottom < innerHeight
      }))
      assert.ok(await row.evaluate((e) => e.contains(document.activeElement)))
      // Down to the newest, page after page.
      const newest = first.messages.at(-1).messageId
      for (let i = 0; i < 400; i++) {
        if ((await d.page.locator(`[data-message-id="${newest}"]`).count()) > 0 && !(await d.page.getByTestId('to-newest').count())) break
        await d.log.evaluate((e) => { e.scrollTop += 600 })
        await d.page.waitForTimeout(20)
      }
      await d.page.locator(`[data-message-id="${newest}"]`).waitFor()
      // One that is not there is said to be gone, and the room is shown.
      await d.goto(`#/rooms/${room}/messages/00000000-0000-1000-8080-808080808080`)
      await d.page.getByText('This message is not there any more.').waitFor()
      await d.log.locator('[data-message-id]').first().waitFor()
    },
  },
  {
    name: 'a selection holds while one scrolls, and the browser’s own search finds all that is loaded',
    async run({ browser, base, keep }) {
      const ann = await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp()
      const room = unique('Select')
      await ann.createRoom(room)
      for (let i = 0; i < 150; i++) await ann.post(room, `line ${i}.`)
      const d = keep(await device(browser, base))
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      await d.row('line 149.').waitFor()
      const rows = () => d.log.locator('[data-key]').count()
      const there = (text) => d.log.locator('.text', { hasText: text }).count()
      const few = await rows()
      // From one of the last rows far up, past what would have left the page.
      await d.log.locator('.text', { hasText: 'line 148.' }).dblclick()
      for (const text of ['line 130.', 'line 112.', 'line 94.', 'line 76.']) {
        const row = d.log.locator('.text', { hasText: text })
        await d.log.hover()
        await eventually(`${text} is on the screen`, async () => {
          const box = await row.boundingBox({ timeout: 100 }).catch(() => null)
          if (box && box.y > 80 && box.y < 650) return true
          await d.page.mouse.wheel(0, -120)
          return false
        })
        await row.click({ modifiers: ['Shift'] })
      }
      assert.equal(await there('line 148.'), 1)
      await d.page.keyboard.press('Control+c')
      const copied = await d.page.evaluate(() => navigator.clipboard.readText())
      for (let i = 77; i < 148; i++) assert.ok(copied.includes(`line ${i}.`), `line ${i}. is copied`)
      // Without a selection the rows go.
      await d.log.locator('.text', { hasText: 'line 76.' }).click()
      await d.page.mouse.wheel(0, -400)
      await eventually('the rows are few', async () => (await rows()) < few * 2 && (await there('line 148.')) === 0)
      // The browser's search, which a script cannot open, looks for the same as this, and shows what it has found.
      const found = () => d.page.evaluate(() => globalThis.find('line 147.', false, false, true))
      assert.equal(await found(), false)
      await d.page.keyboard.press('Control+f')
      assert.equal(await there('line 147.'), 1)
      assert.equal(await found(), true)
      await d.page.evaluate(() => getSelection().anchorNode.parentElement.scrollIntoView({ block: 'center' }))
      await d.log.locator('.text', { hasText: 'line 147.' }).waitFor()
      const seen = () => d.log.locator('.text', { hasText: 'line 147.' }).evaluate((e) => {
        const [box, view] = [e.getBoundingClientRect(), e.closest('[role=log]').getBoundingClientRect()]
        return box.top >= view.top && box.bottom <= view.bottom
      })
      await eventually('it is on the screen', seen)
      // What the reader does next leaves them there.
      await d.page.mouse.move(500, 300)
      await d.page.mouse.down()
      await d.page.mouse.up()
      await eventually('the rows are few', async () => (await rows()) < few * 2)
      assert.ok(await seen())
    },
  },
]
