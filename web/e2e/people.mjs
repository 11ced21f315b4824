// Direct conversations, private rooms, invitations, and who may do what in a room.
import assert from 'node:assert/strict'
import { ApiUser, device, eventually, LeftOut, unique } from './harness.mjs'

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

/** Ann, Bob and Eve, if the server has what these flows are about. */
async function three(base, needs = 'rooms/any/invitations') {
  const ann = await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp()
  const answer = await fetch(`${base}/api/chat/v1/${needs}`, { method: 'OPTIONS', headers: { Cookie: ann.cookie } })
  if (!(answer.headers.get('allow') ?? '').includes('POST')) throw new LeftOut('a server with rooms of all kinds')
  const bob = await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp()
  const eve = await new ApiUser(base, unique('eve'), 'Eve', 'Elder').signUp()
  return { ann, bob, eve }
}

/** A device of a user, in a room if one is given. */
async function of({ browser, base, keep }, user, room, options = {}) {
  const d = keep(await device(browser, base, options))
  await d.logIn(user.login)
  if (room) {
    await d.goto(`#/rooms/${room}`)
    await d.composer.waitFor()
  }
  return d
}

const place = (d) => decodeURIComponent(new URL(d.page.url()).hash.split('/')[2] ?? '')

/** Does something about a participant, in the dialog that the list opens. */
async function manage(d, name, action) {
  await d.page.getByRole('button', { name: `Manage ${name}` }).click()
  await d.page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click()
}

