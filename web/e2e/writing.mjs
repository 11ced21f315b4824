// What people write, and how it is shown: Markdown, undo, clocks, regions, directions.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

/** Ann's device in a room with Bob, who only has the API. */
async function one({ browser, base, keep }, options = {}) {
  const [ann, bob] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
  ]
  const room = unique('Desk')
  await ann.createRoom(room)
  await bob.join(room)
  const d = keep(await device(browser, base, options))
  const open = async () => {
    await d.logIn(ann.login)
    await d.goto(`#/rooms/${room}`)
    await d.composer.waitFor()
    await d.row('Bob Briggs joined').waitFor()
  }
  const newest = async () => (await bob.call('GET', `messages/${room}?fetchSize=1`)).messages[0].content
  return { ann, bob, room, d, open, newest }
}

const focused = (d) => d.composer.evaluate((e) => e === document.activeElement)

const twoFrames = (d) => d.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))

export const flows = [
  {
    name: 'Markdown as people type it is shown, and stays text',
    async run(given) {
      const { ann, bob, room, d, open } = await one(given)
      await open()
      await bob.post(room, `**bold** *leaning* ~~gone~~ \`code\` [the page](https://example.org/x) @${ann.login} snake_case_name <b>no</b> 2*3*4`)
      const row = d.row('snake_case_name')
      await row.waitFor()
      const inside = (tag) => row.locator(`.text ${tag}`).allTextContents()
      assert.deepEqual([await inside('strong'), await inside('em'), await inside('s'), await inside('code'), await inside('b')], [['bold'], ['leaning'], ['gone'], ['code'], []])
      assert.equal(await row.getByRole('link', { name: 'the page' }).getAttribute('href'), 'https://example.org/x')
      assert.match(await row.locator('.text').textContent(), /<b>no<\/b> 2\*3\*4$/)
      await bob.post(room, 'Look:\n> quoted\n> twice\n\n- one\n- two\n  - deeper\n\n1. first\n2. second\n\n```Python\ndef f(x):  # a note\n    return "é" + 42\n```\ndone')
      const lists = d.row('deeper')
      await lists.waitFor()
      assert.equal(await lists.locator('blockquote').textContent(), 'quoted\ntwice')
      assert.deepEqual(await lists.locator('li').allTextContents(), ['• one', '• two', '• deeper', '1. first', '2. second'])
      // The colours come later; the text is what it was.
      await lists.locator('code .word', { hasText: 'return' }).waitFor()
      assert.equal(await lists.locator('.block code').textContent(), 'def f(x):  # a note\n    return "é" + 42')
      assert.deepEqual(await lists.locator('code .comment').allTextContents(), ['# a note'])
      await d.accessible('Markdown')
      await d.shot('markdown')
      await d.page.emulateMedia({ colorScheme: 'dark' })
      await d.accessible('Markdown, dark')
      await d.shot('markdown-dark')
      // A text that is nothing but marks neither freezes the page nor hides the next one.
      for (const text of ['*a **b _c '.repeat(5900), '> '.repeat(30_000), '[a](https://'.repeat(5000)]) await bob.post(room, text)
      await bob.post(room, 'still here')
      await d.row('still here').waitFor()
    },
  },
  {
    name: 'keys write marks, and undo takes everything back',
    async run(given) {
      const { bob, d, open, newest } = await one(given)
      await open()
      const { keyboard } = d.page
      const text = () => d.composer.inputValue()
      const undo = async (wanted) => {
        for (let i = 0; i < 12 && (await text()) !== wanted; i++) await keyboard.press('Control+z')
        assert.equal(await text(), wanted)
      }
      await d.composer.click()
      await keyboard.type('one two')
      await keyboard.press('Shift+Control+ArrowLeft')
      await keyboard.press('Control+b')
      assert.equal(await text(), 'one **two**')
      await keyboard.press('Control+i')
      assert.equal(await text(), 'one **_two_**')
      await keyboard.press('Control+i')
      await keyboard.press('Control+b')
      assert.equal(await text(), 'one two')
      await keyboard.press('Control+Shift+x')
      assert.equal(await text(), 'one ~~two~~')
      await undo('one two')
      // An address that is pasted on words makes a link of them.
      await d.page.evaluate(() => navigator.clipboard.writeText('https://example.org/a'))
      await keyboard.press('Control+a')
      await keyboard.press('Control+v')
      assert.equal(await text(), '[one two](https://example.org/a)')
      await undo('one two')
      await keyboard.press('End')
      await keyboard.type(' @bo')
      await d.page.getByRole('option').first().waitFor()
      await keyboard.press('Enter')
      assert.equal(await text(), `one two @${bob.login} `)
      await undo('one two @bo')
      await keyboard.press('Escape')
      await d.page.getByRole('button', { name: 'Emoji' }).click()
      await d.page.locator('.picker .emoji').first().click()
      assert.notEqual(await text(), 'one two @bo')
      await undo('one two @bo')
      await d.composer.fill('')
      await keyboard.type('**all** of it')
      await keyboard.press('Enter')
      await d.row('all of it').waitFor()
      await eventually('others get it as it was written', async () => (await newest()) === '**all** of it')
    },
  },
  {
    name: 'a shortcode that is typed before the emoji came is turned',
    async run(given) {
      const { d, open, newest } = await one(given)
      let release
      const gate = new Promise((resolve) => (release = resolve))
      await d.page.route(/assets\/emoji-/, async (route) => {
        await gate
        await route.continue()
      })
      await open()
      await d.composer.click()
      await d.page.keyboard.type('well done :tada:')
      await d.page.keyboard.press('Enter')
      await d.row('well done').waitFor()
      await d.page.keyboard.type(':rocket: now')
      release()
      await eventually('the one that was sent is turned', async () => (await newest()) === 'well done 🎉')
      await eventually('the one that is written is turned', async () => (await d.composer.inputValue()) === '🚀 now')
    },
  },
  {
    name: 'what cannot be seen turns no link, and no name of a file',
    async run(given) {
      const { bob, room, d, open } = await one(given)
      await bob.post(room, 'see http://example.com/\u202egpj.exe or \u202ehttps://example.org/abc')
      await open()
      const link = d.row('see http').getByRole('link', { name: 'http://example.com/%E2%80%AEgpj.exe' })
      assert.equal(await link.getAttribute('href'), 'http://example.com/%E2%80%AEgpj.exe')
      // Also where somebody turned the line before it, the address reads from left to right.
      const order = await d.row('see http').getByRole('link', { name: 'https://example.org/abc' }).evaluate((a) => {
        const x = (i) => {
          const range = document.createRange()
          range.setStart(a.firstChild, i)
          range.setEnd(a.firstChild, i + 1)
          return range.getBoundingClientRect().left
        }
        return x(0) < x(8) && x(8) < x(20)
      })
      assert.ok(order)
      await d.page.locator('input[type=file]').first().setInputFiles({ name: 'photo\u202egpj.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('x') })
      await d.page.getByRole('dialog').getByText('photo%E2%80%AEgpj.exe').waitFor()
      await d.page.getByRole('dialog').getByText('1 byte').waitFor()
    },
  },
  {
    name: 'a change that was begun is not lost',
    async run(given) {
      const { bob, room, d, open, newest } = await one(given)
      await open()
      await d.say('my long report')
      await eventually('it is sent', async () => (await newest()) === 'my long report')
      await eventually('it is no more under way', async () => (await d.page.locator('[data-test^=state-]').count()) === 0)
      await d.composer.press('ArrowUp')
      await d.composer.fill('my long report, with ten minutes of work')
      // Another room and back.
      await d.goto('#/browse')
      await d.goto(`#/rooms/${room}`)
      await eventually('it is still being changed', async () => (await d.composer.inputValue()) === 'my long report, with ten minutes of work')
      // Cancelled by mistake, and taken up once more.
      await d.composer.press('Escape')
      assert.equal(await d.composer.inputValue(), '')
      await d.composer.press('ArrowUp')
      assert.equal(await d.composer.inputValue(), 'my long report, with ten minutes of work')
      // Refused by the server: nothing is lost, and it can be saved later.
      let refuse = true
      await d.page.route(/\/messages\//, (route) =>
        route.request().method() === 'PATCH' && refuse ? route.fulfill({ status: 500, contentType: 'application/problem+json', body: '{"title":"No","status":500}' }) : route.continue())
      await d.composer.press('Enter')
      await d.page.getByText('Something went wrong on the server').waitFor()
      assert.equal(await d.composer.inputValue(), 'my long report, with ten minutes of work')
      refuse = false
      await d.composer.press('Enter')
      await d.row('with ten minutes of work').waitFor()
      // A refused message that is discarded comes back before what is being written.
      await d.page.unroute(/\/messages\//)
      await d.page.route(/\/messages\//, (route) =>
        route.request().method() === 'POST' ? route.fulfill({ status: 400, contentType: 'application/problem+json', body: '{"title":"Bad","status":400}' }) : route.continue())
      await d.say('took a while')
      await d.page.getByTestId('state-failed').waitFor()
      await d.composer.fill('the next one')
      await d.page.getByRole('button', { name: 'Discard' }).click()
      await eventually('both are there', async () => (await d.composer.inputValue()) === 'took a while\nthe next one')
    },
  },
  {
    name: 'a wrong clock makes no doubles and no wrong order',
    async run(given) {
      for (const hours of [1, -1]) {
        const { bob, room, d, open } = await one(given)
        await d.page.clock.install({ time: Date.now() + hours * 3_600_000 })
        await open()
        await bob.post(room, 'one.')
        await d.row('one.').waitFor()
        // The message itself comes before the answer to sending it.
        let release
        const gate = new Promise((resolve) => (release = resolve))
        await d.page.route(/\/messages\//, async (route) => {
          if (route.request().method() !== 'POST') return route.continue()
          const response = await route.fetch()
          await gate
          await route.fulfill({ response })
        })
        await d.say('two.')
        await d.log.locator('[data-message-id]', { hasText: 'two.' }).waitFor()
        await bob.post(room, 'three.')
        await d.row('three.').waitFor()
        const texts = await d.log.locator('.text').allTextContents()
        assert.deepEqual(texts, ['one.', 'two.', 'three.'], `${hours} h`)
        assert.equal(await d.log.locator('.day').count(), 1)
        release()
        await d.page.unrouteAll({ behavior: 'wait' })
        await d.close()
      }
    },
  },
  {
    name: 'times and days are those of the reader, also past midnight',
    async run(given) {
      const { bob, room, d, open } = await one(given, { locale: 'de-DE' })
      await bob.post(room, 'in the evening')
      await d.page.clock.install()
      await open()
      await d.row('in the evening').waitFor()
      // The page has no German: its words are English, its clock is that of a German.
      assert.equal(await d.page.evaluate(() => document.documentElement.lang), 'en')
      assert.match(await d.row('in the evening').locator('time').first().innerText(), /^\d\d:\d\d$/)
      const days = () => d.log.locator('.day').allInnerTexts()
      assert.deepEqual(await days(), ['Today'])
      // The whole world gets a day older.
      await d.page.route(/\/api\//, async (route) => {
        const response = await route.fetch()
        await route.fulfill({ response, headers: { ...response.headers(), date: new Date(Date.now() + 86_400_000).toUTCString() } })
      })
      await d.page.clock.fastForward(86_400_000)
      await eventually('yesterday it was', async () => (await days()).join() === 'Yesterday')
      await eventually('and in the list too', async () => !/^\d\d:\d\d$/.test(await d.page.locator('.rooms time').first().innerText()))
      await d.page.unrouteAll({ behavior: 'ignoreErrors' })
    },
  },
  {
    name: 'each paragraph has its direction, and names cannot turn others',
    async run(given) {
      const { bob, room, d, open } = await one(given)
      await bob.call('PATCH', `users/${bob.login}`, { firstname: 'דנה', lastname: 'כהן' })
      await open()
      await bob.post(room, 'שלום לכולם, מה שלומכם?\nHello, all of you!\n- פריט')
      await d.row('Hello, all of you').waitFor()
      const sides = await d.row('Hello, all of you').locator('.lines').evaluate((e) => {
        const box = e.getBoundingClientRect()
        const range = document.createRange()
        const walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT)
        while (!walker.nextNode()?.data.includes('\n'));
        const node = walker.currentNode
        const at = node.data.indexOf('\n')
        const of = (from, until) => {
          range.setStart(node, from)
          range.setEnd(node, until)
          const r = range.getBoundingClientRect()
          return { left: r.left - box.left, right: box.right - r.right }
        }
        return [of(0, at), of(at + 1, node.data.length)]
      })
      assert.ok(sides[0].right < 2 && sides[0].left > 50, `the first line begins on the right: ${JSON.stringify(sides)}`)
      assert.ok(sides[1].left < 2, `the second on the left: ${JSON.stringify(sides)}`)
      await d.composer.fill('שלום')
      assert.equal(await d.composer.evaluate((e) => getComputedStyle(e).direction), 'rtl')
      await d.composer.fill('')
      assert.equal(await d.row('Hello, all of you').locator('bdi.author').innerText(), 'דנה כהן')
      // Marks upon marks stay in their row.
      await bob.post(room, 'Z' + '\u0351'.repeat(400) + ' up and down ' + 'g' + '\u0323'.repeat(400))
      await d.row('up and down').waitFor()
      assert.equal(await d.row('up and down').locator('.lines').evaluate((e) => getComputedStyle(e).overflowY), 'clip')
      await d.shot('directions')
    },
  },
  {
    name: 'the focus is never lost, and the rooms are one stop for Tab',
    async run(given) {
      const { ann, bob, room, d, open } = await one(given)
      for (const name of ['North', 'South', 'West']) await ann.createRoom(unique(name))
      await open()
      for (let i = 0; i < 120; i++) await bob.post(room, `line ${i}.`)
      await d.row('line 119.').waitFor()
      const { keyboard } = d.page
      const where = () => d.page.evaluate(() => (document.activeElement === document.body ? 'BODY' : `${document.activeElement.tagName}.${document.activeElement.className.split(' ')[0]}`))
      await eventually('one can write', () => focused(d))
      await keyboard.press('Shift+Tab')
      await keyboard.press('ArrowUp')
      const onScreen = () =>
        d.log.evaluate((log) => {
          const [row, view] = [document.activeElement.getBoundingClientRect(), log.getBoundingClientRect()]
          return document.activeElement.closest('[data-key]') !== null && row.top >= view.top - 1 && row.bottom <= view.bottom + 1
        })
      const top = () => d.log.evaluate((e) => e.scrollTop)
      for (const key of ['PageUp', 'PageUp', 'PageUp', 'PageUp', 'PageDown', 'PageUp']) {
        const before = await top()
        await keyboard.press(key)
        assert.equal((await top()) < before, key === 'PageUp', `${key} scrolls`)
        assert.ok(await onScreen(), `what has the focus is on the screen after ${key}`)
      }
      // Keys that follow each other faster than the screen does.
      await Promise.all([keyboard.press('PageUp'), keyboard.press('ArrowUp')])
      await twoFrames(d)
      assert.ok(await onScreen(), 'what has the focus is on the screen')
      // A wheel leaves it behind, and the keys go on from what is on the screen.
      await d.log.hover()
      const left = await top()
      await d.page.mouse.wheel(0, 900)
      await eventually('the wheel has come to rest', async () => (await top()) >= left + 890)
      await keyboard.press('ArrowUp')
      assert.ok(await onScreen(), 'what has the focus is on the screen after the wheel')
      assert.ok((await top()) > left + 800, 'and the wheel is not undone')
      // A dialog gives it back, however it was opened.
      await d.page.getByRole('button', { name: 'Room menu' }).focus()
      await keyboard.press('Enter')
      await d.page.getByRole('menuitem', { name: 'Jump to a date' }).waitFor()
      await keyboard.press('Enter')
      await d.page.getByRole('dialog').waitFor()
      await keyboard.press('Escape')
      await eventually('it is somewhere', async () => (await d.page.getByRole('dialog').count()) === 0 && (await where()) !== 'BODY')
      // From the beginning of the page: the skip link, then few stops.
      await d.page.evaluate(() => document.activeElement.blur())
      await d.page.locator('.skip').focus()
      await d.accessible('the skip link')
      await keyboard.press('Enter')
      await eventually('one can write', () => focused(d))
      assert.equal(await d.page.locator('.rooms a[tabindex="0"]').count(), 1)
      await d.page.locator('.rooms a[tabindex="0"]').focus()
      await keyboard.press('ArrowDown')
      await keyboard.press('Home')
      const first = await d.page.locator('.rooms a').first().getAttribute('data-room')
      assert.equal(await d.page.evaluate(() => document.activeElement.dataset.room), first)
      await keyboard.press('Tab')
      assert.equal(await d.page.evaluate(() => document.activeElement.closest('.rooms')), null)
      // New messages are said, without their marks.
      await bob.post(room, 'a **new** one')
      await eventually('it is said', async () => /a new one/.test(await d.page.getByTestId('spoken').textContent()))
    },
  },
  {
    name: 'keys of other layouts and input methods',
    async run(given) {
      const { d, open, newest } = await one(given)
      await open()
      const key = (init) => d.page.evaluate((i) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...i })), init)
      await d.composer.fill('word')
      await d.composer.press('Control+a')
      // Cyrillic, and Caps Lock.
      await key({ key: 'и', code: 'KeyB', ctrlKey: true })
      assert.equal(await d.composer.inputValue(), '**word**')
      await key({ key: 'B', code: 'KeyB', ctrlKey: true })
      assert.equal(await d.composer.inputValue(), 'word')
      // On QWERTZ the / is on Shift+7; on AZERTY the . is on Shift+;
      await key({ key: '/', code: 'Digit7', ctrlKey: true, shiftKey: true })
      await d.page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
      await d.page.keyboard.press('Escape')
      await eventually('it is closed', async () => (await d.page.getByRole('dialog').count()) === 0)
      await key({ key: '.', code: 'Comma', ctrlKey: true, shiftKey: true })
      await eventually('the participants are hidden', async () => (await d.page.getByRole('complementary').count()) === 0)
      // The Enter that ends a composition sends nothing: in Chromium and Firefox, and in Safari.
      await d.composer.fill('にほん')
      await key({ key: 'Enter', code: 'Enter', isComposing: true })
      await key({ key: 'Enter', code: 'Enter', keyCode: 229 })
      assert.equal(await d.composer.inputValue(), 'にほん')
      const session = await d.context.newCDPSession(d.page)
      await d.composer.fill('')
      await session.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 })
      assert.equal(await d.composer.inputValue(), 'にほん')
      await session.send('Input.insertText', { text: '日本' })
      await d.composer.press('Enter')
      await eventually('it is sent', async () => (await newest()) === '日本')
    },
  },
  {
    name: 'sending does not move the log',
    async run(given) {
      const { bob, room, d, open, newest } = await one(given)
      for (let i = 0; i < 60; i++) await bob.post(room, `line ${i}.`)
      await open()
      await d.composer.press('Escape')
      await d.row('line 59.').waitFor()
      await d.say('first')
      await eventually('it is sent', async () => (await newest()) === 'first' && (await d.page.locator('[data-test^=state-]').count()) === 0)
      // Where the row before is, from the moment the next one is shown until it has been sent.
      await d.page.evaluate(() => {
        const log = document.querySelector('[role=log]')
        globalThis.tops = new Set()
        const frame = () => {
          const texts = [...log.querySelectorAll('.text')]
          if (texts.at(-1)?.textContent === 'second') globalThis.tops.add(Math.round(texts.at(-2).getBoundingClientRect().top))
          requestAnimationFrame(frame)
        }
        requestAnimationFrame(frame)
      })
      let release
      const gate = new Promise((resolve) => (release = resolve))
      await d.page.route(/\/messages\//, async (route) => {
        if (route.request().method() === 'POST') await gate
        await route.continue()
      })
      await d.say('second')
      await d.page.getByTestId('state-sending').waitFor()
      await twoFrames(d)
      release()
      await eventually('it is sent', async () => (await newest()) === 'second' && (await d.page.locator('[data-test^=state-]').count()) === 0)
      await twoFrames(d)
      const tops = await d.page.evaluate(() => [...globalThis.tops])
      assert.equal(tops.length, 1, `the row before is at ${tops}`)
    },
  },
  {
    name: 'one can write before the style, the messages and the counts have come',
    async run(given) {
      const { ann, bob, room, d, open, newest } = await one(given)
      await bob.post(room, 'there already')
      await d.logIn(ann.login)
      await d.page.goto('about:blank')
      const gate = () => {
        let open
        const opened = new Promise((resolve) => (open = resolve))
        return { open, hold: async (route) => { await opened; await route.continue() } }
      }
      const [style, answers] = [gate(), gate()]
      let asked = 0
      d.page.on('request', (r) => r.url().endsWith('/remember-me') && asked++)
      await d.page.route(/\.css$/, style.hold)
      await d.page.route(/\/api\/chat\/v1\/(messages|rooms|users)\//, (route) => (route.request().method() === 'GET' ? answers.hold(route) : route.continue()))
      await d.page.goto(`${given.base}/ui/chat/#/rooms/${room}`, { waitUntil: 'commit' })
      await eventually('the page is painted', () => d.page.evaluate(() => performance.getEntriesByName('first-contentful-paint').length === 1))
      style.open()
      await d.composer.waitFor()
      await d.composer.fill('written early')
      await d.accessible('a room whose messages have not come')
      assert.equal(await d.log.count(), 0)
      answers.open()
      await d.row('there already').waitFor()
      assert.equal(await d.composer.inputValue(), 'written early')
      await d.composer.press('Enter')
      await eventually('it is sent', async () => (await newest()) === 'written early')
    },
  },
]
