// How it looks and reads: schemes, sizes, languages, keys.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, LeftOut, unique } from './harness.mjs'

/** A room that looks like one. */
async function livelyRoom(base) {
  const [ann, bob, eve] = [
    await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp(),
    await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp(),
    await new ApiUser(base, unique('eve'), 'Ève', 'Élan').signUp(),
  ]
  const room = unique('kitchen')
  await ann.createRoom(room, 'Recipes, leftovers and who does the dishes. Be kind.')
  const other = unique('garden')
  await bob.createRoom(other, 'Plants')
  await ann.join(other)
  await bob.post(other, 'The tomatoes are up 🌱')
  for (const u of [bob, eve]) await u.join(room)
  await bob.post(room, 'Morning! Who left the oven on?')
  await bob.post(room, 'I could have baked a whole loaf with that heat.')
  await eve.post(room, `Not me – I only used the kettle. Ask @${ann.login}?`)
  await ann.post(room, 'Guilty. It was this one, and it is worth it: https://example.org/recipes/sourdough?step=3')
  await ann.post(room, 'The trick is in the timing:\n```\n500 g flour\n350 g water   # 70 %\n10 g salt\n```\nand then `wait`.')
  await eve.post(room, '🍞🎉')
  await bob.post(room, 'Seventy per cent? Brave. My last attempt at a dough that wet ended up on the counter, on the floor and, in some way that nobody has been able to explain to me, on the ceiling lamp. I am still finding bits of it.')
  await eve.post(room, 'I am coming over. Save me a slice.')
  return { ann, bob, eve, room, other }
}

async function inRoom(base, browser, keep, lively, options) {
  const d = keep(await device(browser, base, options))
  await d.logIn(lively.ann.login)
  await d.goto(`#/rooms/${lively.room}`)
  await d.row('Save me a slice').waitFor()
  await lively.bob.post(lively.other, 'And the beans too')
  return d
}

