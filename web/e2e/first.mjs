// A new user's first minutes.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, unique } from './harness.mjs'

export const flows = [
  {
    name: 'sign up, log out, log in',
    async run({ browser, base, keep }) {
      const d = keep(await device(browser, base))
      const login = unique('ann')
      await d.goto()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.accessible('log in')
      await d.shot('login')
      await d.page.getByRole('link', { name: 'Sign up' }).click()
      await d.page.getByLabel('Username').fill('a')
      await d.page.getByRole('button', { name: 'Sign up' }).click()
      await d.page.getByText('Between 3 and 31 characters, please.').waitFor()
      assert.equal(await d.page.getByText('Please fill this in.').count(), 3)
      assert.equal(await d.page.evaluate(() => document.activeElement.name), 'login')
      await d.accessible('sign up with faults')
      await d.shot('signup-faults')
      await d.signUp(login, 'Ann', 'Example')
      await d.page.getByText('You are not in a room yet.').first().waitFor()
      await d.shot('empty')
      await d.accessible('no room yet')
      await d.page.getByRole('link', { name: 'Your profile' }).click()
      await d.page.getByRole('button', { name: 'Log out' }).click()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.page.getByLabel('Username').fill(login)
      await d.page.getByLabel('Password', { exact: true }).fill('wrong')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByText('Wrong username or password.').waitFor()
      await d.page.getByLabel('Password', { exact: true }).fill('secret')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
      await d.page.reload()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
    },
  },
  {
    name: 'remember me',
    async run({ browser, base, keep }) {
      const login = unique('rem')
      await new ApiUser(base, login).signUp()
      const d = keep(await device(browser, base))
      await d.goto('#/login')
      await d.page.getByLabel('Username').fill(login)
      await d.page.getByLabel('Password', { exact: true }).fill('secret')
      await d.page.getByLabel('Remember me on this device').check()
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
      // A browser that was closed has lost the cookies without a date.
      const cookies = await d.context.cookies()
      await d.context.clearCookies()
      const lasting = cookies.filter((c) => c.expires > 0)
      assert.equal(lasting.length, 1)
      await d.context.addCookies(lasting)
      await d.page.reload()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
    },
  },
  {
    name: 'change the password, in English and French',
    async run({ browser, base, keep }) {
      const login = unique('ann')
      await new ApiUser(base, login).signUp()
      const d = keep(await device(browser, base))
      const other = keep(await device(browser, base))
      await other.logIn(login)
      await d.logIn(login)
      await d.goto('#/profile')
      const section = d.page.locator('section', { has: d.page.getByRole('heading', { name: 'Password' }) })
      await section.getByRole('button', { name: 'Change the password' }).click()
      await eventually('both are wanted', async () => (await section.getByText('Please fill this in.').count()) === 2)
      await section.getByLabel('Current password').fill('wrong')
      await section.getByLabel('New password').fill('better')
      await section.getByRole('button', { name: 'Change the password' }).click()
      await section.getByText('This is not your current password.').waitFor()
      assert.equal(await d.page.evaluate(() => document.activeElement.name), 'currentPassword')
      await d.accessible('a wrong password')
      await d.shot('password')
      await section.getByLabel('Current password').fill('secret')
      await section.getByRole('button', { name: 'Change the password' }).click()
      await d.page.getByText('Your password has been changed. Please log in with the new one.').waitFor()
      await d.page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await d.accessible('log in with a notice')
      // The other device is out as well.
      await other.page.getByText('Your session has ended. Please log in again.').waitFor({ timeout: 20_000 })
      await d.page.locator('[name=login]').fill(login)
      await d.page.locator('[name=password]').fill('better')
      await d.page.getByRole('button', { name: 'Log in' }).click()
      await d.page.getByRole('link', { name: 'Your profile' }).waitFor()
      // Once more, in French.
      const f = keep(await device(browser, base, { locale: 'fr-FR' }))
      await f.logIn(login, 'better')
      await f.goto('#/profile')
      await f.page.getByLabel('Mot de passe actuel').fill('better')
      await f.page.getByLabel('Nouveau mot de passe').fill('secret')
      await f.page.getByRole('button', { name: 'Changer le mot de passe' }).click()
      await f.page.getByText('Votre mot de passe a été changé.').waitFor()
      await f.logIn(login)
    },
  },
  {
    name: 'create a room, write, read older messages, leave',
    async run({ browser, base, keep }) {
      const d = keep(await device(browser, base))
      const room = unique('Twin.Peaks')
      await d.signUp(unique('dale'), 'Dale', 'Cooper')
      await d.page.getByRole('button', { name: 'Create a room' }).first().click()
      await d.page.getByRole('button', { name: 'Create', exact: true }).click()
      await d.page.getByText('Please fill this in.').waitFor()
      await d.page.getByLabel('Name of the room').fill(room)
      await d.page.getByLabel('Topic').fill('Damn fine coffee')
      await d.accessible('create a room')
      await d.shot('create-room')
      await d.page.getByRole('button', { name: 'Create', exact: true }).click()
      await d.page.getByText('Damn fine coffee').waitFor()
      await d.page.getByText('Nobody has written here yet.').waitFor()
      await d.say('first <b>line</b>\nhttps://example.org/?a=1&b=2.')
      await d.row('first <b>line</b>').waitFor()
      await eventually('it is sent', async () => (await d.page.locator('[data-test^=state-]').count()) === 0)
      assert.equal(await d.log.locator('b').count(), 0)
      assert.equal(await d.log.locator('.text a').first().getAttribute('href'), 'https://example.org/?a=1&b=2')
      for (let i = 0; i < 5; i++) await d.say(`quick ${i}`)
      await eventually('all are sent', async () => (await d.log.locator('[data-message-id]').count()) === 6)
      const texts = await d.log.locator('[data-message-id] .text').allTextContents()
      assert.deepEqual(texts.slice(1), [0, 1, 2, 3, 4].map((i) => `quick ${i}`))
      await d.page.reload()
      await d.row('quick 4').waitFor()
      assert.equal(await d.log.locator('[data-message-id]').count(), 6)
      await d.page.getByRole('button', { name: 'Room menu' }).click()
      await d.page.getByRole('menuitem', { name: 'Leave the room' }).click()
      await d.page.getByRole('button', { name: 'Leave the room' }).click()
      await d.page.getByText('You are not in a room yet.').first().waitFor()
    },
  },
  {
    name: 'browse and join',
    async run({ browser, base, keep }) {
      const owner = await new ApiUser(base, unique('own')).signUp()
      const room = unique('Zebra')
      await owner.createRoom(room, 'About stripes')
      await owner.post(room, 'hello there')
      const d = keep(await device(browser, base))
      await d.signUp(unique('bob'), 'Bob', 'Briggs')
      await d.page.getByRole('link', { name: 'Browse rooms' }).first().click()
      await d.page.getByRole('main').getByLabel('Find a room').fill(room.toLowerCase())
      await d.page.getByRole('button', { name: `Join ${room}` }).waitFor()
      await d.accessible('browse')
      await d.page.getByRole('main').getByLabel('Find a room').fill('')
      await d.shot('browse')
      await d.page.getByRole('main').getByLabel('Find a room').fill(room)
      await d.page.getByRole('button', { name: `Join ${room}` }).click()
      await d.row('hello there').waitFor()
      await d.row('Bob Briggs joined').waitFor()
      // A link to a room one is not in offers to join; one to no room says so.
      const other = unique('Other')
      await owner.createRoom(other)
      await d.goto(`#/rooms/${other}`)
      await d.page.getByText(`You are not in ${other} yet.`).waitFor()
      await d.page.getByRole('button', { name: 'Join' }).click()
      await d.composer.waitFor()
      await d.goto('#/rooms/NoSuchRoom')
      await d.page.getByText('There is no room NoSuchRoom.').waitFor()

      // What a browser would take for a step in a path is no name: it is said at the field, and nothing is asked.
      const asked = []
      d.page.on('request', (r) => asked.push(`${r.method()} ${new URL(r.url()).pathname}${new URL(r.url()).search}`))
      await d.goto('#/rooms/..')
      await d.page.getByText('There is no room ...').waitFor()
      await d.page.getByRole('button', { name: 'Create a room' }).first().click()
      for (const [name, fault] of [['..', 'Between 3 and 31 characters, please.'], ['...', 'Only letters, digits, dots, dashes and underscores, starting with a letter or digit.']]) {
        await d.page.getByLabel('Name of the room').fill(name)
        await d.page.getByRole('button', { name: 'Create', exact: true }).click()
        await d.page.getByText(fault).waitFor()
      }
      assert.deepEqual(asked.filter((a) => a.startsWith('POST') || a.endsWith('/chat/v1/')), [])
      await d.page.keyboard.press('Escape')
      // A link to a message that was cut off shows the newest ones, and says so once.
      await d.goto(`#/rooms/${room}/messages/abc`)
      await d.row('hello there').waitFor()
      await d.page.locator('.notice.error').waitFor()
      assert.deepEqual(await d.page.locator('.notice').allInnerTexts(), ['This message is not there any more.'])
      assert.deepEqual(asked.filter((a) => a.includes('around')), [])
    },
  },
]
