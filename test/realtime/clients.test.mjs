// The field's own clients against the real binary: @stomp/stompjs over WebSocket, and over
// sockjs-client with each of its transports.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { Client, ReconnectionTimeMode } from '@stomp/stompjs'
import WebSocket from 'ws'
import { newUser, startServer, unique } from './server.mjs'

const require = createRequire(import.meta.url)
const http = require('http')
const SockJS = require('sockjs-client')

// Browsers send cookies by themselves; sockjs-client in Node has no way to give it any.
let cookie = ''
const request = http.request
http.request = (options, ...rest) => {
  options.headers = { ...options.headers, cookie }
  return request(options, ...rest)
}

/** Collects what comes and lets tests wait for it. */
function inbox() {
  const all = []
  const waiting = new Set()
  return {
    all,
    add(frame) {
      all.push(frame)
      for (const w of waiting) w()
    },
    count(n) {
      return new Promise((resolve) => {
        const look = () => all.length >= n && (waiting.delete(look), resolve(all))
        waiting.add(look)
        look()
      })
    },
  }
}

const bodies = (frames) => frames.map((f) => JSON.parse(f.body).content)

/** Activates a client and waits until it is connected. */
function activate(client) {
  return new Promise((resolve, reject) => {
    client.onConnect = resolve
    client.onStompError = (f) => reject(new Error(f.headers.message))
    client.activate()
  })
}

/** Subscribes and waits for the receipt, which it returns. */
function follow(client, destination, heard, headers = {}) {
  return new Promise((resolve) => {
    const receipt = unique('receipt')
    client.watchForReceipt(receipt, resolve)
    client.subscribe(destination, (f) => heard.add(f), { receipt, ...headers })
  })
}

const odd = 'ä € 🎉 e\u0301 \u2028 \u0085 100% %41 "quoted" \\n <b>&amp;</b>\n\ttab'
const texts = ['first', odd, 'L' + 'ong'.repeat(6700) + 'é', 'x'.repeat(60_000), 'last']

let server, ann, bob
before(async () => {
  server = await startServer()
  ann = await newUser(server, 'Ann')
  bob = await newUser(server, 'Bob')
  cookie = ann.cookie
})
after(() => server.end())

async function room() {
  const name = unique('room')
  await ann.ok('POST', `/api/chat/v1/rooms/${name}`, {})
  return name
}

const websocket = () => new WebSocket(server.base.replace('http', 'ws') + '/api/chat/v1/stomp', ['v12.stomp', 'v11.stomp', 'v10.stomp'], { headers: { cookie } })

const sockjs = (transport, used) => () => {
  const s = new SockJS(server.base + '/killrchat/chat', null, { transports: [transport], transportOptions: { websocket: { headers: { cookie } } } })
  s.addEventListener('open', () => (used.transport = s.transport))
  return s
}

/** What every client can do, whatever carries it. */
async function converse(factory, version) {
  const name = await room()
  const client = new Client({ webSocketFactory: factory, reconnectDelay: 0, heartbeatIncoming: 1000, heartbeatOutgoing: 1000 })
  let closed = 0
  client.onWebSocketClose = () => closed++
  await activate(client)
  assert.equal(client.connectedVersion, version)
  const messages = inbox()
  const participants = inbox()
  const action = inbox()
  await follow(client, `/topic/messages/${name}`, messages)
  await follow(client, `/topic/participants/${name}`, participants)
  await follow(client, `/topic/action/${name}`, action)
  for (const text of texts) await ann.say(name, text)
  await messages.count(texts.length)
  assert.deepEqual(bodies(messages.all), texts)

  // Longer than both sides' heart-beats allow for silence.
  await new Promise((resolve) => setTimeout(resolve, 3500))
  assert.equal(closed, 0, 'the heart-beats failed')

  await bob.ok('PUT', `/api/chat/v1/rooms/participant/${name}`)
  await participants.count(1)
  assert.equal(participants.all[0].headers.status, 'JOIN')
  assert.equal(JSON.parse(participants.all[0].body).login, bob.login)
  await messages.count(texts.length + 1)
  assert.equal(bodies(messages.all).at(-1), 'Bob Test joins the room')
  await bob.say(name, 'hello')
  await messages.count(texts.length + 2)
  assert.equal(JSON.parse(messages.all.at(-1).body).author.login, bob.login)

  await ann.ok('DELETE', `/api/chat/v1/rooms/${name}`)
  const [gone] = await action.count(1)
  assert.deepEqual([gone.headers.action, gone.headers.room, gone.headers.creator], ['DELETE', name, ann.login])
  assert.equal(gone.body, `The room '${name}' has been removed by '${ann.login}'`)
  assert.equal(messages.all.length, texts.length + 2)
  assert.equal(closed, 0)
  await client.deactivate()
  assert.equal(closed, 1)
}

describe('@stomp/stompjs', { concurrency: true }, () => {
  test('over WebSocket', () => converse(websocket, '1.2'))
  for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource']) {
    test(`over sockjs-client, ${transport}`, async () => {
      const used = {}
      await converse(sockjs(transport, used), '1.2')
      assert.equal(used.transport, transport)
    })
  }

  test('an outsider gets an ERROR', async () => {
    const name = unique('room')
    await bob.ok('POST', `/api/chat/v1/rooms/${name}`, {})
    const client = new Client({ webSocketFactory: websocket, reconnectDelay: 0 })
    await activate(client)
    const error = new Promise((resolve) => (client.onStompError = resolve))
    client.subscribe(`/topic/messages/${name}`, () => assert.fail('heard something'), { receipt: 'r' })
    assert.equal((await error).headers['receipt-id'], 'r')
    await client.deactivate()
  })

  test('SEND is refused', async () => {
    const name = await room()
    const client = new Client({ webSocketFactory: websocket, reconnectDelay: 0 })
    await activate(client)
    const error = new Promise((resolve) => (client.onStompError = resolve))
    client.publish({ destination: `/topic/messages/${name}`, body: '{}' })
    assert.ok((await error).headers.message)
    await client.deactivate()
  })
})

test('a restart of the server loses and doubles nothing', async () => {
  const name = await room()
  const messages = inbox()
  const client = new Client({ webSocketFactory: websocket, reconnectDelay: 50, reconnectTimeMode: ReconnectionTimeMode.LINEAR })
  let connections = 0
  let recovered
  const again = new Promise((resolve) => {
    client.onConnect = async () => {
      connections++
      const last = messages.all.at(-1)
      const receipt = await follow(client, `/topic/messages/${name}`, messages, last && { after: last.headers['message-id'] })
      recovered = receipt.headers.recovered
      if (connections === 2) resolve()
    }
  })
  client.activate()
  while (connections === 0 || messages.all.length === 0) await ann.say(name, `before ${messages.all.length}`)
  await server.stop()
  await server.start()
  for (let i = 0; i < 5; i++) await ann.say(name, `missed ${i}`)
  await again
  await ann.say(name, 'live')
  while (bodies(messages.all).at(-1) !== 'live') await messages.count(messages.all.length + 1)
  assert.equal(recovered, 'true')
  const page = await ann.ok('GET', `/api/chat/v1/messages/${name}?fetchSize=200`)
  const stored = page.messages.map((m) => m.messageId)
  const heard = messages.all.map((f) => f.headers['message-id'])
  // The first ones may have been posted before there was a subscription.
  assert.deepEqual(heard, stored.slice(stored.length - heard.length))
  assert.ok(heard.length >= 7)
  await client.deactivate()
})
