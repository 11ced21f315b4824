// What the field's own clients do in these tests.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { Client } from '@stomp/stompjs'
import WebSocket from 'ws'
import { unique } from './server.mjs'

const require = createRequire(import.meta.url)
const http = require('http')
const SockJS = require('sockjs-client')

/** Browsers send cookies by themselves; sockjs-client in Node has no way to give it any. */
export const browser = { cookie: '' }
const request = http.request
http.request = (options, ...rest) => {
  options.headers = { ...options.headers, cookie: browser.cookie }
  return request(options, ...rest)
}

/** Collects what comes and lets tests wait for it. */
export function inbox() {
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

export const bodies = (frames) => frames.map((f) => JSON.parse(f.body).content)

/** Activates a client and waits until it is connected. */
export function activate(client) {
  return new Promise((resolve, reject) => {
    client.onConnect = resolve
    client.onStompError = (f) => reject(new Error(f.headers.message))
    client.activate()
  })
}

/** Subscribes and waits for the receipt, which it returns. */
export function follow(client, destination, heard, headers = {}) {
  return new Promise((resolve) => {
    const receipt = unique('receipt')
    client.watchForReceipt(receipt, resolve)
    client.subscribe(destination, (f) => heard.add(f), { receipt, ...headers })
  })
}

export async function newRoom(creator) {
  const name = unique('room')
  await creator.ok('POST', `/api/chat/v1/rooms/${name}`, {})
  return name
}

export const websocket = (server) => () =>
  new WebSocket(server.base.replace('http', 'ws') + '/api/chat/v1/stomp', ['v12.stomp', 'v11.stomp', 'v10.stomp'], { headers: { cookie: browser.cookie } })

/** A connection of sockjs-client by one of its transports, which it notes in used. */
export const sockjs = (server, transport, used) => () => {
  const s = new SockJS(server.base + '/killrchat/chat', null, { transports: [transport], transportOptions: { websocket: { headers: { cookie: browser.cookie } } } })
  s.addEventListener('open', () => (used.transport = s.transport))
  return s
}

const odd = 'ä € 🎉 e\u0301 \u2028 \u0085 100% %41 "quoted" \\n <b>&amp;</b>\n\ttab'
const texts = ['first', odd, 'L' + 'ong'.repeat(6700) + 'é', 'x'.repeat(60_000), 'last']

/** What every client can do, whatever carries it. The browser is Ann's. */
export async function converse(factory, version, ann, bob) {
  const name = await newRoom(ann)
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