export const flows = [
  {
    name: 'a direct conversation begins at a profile card; the other one is notified',
    async run(given) {
      const { ann, bob, eve } = await three(given.base, 'conversations')
      const room = unique('Dallas')
      await ann.createRoom(room)
      await bob.join(room)
      const b = await of(given, bob)
      await b.page.evaluate(() => {
        globalThis.shown = []
        localStorage.setItem('confab:notify', '1')
        Object.defineProperty(Notification, 'permission', { value: 'granted' })
        ServiceWorkerContainer.prototype.getRegistration = async () => ({ showNotification: async (title, options) => globalThis.shown.push(`${title}: ${options.body}`) })
      })
      const a = await of(given, ann, room)
      await a.page.getByRole('complementary').getByText('Bob Briggs').click()
      await a.page.getByRole('dialog').getByRole('button', { name: 'Send a message' }).click()
      await a.page.getByRole('heading', { name: 'Bob Briggs', level: 1 }).waitFor()
      await a.page.getByText('This is where your conversation with Bob Briggs begins.').waitFor()
      await a.say('just between us')
      await a.row('just between us').waitFor()

      // It is apart from the rooms, under the other one's name, unread, and shown on the desktop.
      await b.page.locator('.sidebar').getByRole('heading', { name: 'Direct messages' }).waitFor()
      const link = b.page.locator('.rooms a', { hasText: 'Ann Archer' })
      await link.getByText('1 unread message').waitFor({ state: 'attached' })
      await eventually('it is notified', () => b.page.evaluate(() => globalThis.shown.length === 1))
      assert.deepEqual(await b.page.evaluate(() => globalThis.shown), ['Ann Archer: just between us'])
      await eventually('she is seen to be online', async () => (await link.locator('.online').count()) === 1)
      assert.equal(await link.locator('.avatar').count(), 1)
      await link.click()
      await b.row('just between us').waitFor()
      assert.match(place(b), /^_d/)
      await eventually('the title is her name', async () => (await b.page.title()) === 'Ann Archer – confab')
      await b.accessible('a direct conversation')
      await b.shot('direct')
      // There is nothing to leave or to set, and nobody to list.
      await b.page.getByRole('button', { name: 'Room menu' }).click()
      assert.deepEqual(await b.page.getByRole('menuitem').allInnerTexts(), ['Jump to a date', 'Copy link to the room', 'Mute notifications'])
      await b.page.keyboard.press('Escape')
      assert.equal(await b.page.getByTestId('people').count(), 0)

      // The same pair has the same conversation, whoever begins and wherever: here from the sidebar.
      await b.page.getByRole('button', { name: 'New message' }).click()
      await b.page.getByTestId('pick').fill(ann.login)
      await b.page.getByRole('option', { name: 'Ann Archer' }).waitFor()
      await b.page.keyboard.press('Enter')
      await b.accessible('a new message')
      await b.shot('new-message')
      await b.page.getByRole('button', { name: 'Start' }).click()
      await b.page.getByRole('dialog').waitFor({ state: 'detached' })
      assert.equal(place(b), place(a))

      // And from the quick switcher, to somebody of whom the page knows nothing.
      await b.page.keyboard.press('Control+k')
      await b.page.getByTestId('switch').fill(eve.login)
      await b.page.getByRole('option', { name: 'Eve Elder' }).click()
      await b.page.getByRole('dialog').getByRole('button', { name: 'Send a message' }).click()
      await b.page.getByRole('heading', { name: 'Eve Elder', level: 1 }).waitFor()

      // On a phone, from right to left.
      const p = await of(given, bob, undefined, { ...phone, locale: 'he-IL' })
      await p.page.locator('.rooms a', { hasText: 'Ann Archer' }).waitFor()
      await p.accessible('the sidebar with direct conversations, on a phone')
      await p.shot('direct-hebrew-phone')
    },
  },
  {
    name: 'a private room is there for who is invited, and for nobody else',
    async run(given) {
      const { ann, bob, eve } = await three(given.base)
      const joe = await new ApiUser(given.base, unique('joe'), 'Joe', 'Jones').signUp()
      const title = unique('Tea party')
      const a = await of(given, ann)
      await a.page.getByRole('button', { name: 'Create a room' }).first().click()
      await a.page.getByLabel('Only who is invited.').check()
      await a.page.getByLabel('Title').fill(title)
      await a.page.getByLabel('Description').fill('Only with sugar')
      await a.accessible('making a private room')
      await a.shot('create-private')
      await a.page.getByRole('button', { name: 'Create', exact: true }).click()
      await a.page.getByRole('heading', { name: title, level: 1 }).waitFor()
      const room = place(a)
      await a.say('the kettle is on')
      await a.page.getByRole('button', { name: 'Add people' }).click()
      for (const { login } of [bob, eve]) {
        await a.page.getByTestId('pick').fill(login)
        await a.page.getByRole('option').first().waitFor()
        await a.page.getByRole('option', { name: login }).click()
      }
      await a.page.getByLabel('Note for the invitation').fill('Bring a cup')
      await a.accessible('inviting people')
      await a.shot('invite')
      const b = await of(given, bob)
      await a.page.getByRole('button', { name: 'Invite', exact: true }).click()
      const invited = a.page.getByRole('complementary').getByRole('heading', { name: 'Invited' })
      await invited.getByText('2').waitFor()

      // Bob accepts.
      await b.page.locator('.rooms a', { hasText: title }).click()
      await b.page.getByText(`Ann Archer invites you to ${title}.`).last().waitFor()
      await b.page.getByText('Bring a cup').waitFor()
      await b.page.getByText('Only with sugar').waitFor()
      assert.equal(await b.page.getByText('the kettle is on').count(), 0)
      await b.accessible('an invitation')
      await b.shot('invitation')
      await b.page.getByRole('button', { name: 'Accept' }).click()
      await b.row('the kettle is on').waitFor()
      assert.equal(await b.page.locator('.sidebar').getByRole('heading', { name: 'Invitations' }).count(), 0)

      // Eve declines, on her phone.
      const e = await of(given, eve, undefined, phone)
      await e.page.locator('.rooms a', { hasText: title }).click()
      await e.page.getByRole('button', { name: 'Decline' }).waitFor()
      await e.accessible('an invitation, on a phone')
      await e.shot('invitation-phone')
      await e.page.getByRole('button', { name: 'Decline' }).click()
      await eventually('it is gone', async () => (await e.page.locator('.rooms a').count()) === 0)
      await e.page.reload()
      await e.page.getByText('You are not in a room yet.').first().waitFor()

      // A stranger sees nothing of it.
      const j = await of(given, joe)
      await j.goto(`#/rooms/${room}`)
      await j.page.getByText('There is no such room, or you are not in it.').waitFor()
      assert.ok(!(await j.page.content()).includes(title))
      await j.page.keyboard.press('Control+k')
      await j.page.getByTestId('switch').fill(title)
      await j.page.getByText('Nothing begins with this.').waitFor()
      await j.page.keyboard.press('Escape')
      await j.goto('#/browse')
      await j.page.getByRole('main').getByLabel('Find a room').fill(title)
      await j.page.getByRole('main').getByText('No room matches.').waitFor()
    },
  },
  {
    name: 'who may moderates: promote, mute, remove, ban; what one may not do is not offered',
    async run(given) {
      const { ann, bob, eve } = await three(given.base)
      const { roomName: room } = await ann.call('POST', 'rooms', { kind: 'private', title: 'The office' })
      for (const u of [bob, eve]) await ann.call('PUT', `rooms/${room}/participants/${u.login}`)
      const a = await of(given, ann, room)
      const b = await of(given, bob, room)
      const e = await of(given, eve, room)
      await ann.post(room, 'a word')
      const panel = (d) => d.page.getByRole('complementary')
      const manages = (d, name) => d.page.getByRole('button', { name: `Manage ${name}` }).count()
      await panel(a).getByText('Eve Elder').waitFor()
      await panel(b).getByText('Eve Elder').waitFor()
      assert.deepEqual([await manages(b, 'Eve Elder'), await b.page.getByRole('button', { name: 'Add people' }).count()], [0, 0])
      await a.page.getByRole('button', { name: 'Manage Bob Briggs' }).click()
      await a.accessible('what can be done about a participant')
      await a.shot('manage-member')
      await a.page.getByRole('dialog').getByRole('button', { name: 'Make an admin' }).click()
      await panel(b).getByText('admin', { exact: false }).first().waitFor()
      await eventually('Bob may manage Eve now, but not Ann', async () => (await manages(b, 'Eve Elder')) === 1 && (await manages(b, 'Ann Archer')) === 0)

      await manage(b, 'Eve Elder', 'Mute')
      await b.page.getByLabel('An hour').check()
      await b.page.getByLabel('Reason').fill('too loud')
      await b.accessible('muting')
      await b.page.getByRole('dialog').getByRole('button', { name: 'Mute' }).click()
      await e.page.getByText(/You are muted until .*\d/).waitFor()
      // Neither is offered what would be refused.
      await e.log.locator('.message', { hasText: 'a word' }).first().hover()
      await e.page.getByRole('toolbar').getByRole('button', { name: 'Add a reaction' }).waitFor()
      assert.equal(await e.page.getByRole('toolbar').getByRole('button', { name: 'Reply' }).count(), 0)
      await panel(b).getByText('muted').waitFor()
      await e.accessible('a room where one is muted')
      await e.shot('muted')
      await b.shot('members')
      await b.accessible('the members, with roles')
      await b.page.getByRole('button', { name: 'Manage Eve Elder' }).click()
      assert.match(await b.page.getByTestId('mute').innerText(), /^Muted until .*\d.*\.\s+Reason: too loud$/s)
      await b.page.getByRole('dialog').getByRole('button', { name: 'Let them write again', exact: true }).click()
      await e.composer.waitFor()

      await manage(b, 'Eve Elder', 'Remove')
      await b.page.getByText('Remove Eve Elder from The office?').waitFor()
      await b.page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
      await eventually('her page has left the room', () => new URL(e.page.url()).hash === '#/')
      await ann.call('PUT', `rooms/${room}/participants/${eve.login}`)
      await panel(b).getByText('Eve Elder').waitFor()
      await manage(b, 'Eve Elder', 'Ban')
      await b.page.getByLabel('Reason').fill('again too loud')
      await b.page.getByRole('dialog').getByRole('button', { name: 'Ban' }).click()
      const banned = panel(b).getByRole('heading', { name: 'Banned' })
      await banned.waitFor()
      await panel(b).getByText('again too loud').waitFor()
      await b.shot('banned')
      await b.accessible('who is banned')
      await b.page.getByRole('button', { name: 'Unban: Eve Elder' }).click()
      await banned.waitFor({ state: 'detached' })

      // On a phone the list lies over the conversation.
      const p = await of(given, ann, room, phone)
      await p.page.getByTestId('people').click()
      await panel(p).getByText('Bob Briggs').waitFor()
      await p.shot('members-phone')
      await p.accessible('the members, on a phone')
    },
  },
  {
    name: 'who is banned from an open room is told, and is not offered to join',
    async run(given) {
      const { ann, bob } = await three(given.base)
      const room = unique('Open')
      await ann.createRoom(room)
      await bob.join(room)
      const b = await of(given, bob, room)
      await ann.call('PUT', `rooms/${room}/lists/block/${bob.login}`, {})
      const told = b.page.locator('.notice', { hasText: `You are no longer in ${room}.` })
      await told.waitFor()
      assert.match(await told.getAttribute('class'), /\berror\b/)
      await b.goto(`#/rooms/${room}`)
      await b.page.getByText(`You are not in ${room}, and may not join it.`).waitFor()
      assert.equal(await b.page.getByRole('button', { name: 'Join' }).count(), 0)
      await b.accessible('a room that one may not join')
      await b.goto('#/browse')
      await b.page.getByRole('main').getByLabel('Find a room').fill(room)
      await b.page.getByRole('button', { name: `Join ${room}` }).click()
      await b.page.locator('.notice', { hasText: `You are not in ${room}, and may not join it.` }).waitFor()
    },
  },
  {
    name: 'the settings of a room: what it is called, an announcement, silence, another owner, its end',
    async run(given) {
      const { ann, bob } = await three(given.base)
      const { roomName: room } = await ann.call('POST', 'rooms', { kind: 'private', title: 'The office' })
      await ann.call('PUT', `rooms/${room}/participants/${bob.login}`)
      const a = await of(given, ann, room)
      const b = await of(given, bob, room)
      const settings = async (d) => {
        await d.page.getByRole('button', { name: 'Room menu' }).click()
        await d.page.getByRole('menuitem', { name: 'Room settings' }).click()
        await d.page.getByRole('dialog').getByLabel('Topic').waitFor()
      }
      await settings(a)
      await a.page.getByLabel('Title').fill('The attic')
      await a.page.getByLabel('Topic').fill('Dust')
      await a.page.getByLabel('Announcement').fill('Mind the stairs')
      await a.page.getByLabel('Only the owner, admins and people they choose may write').check()
      await a.accessible('the settings of a room')
      await a.shot('room-settings')
      await a.page.getByRole('button', { name: 'Save' }).click()
      await b.page.getByRole('heading', { name: 'The attic', level: 1 }).waitFor()
      await b.page.locator('.sidebar').getByText('The attic').waitFor()
      await b.page.getByText('Mind the stairs').waitFor()
      await b.page.getByText('You cannot write here now.').waitFor()
      await b.accessible('a room with an announcement')
      await b.shot('announcement')
      await b.page.getByRole('button', { name: 'Room menu' }).click()
      assert.equal(await b.page.getByRole('menuitem', { name: 'Room settings' }).count(), 0)
      await b.page.keyboard.press('Escape')
      // Somebody may write nevertheless.
      await manage(a, 'Bob Briggs', 'Let them write in the silent room')
      await b.composer.waitFor()

      await settings(a)
      await a.page.getByLabel('New owner').selectOption(bob.login)
      await a.page.getByRole('button', { name: 'Hand over' }).click()
      await a.page.getByText('Make Bob Briggs the owner of The attic?').waitFor()
      await a.page.getByRole('dialog', { name: 'Hand over' }).getByRole('button', { name: 'Hand over' }).click()
      await a.page.getByRole('dialog', { name: 'Hand over' }).waitFor({ state: 'detached' })
      await b.page.getByRole('complementary').getByText('owner · you').waitFor()
      await settings(b)
      await b.page.getByRole('button', { name: 'Delete the room' }).click()
      await b.page.getByText('Delete The attic with all its messages').waitFor()
      await b.page.getByRole('button', { name: 'Delete the room' }).click()
      await eventually('it is gone for both', async () => new URL(b.page.url()).hash === '#/' && (await a.page.locator('.sidebar').getByText('The attic').count()) === 0)
    },
  },
]
