// Pictures and files: sent, shown, looked at, found.
import assert from 'node:assert/strict'
import { crc32, deflateSync } from 'node:zlib'
import { ApiUser, device, eventually, LeftOut, unique } from './harness.mjs'

/** A PNG that goes from one colour to another. */
function png(width, height, [r, g, b]) {
  const rows = Buffer.alloc(height * (1 + width * 3))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set([(r * x) / width, (g * y) / height, b], y * (1 + width * 3) + 1 + x * 3)
  }
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data])
    const out = Buffer.alloc(8)
    out.writeUInt32BE(data.length)
    out.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([out.subarray(0, 4), body, out.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

/** A second of silence. */
function wav() {
  const data = Buffer.alloc(8000, 128)
  const header = Buffer.from('RIFF....WAVEfmt ....................data....')
  header.writeUInt32LE(36 + data.length, 4)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(8000, 24)
  header.writeUInt32LE(8000, 28)
  header.writeUInt16LE(1, 32)
  header.writeUInt16LE(8, 34)
  header.writeUInt32LE(data.length, 40)
  return Buffer.concat([header, data])
}

const picture = (name, width = 900, height = 600, colour = [240, 180, 90]) => ({ name, mimeType: 'image/png', buffer: png(width, height, colour) })

/** A room of two people, if the server takes files. */
async function room(base) {
  const name = unique('Paris')
  const ann = await new ApiUser(base, unique('ann'), 'Ann', 'Archer').signUp()
  const bob = await new ApiUser(base, unique('bob'), 'Bob', 'Briggs').signUp()
  await ann.createRoom(name)
  await bob.join(name)
  const answer = await fetch(`${base}/api/chat/v1/rooms/${name}/files`, { method: 'OPTIONS', headers: { Cookie: ann.cookie } })
  if (!answer.headers.get('Allow')?.includes('POST')) throw new LeftOut('a server that takes files')
  return { name, ann, bob }
}

/** Sends a file by the API. */
async function send(user, room, { name, buffer }, kind, more = {}) {
  const answer = await fetch(`${user.base}/api/chat/v1/rooms/${room}/files?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { Cookie: user.cookie, 'Content-Type': 'application/octet-stream' },
    body: buffer,
  })
  assert.equal(answer.status, 201, await answer.clone().text())
  const { id } = await answer.json()
  return user.call('POST', `messages/${room}`, { kind, body: { file: id, ...more } })
}

async function inRoom(d, login, room) {
  await d.logIn(login)
  await d.goto(`#/rooms/${room}`)
  await d.page.getByTestId('choose-files').waitFor({ state: 'attached' })
  return d
}

/** Gives files to the page as the clipboard or a mouse does. */
function hand(d, type, files) {
  return d.composer.evaluate(
    (area, { type, files }) => {
      const data = new DataTransfer()
      for (const f of files) data.items.add(new File([Uint8Array.from(atob(f.bytes), (c) => c.charCodeAt(0))], f.name, { type: f.mimeType }))
      const event = type === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true })
      return area.dispatchEvent(event)
    },
    { type, files: files.map(({ name, mimeType, buffer }) => ({ name, mimeType, bytes: buffer.toString('base64') })) },
  )
}

const box = async (locator) => {
  const b = await locator.boundingBox()
  return b && { x: Math.round(b.x), y: Math.round(b.y), width: Math.round(b.width), height: Math.round(b.height) }
}

export const flows = [
  {
    name: 'a picture is chosen, captioned and described, and others see it at its final size from the first paint',
    async run({ browser, base, keep }) {
      const { name, ann, bob } = await room(base)
      const a = await inRoom(keep(await device(browser, base)), ann.login, name)
      const b = await inRoom(keep(await device(browser, base)), bob.login, name)
      let load
      const held = new Promise((resolve) => (load = resolve))
      await b.context.route('**/thumbnail', async (route) => {
        await held
        await route.continue()
      })
      await a.page.getByTestId('choose-files').setInputFiles([picture('tower.png')])
      const dialog = a.page.getByRole('dialog')
      await dialog.getByLabel('Caption of tower.png').fill('Seen **today**')
      await dialog.getByLabel('Description of tower.png').fill('The Eiffel Tower at noon')
      await a.shot('files-send')
      await a.accessible('the dialog that sends files')
      await dialog.getByRole('button', { name: 'Send the file' }).click()
      await dialog.waitFor({ state: 'detached' })

      const card = b.page.getByTestId('card-image')
      await card.waitFor()
      const early = await box(card)
      assert.deepEqual([early.width, early.height], [420, 280], 'it has its final size')
      assert.match(await card.evaluate((e) => e.style.backgroundImage), /^url\("data:image\/jpeg;base64,/, 'its preview is shown')
      load()
      const img = b.page.getByRole('img', { name: 'The Eiffel Tower at noon' })
      await eventually('the picture has loaded', () => img.evaluate((e) => e.complete && e.naturalWidth === 640))
      assert.deepEqual(await box(card), early, 'nothing has moved')
      assert.equal(await b.row('Seen today').locator('strong').innerText(), 'today')
      await b.shot('files-log')
      await b.accessible('a log with a picture')
      await a.page.getByTestId('card-image').waitFor()
      assert.equal(await a.page.getByTestId('card-image').count(), 1)
      await a.page.locator('.sidebar', { hasText: 'Image: Seen' }).waitFor()
    },
  },
  {
    name: 'files are pasted and dropped, several at a time, and one is given up while it is sent',
    async run({ browser, base, keep }) {
      const { name, ann } = await room(base)
      const a = await inRoom(keep(await device(browser, base)), ann.login, name)
      const dialog = a.page.getByRole('dialog')
      assert.equal(await hand(a, 'paste', [picture('pasted.png', 60, 40)]), false, 'the browser does nothing else with it')
      await dialog.getByRole('button', { name: 'Send the file' }).click()
      await a.page.getByRole('img', { name: 'pasted.png' }).waitFor()
      assert.equal(await a.composer.inputValue(), '')

      await hand(a, 'dragover', [picture('x.png', 2, 2)])
      await hand(a, 'drop', [picture('one.png', 60, 40), { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Some notes') }, picture('three.png', 40, 60)])
      await dialog.getByRole('button', { name: 'Take three.png out' }).click()
      await dialog.getByLabel('Add more').setInputFiles([picture('four.png', 50, 50)])
      let go
      const held = new Promise((resolve) => (go = resolve))
      await a.context.route(/files\?name=four/, async (route) => {
        await held
        await route.continue().catch(() => {})
      })
      await dialog.getByRole('button', { name: 'Send 3 files' }).click()
      await a.log.getByRole('link', { name: 'notes.txt' }).waitFor()
      assert.match(await a.page.getByTestId('card-file').innerText(), /notes\.txt\s+text\/plain · 10 byte/)
      const uploads = a.page.getByTestId('uploads')
      await uploads.getByRole('progressbar', { name: 'Progress of four.png' }).waitFor()
      await a.shot('files-uploading')
      await a.accessible('files that are being sent')
      await uploads.getByRole('button', { name: 'Cancel sending four.png' }).click()
      await uploads.waitFor({ state: 'detached' })
      go()
      await a.say('done')
      await a.row('done').waitFor()
      const { messages } = await ann.call('GET', `messages/${name}?fetchSize=20`)
      assert.deepEqual(messages.map((m) => m.content).filter((c) => /\./.test(c)).sort(), ['notes.txt', 'one.png', 'pasted.png'])
    },
  },
  {
    name: 'a file is sent once, although the connection is lost before and after the server has it',
    async run({ browser, base, keep }) {
      const { name, ann } = await room(base)
      const a = await inRoom(keep(await device(browser, base)), ann.login, name)
      const keys = []
      let lost = 0
      await a.context.route(/\/files\?name=/, async (route) => {
        keys.push(route.request().headers()['idempotency-key'])
        if (++lost === 1) return route.abort()
        if (lost === 2) {
          await route.fetch() // and the answer is lost
          return route.abort()
        }
        return route.continue()
      })
      await a.context.route(/\/messages\/Paris/, async (route) => {
        if (route.request().method() !== 'POST' || ++lost > 4) return route.continue()
        await route.fetch()
        return route.abort()
      })
      await a.page.getByTestId('choose-files').setInputFiles([picture('once.png')])
      await a.page.getByRole('button', { name: 'Send the file' }).click()
      const waiting = a.page.getByTestId('upload-waiting')
      await waiting.waitFor()
      await a.shot('files-waiting')
      // Who does not want to wait for the next try asks for it.
      await waiting.getByRole('button', { name: 'Send once.png again' }).click()
      await a.page.getByTestId('uploads').waitFor({ state: 'detached', timeout: 30_000 })
      await a.page.getByTestId('card-image').waitFor()
      assert.equal(await a.page.getByTestId('card-image').count(), 1)
      assert.ok(keys.length >= 3 && new Set(keys).size === 1, `one key: ${keys}`)
      const { files } = await ann.call('GET', `rooms/${name}/files`)
      assert.equal(files.length, 1)
    },
  },
  {
    name: 'pictures are looked at with the keyboard: next, previous, larger, and back to where one was',
    async run({ browser, base, keep }) {
      const { name, ann, bob } = await room(base)
      await send(bob, name, picture('first.png', 300, 200), 'image', { alt: 'A first one' })
      await send(bob, name, picture('second.png', 2000, 1500, [20, 200, 90]), 'image', { caption: 'The second' })
      await bob.post(name, 'and a word')
      await send(bob, name, picture('third.png', 200, 300, [200, 20, 190]), 'image')
      const a = await inRoom(keep(await device(browser, base)), ann.login, name)
      await a.page.getByRole('img', { name: 'third.png' }).waitFor()
      await a.composer.press('ArrowUp')
      await a.page.keyboard.press('End')
      await eventually('the focus is at the newest message', () => a.page.locator('[data-key]').last().evaluate((e) => e.contains(document.activeElement)))
      await a.page.keyboard.press('ArrowUp')
      await a.page.keyboard.press('ArrowUp')
      const second = a.row('The second').getByTestId('card-image')
      for (let i = 0; i < 6 && !(await second.evaluate((e) => e === document.activeElement)); i++) await a.page.keyboard.press('ArrowRight')
      await a.page.keyboard.press('Enter')
      const viewer = a.page.getByTestId('viewer')
      const shown = viewer.locator('img')
      await shown.waitFor()
      const fit = await box(shown)
      assert.ok(fit.width <= 1280 && fit.height < 800 && fit.height > 500, JSON.stringify(fit))
      await viewer.getByText('The second', { exact: true }).waitFor()
      await a.shot('files-viewer')
      await a.accessible('the viewer')
      await a.page.keyboard.press('+')
      await eventually('it is larger', async () => (await box(shown)).width > fit.width * 1.4)
      await a.page.keyboard.press('-')
      await eventually('it fits', async () => (await box(shown)).width === fit.width)
      await a.page.keyboard.press('ArrowRight')
      await viewer.getByRole('img', { name: 'third.png' }).waitFor()
      assert.equal(await viewer.getByRole('button', { name: 'Next picture' }).count(), 0, 'there is none after the last one')
      await a.page.keyboard.press('ArrowLeft')
      await a.page.keyboard.press('ArrowLeft')
      await viewer.getByRole('img', { name: 'A first one' }).waitFor()
      assert.deepEqual((({ width, height }) => [width, height])(await box(shown)), [300, 200], 'not larger than it is')
      await a.page.keyboard.press('Escape')
      await viewer.waitFor({ state: 'detached' })
      await eventually('the focus is where it was', () => second.evaluate((e) => e === document.activeElement))
    },
  },
  {
    name: 'the files of a room are beside its messages; sound is played in place; a phone is enough for all of it',
    async run({ browser, base, keep }) {
      const { name, ann, bob } = await room(base)
      await send(bob, name, picture('map.png'), 'image', { alt: 'A map' })
      await send(bob, name, { name: 'hum.wav', buffer: wav() }, 'audio', { caption: 'Listen' })
      await send(bob, name, { name: 'page.html', buffer: Buffer.from('<script>alert(1)</script>') }, 'file')
      const a = await inRoom(keep(await device(browser, base)), ann.login, name)
      const audio = a.row('Listen').locator('audio')
      await audio.waitFor()
      assert.equal(await audio.evaluate((e) => new Promise((resolve, reject) => {
        e.onloadedmetadata = () => resolve(e.duration)
        e.onerror = () => reject(new Error(e.error.message))
        e.load()
        e.preload = 'auto'
      })), 1)
      await a.page.getByTestId('show-files').click()
      const panel = a.page.getByTestId('files')
      await panel.getByText('page.html').waitFor()
      assert.deepEqual(await panel.locator('.name').allInnerTexts(), ['page.html', 'hum.wav', 'map.png'])
      await send(bob, name, { name: 'late.pdf', buffer: Buffer.from('%PDF-1.7') }, 'file')
      await panel.getByText('late.pdf').waitFor()
      await a.shot('files-panel')
      await a.accessible('the files of a room')
      await panel.getByRole('button', { name: 'View A map' }).click()
      await a.page.getByTestId('viewer').getByRole('img', { name: 'A map' }).waitFor()
      await a.page.keyboard.press('Escape')
      await panel.getByRole('link', { name: 'To the message of map.png' }).click()
      await a.page.locator('.target').getByTestId('card-image').waitFor()

      const p = await inRoom(keep(await device(browser, base, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: 'fr-FR' })), bob.login, name)
      const card = p.page.getByTestId('card-image')
      await card.waitFor()
      const { x, width, height } = await box(card)
      assert.ok(x + width <= 390 && Math.abs(width / height - 1.5) < 0.02, `${x} ${width} × ${height}`)
      await p.shot('files-phone')
      await p.accessible('a log with files, on a phone')
      await card.tap()
      const viewer = p.page.getByTestId('viewer')
      await viewer.getByRole('button', { name: 'Plus grand' }).tap()
      await p.shot('files-viewer-phone')
      await p.accessible('the viewer, on a phone')
      await viewer.getByRole('button', { name: 'Fermer' }).tap()
      await viewer.waitFor({ state: 'detached' })
      await p.page.getByTestId('choose-files').setInputFiles([picture('mobile.png', 600, 800)])
      await p.page.getByLabel('Légende de mobile.png').fill('Du téléphone')
      await p.shot('files-send-phone')
      await p.accessible('the dialog that sends files, on a phone')
      await p.page.getByRole('button', { name: 'Envoyer le fichier' }).tap()
      await a.row('Du téléphone').getByTestId('card-image').waitFor()
    },
  },
]