export const flows = [
  {
    name: 'both colour schemes and high contrast',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      for (const [name, options] of [
        ['light', { colorScheme: 'light' }],
        ['dark', { colorScheme: 'dark' }],
        ['contrast-light', { colorScheme: 'light', contrast: 'more' }],
        ['contrast-dark', { colorScheme: 'dark', contrast: 'more' }],
        ['forced-colours', { forcedColors: 'active' }],
      ]) {
        const d = await inRoom(base, browser, keep, lively, options)
        await d.page.locator('.sidebar .count').first().waitFor()
        await d.row('Seventy per cent').hover()
        await d.shot(`desk-${name}`)
        await d.accessible(`a room, ${name}`)
        await d.goto('#/profile')
        await d.page.getByRole('heading', { name: 'Your profile' }).waitFor()
        await d.shot(`profile-${name}`)
        await d.accessible(`the profile, ${name}`)
        await d.page.keyboard.press('Control+/')
        await d.page.getByRole('dialog').waitFor()
        await d.accessible(`the help sheet, ${name}`)
        if (name === 'light' || name === 'dark') await d.shot(`help-${name}`)
        await d.close()
      }
    },
  },
  {
    name: 'every dialog of a room',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      for (const [name, options] of [['light', {}], ['dark', { colorScheme: 'dark' }], ['forced', { forcedColors: 'active' }]]) {
        const d = await inRoom(base, browser, keep, lively, options)
        const dialog = d.page.getByRole('dialog')
        const close = async () => {
          await d.page.keyboard.press('Escape')
          await eventually('it is closed', async () => (await dialog.count()) === 0)
        }
        await eventually('the open room is marked', () =>
          d.page.locator('.sidebar [aria-current=page]').evaluate((e) => {
            const s = getComputedStyle(e)
            return matchMedia('(forced-colors: active)').matches ? s.outlineStyle !== 'none' : s.backgroundColor !== 'rgba(0, 0, 0, 0)'
          }))
        await d.page.getByRole('complementary').getByText('Bob Briggs').click()
        await dialog.getByText(`@${lively.bob.login}`).waitFor()
        await d.accessible(`a person, ${name}`)
        await d.shot(`person-${name}`)
        await close()
        await d.page.getByRole('button', { name: 'Room menu' }).click()
        await d.page.getByRole('menu').waitFor()
        await d.accessible(`the menu of a room, ${name}`)
        await d.page.keyboard.press('Escape')
        for (const item of ['Jump to a date', 'Room settings', 'Leave the room']) {
          await d.page.getByRole('button', { name: 'Room menu' }).click()
          await d.page.getByRole('menuitem', { name: item }).click()
          await dialog.waitFor()
          if (/date|settings/.test(item)) assert.match(await d.page.evaluate(() => document.activeElement?.tagName), /INPUT|TEXTAREA/)
          await d.accessible(`${item}, ${name}`)
          await d.shot(`dialog-${item.toLowerCase().replaceAll(' ', '-')}-${name}`)
          await close()
        }
        await d.row('Guilty').hover()
        await d.page.getByRole('toolbar').waitFor()
        await d.page.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click()
        await dialog.waitFor()
        await d.accessible(`deleting a message, ${name}`)
        await close()
        await d.page.getByRole('button', { name: 'Emoji' }).click()
        await d.page.getByText('Smileys').waitFor()
        await d.accessible(`the emoji, ${name}`)
        await d.close()
      }
    },
  },
  {
    name: 'jump to a date, and edit the banner',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      const menu = async (item) => {
        await d.page.getByRole('button', { name: 'Room menu' }).click()
        await d.page.getByRole('menuitem', { name: item }).click()
      }
      await menu('Jump to a date')
      await d.page.getByRole('textbox', { name: 'Jump to a date' }).fill('2020-01-01')
      await d.page.getByRole('button', { name: 'Go' }).click()
      await d.row('joined').first().waitFor()
      await menu('Room settings')
      await d.page.getByRole('dialog').getByLabel('Topic').fill('Bread, and what goes on it')
      await d.page.getByRole('button', { name: 'Save' }).click()
      await d.page.getByText('Bread, and what goes on it').first().waitFor()
      await d.page.reload()
      await d.page.getByText('Bread, and what goes on it').first().waitFor()
    },
  },
  {
    name: 'on a phone',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      for (const [name, width, height, colorScheme] of [['phone', 390, 844, 'dark'], ['narrow', 320, 568, 'light']]) {
        const d = keep(await device(browser, base, { viewport: { width, height }, isMobile: true, hasTouch: true, deviceScaleFactor: 2, colorScheme }))
        await d.logIn(lively.ann.login)
        await d.page.locator('.sidebar').getByText('The tomatoes').or(d.page.locator('.sidebar').getByText('And the beans')).waitFor()
        await lively.bob.post(lively.other, 'And the beans too')
        await d.page.locator('.sidebar .count').first().waitFor()
        await d.shot(`${name}-rooms`)
        await d.accessible(`the rooms, ${name}`)
        await d.page.locator('.sidebar').getByRole('link', { name: lively.room }).tap()
        await d.row('Save me a slice').waitFor()
        await d.shot(`${name}-room`)
        await d.accessible(`a room, ${name}`)
        assert.ok(await d.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen')
        await d.row('Save me a slice').locator('.text').tap()
        await d.page.getByTestId('sheet').waitFor()
        await d.shot(`${name}-sheet`)
        await d.accessible(`the actions on a message, ${name}`)
        await d.page.getByTestId('sheet').getByRole('button', { name: 'Cancel' }).tap()
        await d.page.getByRole('button', { name: 'Participants' }).tap()
        await d.page.getByRole('complementary').getByText('Bob Briggs').waitFor()
        await d.shot(`${name}-people`)
        await d.accessible(`the participants, ${name}`)
        await d.page.getByRole('complementary').getByRole('button', { name: 'Close' }).tap()
        await d.page.getByRole('link', { name: 'Back' }).tap()
        await d.page.locator('.sidebar').getByRole('link', { name: lively.room }).waitFor()
        for (const hash of ['#/browse', '#/profile']) {
          await d.goto(hash)
          await d.page.getByRole('heading', { level: 1 }).first().waitFor()
          await d.shot(`${name}-${hash.slice(2)}`)
          assert.ok(await d.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${hash} is not wider than the screen`)
        }
        await d.close()
      }
    },
  },
  {
    name: 'in French',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively, { locale: 'fr-FR' })
      assert.equal(await d.page.evaluate(() => document.documentElement.lang), 'fr')
      await d.row('Bob Briggs a rejoint le salon').waitFor()
      await d.page.getByText('Aujourd’hui').first().waitFor()
      await d.shot('french')
      await d.accessible('a room in French')
      await d.composer.click()
      await d.page.keyboard.type(':pizz')
      await d.page.getByRole('option').first().waitFor()
      await d.goto('#/profile')
      await d.page.getByLabel('Langue').selectOption('en')
      await d.page.getByRole('heading', { name: 'Your profile' }).waitFor()
      assert.equal(await d.page.evaluate(() => document.documentElement.lang), 'en')
    },
  },
  {
    name: 'the quick switcher finds rooms and people that the page does not have',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const word = unique('zq')
      const far = await new ApiUser(base, `${word}.far`, 'Zoe', 'Faraway').signUp()
      await far.createRoom(`${word}-attic`, 'Old things')
      const d = await inRoom(base, browser, keep, lively)
      const { keyboard } = d.page
      const option = (text) => d.page.getByRole('option').filter({ hasText: text })
      await keyboard.press('Control+k')
      // Without a word: the other rooms, those with something unread first.
      await option(lively.other).waitFor()
      await d.accessible('the quick switcher')
      await d.shot('switcher')
      await keyboard.type('grdn')
      await option(lively.other).waitFor()
      await keyboard.press('Enter')
      await d.row('The tomatoes are up').waitFor()
      await keyboard.press('Control+k')
      await keyboard.type(word.toUpperCase())
      await option(`${word}-attic`).waitFor()
      await option('Zoe Faraway').click()
      await d.page.getByRole('dialog', { name: 'Zoe Faraway' }).waitFor()
      await keyboard.press('Escape')
      await keyboard.press('Control+k')
      await keyboard.type(`${word}-at`)
      await option(`${word}-attic`).waitFor()
      await keyboard.press('Enter')
      await d.page.getByRole('button', { name: 'Join' }).waitFor()
      await keyboard.press('Control+k')
      await keyboard.type(`${word}nothing`)
      await d.page.getByText('Nothing begins with this.').waitFor()
      await keyboard.press('Escape')
      await eventually('it is closed', async () => (await d.page.getByRole('dialog').count()) === 0)
    },
  },
  {
    name: 'what is typed before the quick switcher is there is not lost',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = keep(await device(browser, base))
      let open
      const opened = new Promise((resolve) => (open = resolve))
      await d.page.route(/QuickSwitch[^/]*\.js/, async (route) => opened.then(() => route.continue()))
      await d.logIn(lively.ann.login)
      await d.goto(`#/rooms/${lively.other}`)
      await d.composer.waitFor()
      const { keyboard } = d.page
      await keyboard.press('Control+k')
      await keyboard.type('kitchen')
      await keyboard.press('Enter')
      open()
      await d.row('Save me a slice').waitFor()
      await eventually('the room takes the focus', () => d.composer.evaluate((e) => e === document.activeElement))
      assert.equal(await d.composer.inputValue(), '')
    },
  },
  {
    name: 'authors and mentions lead to a card, and the account has a menu',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      const dialog = d.page.getByRole('dialog')
      await d.row('Save me a slice').getByRole('link', { name: 'Ève Élan' }).click()
      await dialog.getByText(`@${lively.eve.login}`).waitFor()
      await d.page.keyboard.press('Escape')
      await d.log.locator('.mention.self').click()
      await dialog.getByText(`@${lively.ann.login}`).waitFor()
      await d.page.keyboard.press('Escape')
      await eventually('it is closed', async () => (await dialog.count()) === 0)
      const colour = (text) => d.row(text).locator('.message').evaluate((e) => getComputedStyle(e).backgroundColor)
      const [own, called, plain] = [await colour('Guilty'), await colour('only used the kettle'), await colour('Morning!')]
      assert.equal(new Set([own, called, plain]).size, 3, 'own messages and mentions have a colour')
      // What is read is not wider than one reads with ease, however wide the window is.
      await d.page.setViewportSize({ width: 2000, height: 900 })
      assert.ok((await d.row('Seventy per cent').locator('.lines').boundingBox()).width < 640)
      await d.page.locator('h1 + .topic').getByText('Recipes').waitFor()
      assert.match(await d.page.getByTestId('people').innerText(), /3/)
      await d.page.setViewportSize({ width: 1280, height: 800 })
      const menu = async (item) => {
        await d.page.getByRole('button', { name: 'Account menu' }).click()
        await item.waitFor()
      }
      const compact = d.page.getByRole('menuitemcheckbox', { name: 'Compact messages' })
      await menu(compact)
      await d.accessible('the account menu')
      await d.shot('account-menu')
      const height = async () => (await d.row('Guilty').boundingBox()).height
      const before = await height()
      await compact.click()
      await eventually('they stand closer', async () => (await height()) < before)
      await d.page.reload()
      await d.row('Save me a slice').waitFor()
      assert.ok((await height()) < before)
      await d.shot('compact')
      await menu(compact)
      await compact.click()
      const french = d.page.getByRole('menuitemcheckbox', { name: 'Français' })
      await menu(french)
      await french.click()
      await d.page.getByRole('button', { name: 'Menu du compte' }).click()
      await d.page.getByRole('menuitem', { name: 'Se déconnecter' }).click()
      await d.page.getByRole('heading', { name: 'Content de vous revoir' }).waitFor()
    },
  },
  {
    name: 'in Hebrew, from right to left',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      await lively.eve.post(lively.room, 'בוקר טוב, **חברים**!\n- לחם\n- חמאה')
      const d = await inRoom(base, browser, keep, lively, { locale: 'he-IL' })
      assert.deepEqual(await d.page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), ['he', 'rtl'])
      await d.page.getByText('היום').first().waitFor()
      const box = (locator) => locator.boundingBox()
      const side = await box(d.page.locator('.side'))
      assert.ok(side.x > 900, 'the rooms are on the right')
      const [face, words] = [await box(d.row('Guilty').locator('.avatar').first()), await box(d.row('Guilty').locator('.body'))]
      assert.ok(face.x > words.x + words.width - 1, 'a face is right of the words')
      await d.row('Guilty').hover()
      const tools = await box(d.page.getByRole('toolbar'))
      assert.ok(tools.x < words.x + 60, 'the actions are on the left')
      assert.ok(await d.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen')
      await d.shot('hebrew')
      await d.accessible('a room in Hebrew')
      await d.page.setViewportSize({ width: 390, height: 800 })
      await d.shot('hebrew-phone')
      assert.ok(await d.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nor on a phone')
    },
  },
  {
    name: 'a reaction shows at once and is taken back if it is refused',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      let answer
      const gate = new Promise((resolve) => (answer = resolve))
      await d.page.route(/\/reactions\//, async (route) => {
        await gate
        await route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"title":"No","status":403}' })
      })
      const row = d.row('Morning!')
      await row.hover()
      await d.page.getByRole('toolbar').getByRole('button', { name: 'Add a reaction' }).click()
      await d.page.locator('.picker').getByRole('button', { name: '👍' }).first().click()
      await row.locator('.reaction.own').waitFor()
      answer()
      await d.page.getByText('You are not allowed to do this.').waitFor()
      await eventually('it is gone', async () => (await row.locator('.reaction').count()) === 0)
    },
  },
  {
    name: 'an upgrade under an open tab is said, and nothing breaks',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      // The server has another version now: its page names another script, and files of this one are gone.
      await d.page.route(/assets\/emoji-/, (route) => route.fulfill({ status: 404 }))
      await d.page.route(/\/ui\/chat\/$/, async (route) => {
        const response = await route.fetch()
        await route.fulfill({ response, body: (await response.text()).replace(/assets\/index-/g, 'assets/index-newer-') })
      })
      await d.page.getByRole('button', { name: 'Emoji' }).click()
      await d.page.getByText('A new version is there.').waitFor()
      await d.accessible('the notice of a new version')
      await d.page.keyboard.press('Escape')
      await d.say('still works')
      await d.row('still works').waitFor()
      await d.page.unrouteAll({ behavior: 'wait' })
      await d.page.getByRole('button', { name: 'Reload' }).click()
      await d.row('still works').waitFor()
      await eventually('it is the new one', async () => (await d.page.getByText('A new version is there.').count()) === 0)
    },
  },
  {
    name: 'something is seen before the script comes, and a language that does not come is English',
    async run({ browser, base, keep }) {
      const d = keep(await device(browser, base, { locale: 'fr-FR' }))
      let come
      const gate = new Promise((resolve) => (come = resolve))
      await d.page.route(/assets\/index-.*\.js/, async (route) => {
        await gate
        await route.continue()
      })
      await d.page.route(/assets\/fr-/, (route) => route.abort())
      const going = d.goto()
      await d.page.locator('.boot').waitFor()
      assert.ok((await d.page.locator('.boot').boundingBox()).height > 500)
      come()
      await going
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.equal(await d.page.locator('.boot').count(), 0)
      assert.equal(await d.page.evaluate(() => document.documentElement.lang), 'en')
    },
  },
  {
    name: 'many who come and go are one line',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      for (const name of ['Una', 'Duo', 'Tri', 'Qua', 'Qui']) await (await new ApiUser(base, unique(name.toLowerCase()), name, 'Guest').signUp()).join(lively.room)
      const line = d.page.getByRole('button', { name: 'Una Guest, Duo Guest, Tri Guest and 2 others joined' })
      await line.waitFor()
      assert.equal(await d.log.locator('.system', { hasText: 'Guest' }).count(), 1)
      await d.accessible('a folded line')
      // The room stays where it was said something last.
      await d.page.locator('.sidebar').getByText('Save me a slice').waitFor()
      await line.click()
      await d.log.getByText('Qui Guest joined').waitFor()
      await d.log.getByText('Qui Guest joined').click()
      await line.waitFor()
    },
  },
  {
    name: 'all that is loaded of a room is printed',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = await inRoom(base, browser, keep, lively)
      for (let i = 0; i < 90; i++) await lively.ann.post(lively.room, `line ${i} on paper`)
      await d.row('line 89 on paper').waitFor()
      const rows = () => d.log.locator('[data-key]').count()
      const seen = await rows()
      await d.page.emulateMedia({ media: 'print' })
      await d.page.evaluate(() => window.dispatchEvent(new Event('beforeprint')))
      assert.ok((await rows()) > 90 && seen < 90, `${seen} rows are seen, ${await rows()} printed`)
      assert.ok(await d.page.evaluate(() => document.querySelector('[role=log]').scrollHeight === document.querySelector('[role=log]').clientHeight), 'nothing is cut off')
      assert.equal(await d.composer.isVisible(), false)
      await d.page.screenshot({ path: new URL('../../out/screenshots/print.png', import.meta.url).pathname })
      await d.page.emulateMedia({ media: 'screen' })
      await d.page.evaluate(() => window.dispatchEvent(new Event('afterprint')))
      await eventually('it is as it was', async () => (await rows()) < 90)
      await d.row('line 89 on paper').waitFor()
    },
  },
  {
    name: 'with the keyboard alone',
    async run({ browser, base, keep }) {
      const lively = await livelyRoom(base)
      const d = keep(await device(browser, base))
      const { keyboard } = d.page
      await d.goto()
      await d.page.getByLabel('Username').waitFor()
      // The first field has the focus.
      await keyboard.type(lively.ann.login)
      await keyboard.press('Tab')
      await keyboard.type('secret')
      await keyboard.press('Enter')
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
      await keyboard.press('Control+k')
      await keyboard.type('kitchen')
      await keyboard.press('Enter')
      await d.row('Save me a slice').waitFor()
      await eventually('the room that was found takes the focus', () => d.composer.evaluate((e) => e === document.activeElement))
      await keyboard.press('Control+k')
      await keyboard.press('Alt+ArrowDown')
      await d.row('The tomatoes are up').waitFor()
      await keyboard.press('Alt+ArrowUp')
      await d.row('Save me a slice').waitFor()
      await eventually('the room takes the focus', () => d.composer.evaluate((e) => e === document.activeElement))
      await keyboard.type('typed, not clicked')
      await keyboard.press('Shift+Enter')
      await keyboard.type('second line')
      await keyboard.press('Enter')
      await eventually('it is there', async () => (await d.row('second line').locator('.text').textContent()) === 'typed, not clicked\nsecond line')
      // Into the messages and up.
      await keyboard.press('Shift+Tab')
      await keyboard.press('ArrowUp')
      const focused = () => d.page.evaluate(() => document.activeElement?.closest('[data-key]')?.textContent ?? '')
      await eventually('the last message has the focus', async () => (await focused()).includes('typed, not clicked'))
      await keyboard.press('ArrowUp')
      await eventually('the one before has it', async () => (await focused()).includes('Save me a slice'))
      await d.shot('keyboard')
      await keyboard.press('c')
      await d.page.getByText('Text copied.').waitFor()
      assert.equal(await d.page.evaluate(() => navigator.clipboard.readText()), 'I am coming over. Save me a slice.')
      // The author's card is first, then come the actions.
      await keyboard.press('ArrowRight')
      assert.equal(await d.page.evaluate(() => document.activeElement?.tagName), 'A')
      await keyboard.press('ArrowRight')
      assert.equal(await d.page.evaluate(() => document.activeElement?.tagName), 'BUTTON')
      await keyboard.press('Home')
      await eventually('the first row has the focus', async () => (await focused()).includes('joined'))
      await keyboard.press('Escape')
      assert.equal(await d.page.evaluate(() => document.activeElement?.tagName), 'TEXTAREA')
      await keyboard.press('Control+/')
      await d.page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
      await keyboard.press('Escape')
      await eventually('the sheet is closed', async () => (await d.page.getByRole('dialog').count()) === 0)
      assert.equal(await d.page.evaluate(() => document.activeElement?.tagName), 'TEXTAREA')
      await keyboard.press('Control+.')
      await eventually('the participants are hidden', async () => (await d.page.getByRole('complementary').count()) === 0)
    },
  },
  {
    name: 'the shell opens offline and shows what was read last',
    async run({ browser, base, keep, server }) {
      if (!server.own) throw new LeftOut('CONFAB_BIN')
      const lively = await livelyRoom(base)
      // Only a user who wants to be remembered leaves something in the browser.
      const d = keep(await device(browser, base, { serviceWorkers: 'allow' }))
      await d.logIn(lively.ann.login, 'secret', true)
      await d.goto(`#/rooms/${lively.room}`)
      await d.row('Save me a slice').waitFor()
      await d.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
      await d.page.reload()
      await d.row('Save me a slice').waitFor()
      await eventually('the worker serves the page', () => d.page.evaluate(() => navigator.serviceWorker.controller !== null))
      await d.page.reload()
      await d.row('Save me a slice').waitFor()
      // What comes over the socket is kept too: in the room, and beside its name.
      await lively.bob.post(lively.room, 'said just before')
      await d.row('said just before').waitFor()
      await eventually('it is kept', () =>
        d.page.evaluate(
          (login) => caches.open('confab-data').then((c) => c.match(`/api/chat/v1/users/${login}/rooms?fetchSize=200`)).then((r) => r?.text()).then((text) => !!text?.includes('said just before')),
          lively.ann.login,
        ),
      )
      await server.halt()
      try {
        await d.page.reload()
        await d.row('Save me a slice').waitFor()
        await d.page.getByText('this is what you read last', { exact: false }).waitFor()
        await d.page.getByTestId('offline').waitFor()
        await d.row('said just before').waitFor()
        await d.page.locator('.rooms a', { hasText: lively.room }).getByText('said just before').waitFor()
        await d.shot('kept')
        await d.say('written in the dark')
      } finally {
        await server.start()
      }
      await lively.bob.post(lively.room, 'back again')
      await d.row('back again').waitFor({ timeout: 40_000 })
      await eventually('what was written is sent', async () => (await d.page.locator('[data-test^=state-]').count()) === 0, 40_000)
      await eventually('it is not called old any more', async () => (await d.page.getByText('this is what you read last', { exact: false }).count()) === 0)
      // Nothing stays behind after logging out.
      await d.goto('#/profile')
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await eventually('what was kept is gone', () => d.page.evaluate(() => caches.has('confab-data').then((x) => !x)))
    },
  },
]
