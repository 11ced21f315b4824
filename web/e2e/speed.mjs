// How fast the page is on a slow line and a slow machine: `node e2e/speed.mjs`, with CONFAB_BIN. It prints, and fails only if nothing can be measured:
// the times are those of this machine.
import { ApiUser, device, eventually, launch, startServer, unique } from './harness.mjs'

// As Chromium's tools call them: slow 4G, and a processor of a quarter of the speed.
const slow4G = { offline: false, latency: 562.5, downloadThroughput: (1.44 * 1024 * 1024) / 8, uploadThroughput: (675 * 1024) / 8 }
const slowdown = 4

const server = await startServer()
const browser = await launch()
const print = (what, value, goal) => console.log(`${what.padEnd(64)} ${String(value).padStart(9)}   (${goal})`)
const percentile = (all, p) => [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * p))] ?? 0

try {
  const [ann, bob] = [await new ApiUser(server.base, unique('ann'), 'Ann', 'Archer').signUp(), await new ApiUser(server.base, unique('bob'), 'Bob', 'Briggs').signUp()]
  const rooms = Array.from({ length: 300 }, (_, i) => unique(`room${i}`))
  for (const room of rooms) {
    await ann.createRoom(room)
    await bob.join(room)
  }
  for (let i = 0; i < 60; i++) await bob.post(rooms[0], `message ${i}, with some **words** and \`code\` in it`)

  const { messages: [newest] } = await ann.call('GET', `messages/${rooms[0]}?fetchSize=1`)
  await ann.call('PUT', `rooms/${rooms[0]}/read`, { messageId: newest.messageId })

  await firstLoad(ann, rooms[0])
  await busyRooms(ann, bob, rooms)
  await manyMessages(ann, bob, rooms[0])
} finally {
  await browser.close()
  await server.stop()
}

async function firstLoad(ann, room) {
  const d = await device(browser, server.base)
  await d.logIn(ann.login)
  const cdp = await d.context.newCDPSession(d.page)
  await cdp.send('Network.enable')
  await cdp.send('Network.clearBrowserCache')
  await cdp.send('Network.emulateNetworkConditions', slow4G)
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown })
  let bytes = 0
  let began = Date.now()
  let requests = 0
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  cdp.on('Network.requestWillBeSent', ({ request }) => {
    requests++
    if (process.env.CONFAB_LOG) console.log(Date.now() - began, request.method, request.url)
  })
  await d.page.goto('about:blank')
  ;[bytes, requests] = [0, 0]
  began = Date.now()
  await d.goto(`#/rooms/${room}`)
  await d.composer.waitFor()
  const usable = Date.now() - began
  await d.row('message 59').waitFor({ timeout: 60_000 })
  const shown = Date.now() - began
  const painted = await eventually('something is painted', () => d.page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0))
  console.log('\nslow 4G, processor / 4')
  print('first contentful paint, ms', Math.round(painted), '≤ 1200')
  print('composer usable, ms', usable, '≤ 2500')
  print('messages shown, ms', shown, '')
  print('transferred until then, kB', Math.round(bytes / 1000), 'files of the page ≤ 90 gzip')
  print('requests until then', requests, '')
  await d.close()
}

async function busyRooms(ann, bob, rooms) {
  const d = await device(browser, server.base)
  await d.logIn(ann.login)
  await d.goto(`#/rooms/${rooms[0]}`)
  await d.row('message 59').waitFor()
  await d.page.evaluate(() => {
    globalThis.long = []
    new PerformanceObserver((list) => list.getEntries().forEach((e) => globalThis.long.push(e.duration))).observe({ type: 'longtask' })
    globalThis.paints = []
    document.querySelector('[data-test=composer]').addEventListener('keydown', (e) => {
      const began = e.timeStamp
      requestAnimationFrame(() => setTimeout(() => globalThis.paints.push(performance.now() - began)))
    })
  })
  await d.composer.click()
  const until = Date.now() + 10_000
  let sent = 0
  const post = async () => {
    // 50 a second: five every tenth of a second.
    for (let at = Date.now(); at < until; at += 100) {
      await Promise.all(Array.from({ length: 5 }, () => bob.post(rooms[sent++ % rooms.length], `busy ${sent}`)))
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, at + 100 - Date.now())))
    }
  }
  const type = async () => {
    while (Date.now() < until) await d.composer.press('a', { delay: 80 })
  }
  await Promise.all([post(), type()])
  const { long, paints } = await d.page.evaluate(() => ({ long: globalThis.long, paints: globalThis.paints }))
  console.log(`\n${sent} messages in 10 s into 300 rooms`)
  print('longest task, ms', Math.round(Math.max(0, ...long)), '≤ 100')
  print('key to paint, 95th percentile, ms', Math.round(percentile(paints, 0.95)), '≤ 100')
  await d.close()
}

async function manyMessages(ann, bob, room) {
  const d = await device(browser, server.base)
  await d.logIn(ann.login)
  await d.goto(`#/rooms/${room}`)
  await d.composer.waitFor()
  const cdp = await d.context.newCDPSession(d.page)
  const heap = async () => {
    await cdp.send('HeapProfiler.collectGarbage')
    return (await cdp.send('Runtime.getHeapUsage')).usedSize
  }
  const before = await heap()
  const all = Number(process.env.CONFAB_E2E_MESSAGES ?? 20_000)
  for (let i = 0; i < all; i += 20) await Promise.all(Array.from({ length: 20 }, (_, j) => bob.post(room, `arriving ${i + j}.`)))
  await bob.post(room, 'the last one.')
  await d.row('the last one.').waitFor({ timeout: 60_000 })
  const grown = (await heap()) - before
  console.log(`\n${all} arriving messages`)
  print('growth of the heap, MB', (grown / 1e6).toFixed(1), '≤ 10')
  print('rows in the DOM', await d.log.locator('[data-key]').count(), 'bounded')
  await d.close()
}
