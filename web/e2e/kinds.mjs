// Messages that are more than text, and what the system tells.
import assert from 'node:assert/strict'
import { ApiUser, device, unique } from './harness.mjs'

export const flows = [
  {
    name: 'files, places and what the system tells are shown in the reader’s language',
    async run({ browser, base, keep }) {
      const room = unique('Dallas')
      const ann = await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp()
      const bob = await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp()
      const eve = await new ApiUser(base, unique('eve'), 'Eve', 'Elder').signUp()
      await ann.createRoom(room, 'Oil and other things')
      await bob.join(room)
      await eve.join(room)
      await ann.call('PATCH', `rooms/participant/${room}`, { login: eve.login })
      const post = (kind, body, more = {}) => bob.call('POST', `messages/${room}`, { kind, body, ...more })
      const image = await post('image', { url: 'https://example.org/a.png', name: 'rig.png', type: 'image/png', size: 1_234_567, width: 640, height: 480 })
      await post('file', { url: '/files/1', name: 'contract.pdf', size: 2000 })
      await post('audio', { url: '/files/2', duration: 65 })
      await post('video', { url: '/files/3', name: 'well.mp4', duration: 3 })
      await post('location', { latitude: 32.7767, longitude: -96.797, address: 'Elm Street, Dallas' })
      await post('custom', { event: 'wave' })
      await post('command', { action: 'refresh' })
      await ann.call('POST', `messages/${room}`, { content: 'nice picture', replyTo: image.messageId })

      const d = keep(await device(browser, base))
      await d.logIn(ann.login)
      await d.goto(`#/rooms/${room}`)
      await d.row('Ann Archer removed Eve Elder').waitFor()
      const card = (kind) => d.page.getByTestId(`card-${kind}`)
      assert.match(await card('image').innerText(), /rig\.png\s+image\/png · 640 × 480 · 1\.2 MB/)
      const link = card('image').getByRole('link')
      assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.org/a.png', 'noopener noreferrer nofollow'])
      assert.match(await card('file').innerText(), /contract\.pdf\s+2 kB/)
      assert.match(await card('audio').innerText(), /Audio\s+1:05/)
      assert.match(await card('video').innerText(), /well\.mp4\s+0:03/)
      assert.match(await card('location').innerText(), /Elm Street, Dallas\s+32\.7767; -96\.797 · Show on a map/)
      const map = card('location').getByRole('link')
      assert.match(await map.getAttribute('href'), /^https:\/\/www\.openstreetmap\.org\/\?mlat=32\.7767&mlon=-96\.797/)
      assert.match(await map.getAttribute('rel'), /noopener/)
      assert.equal(await card('custom').innerText(), 'Message for an app: wave')
      assert.equal(await card('command').innerText(), 'Command: refresh')
      await d.page.locator('.answers', { hasText: 'Image: rig.png' }).waitFor()
      await d.shot('kinds')
      await d.accessible('messages of all kinds')

      // What comes while one looks is shown as well, and said in one line of the sidebar.
      await post('file', { url: '/files/4', name: 'late.pdf' })
      await d.log.getByRole('link', { name: 'late.pdf' }).waitFor()
      await d.page.locator('.sidebar', { hasText: 'Bob: File: late.pdf' }).waitFor()

      const f = keep(await device(browser, base, { locale: 'fr-FR', viewport: { width: 390, height: 844 } }))
      await f.logIn(bob.login)
      await f.goto(`#/rooms/${room}`)
      await f.row('Ann Archer a retiré Eve Elder du salon').waitFor()
      assert.equal(await f.page.getByTestId('card-command').innerText(), 'Commande : refresh')
      await f.page.getByRole('link', { name: 'Voir sur une carte' }).waitFor()
      await f.shot('kinds-french-phone')
      await f.accessible('messages of all kinds, on a phone')
    },
  },
]
