// The field's own clients against the real binary: @stomp/stompjs over WebSocket, and over
// sockjs-client with each of its transports.
import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { Client, ReconnectionTimeMode } from '@stomp/stompjs'
import { activate, bodies, browser, converse, follow, inbox, newRoom, sockjs, websocket } from './client.mjs'
import { newUser, startServer, unique } from './server.mjs'

let server, ann, bob
before(async () => {
  server = await startServer()
  ann = await newUser(server, 'Ann')
  bob = await newUser(server, 'Bob')
  browser.cookie = ann.cookie
})
after(() => server.end())

describe('@stomp/stompjs', { concurrency: true }, () => {
  test('over WebSocket', () => converse(websocket(server), '1.2', ann, bob))
  for (const transport of ['websocket', 'xhr-streaming', 'xhr-polling', 'eventsource']) {
    test(`over sockjs-client, ${transport}`, async () => {
      const used = {}
      await converse(sockjs(server, transport, used), '1.2', ann, bob)
      assert.equal(used.transport, transport)
    })
  }

  test('an outsider gets an ERROR', async () => {
    const name = unique('room')
    await bob.ok('POST', `/api/chat/v1/rooms/${name}`, {})
    const client = new Client({ webSocketFactory: websocket(server), reconnectDelay: 0 })
    await activate(client)
    const error = new Promise((resolve) => (client.onStompError = resolve))
    client.subscribe(`/topic/messages/${name}`, () => assert.fail('heard something'), { receipt: 'r' })
    assert.equal((await error).headers['receipt-id'], 'r')
    await client.deactivate()
  })

  test('SEND is refused', async () => {
    const name = await newRoom(ann)
    const client = new Client({ webSocketFactory: websocket(server), reconnectDelay: 0 })
    await activate(client)
    const error = new Promise((resolve) => (client.onStompError = resolve))
    client.publish({ destination: `/topic/messages/${name}`, body: '{}' })
    assert.ok((await error).headers.message)
    await client.deactivate()
  })
})

test('a restart of the server loses and doubles nothing', async () => {
  const name = await newRoom(ann)
  const messages = inbox()
  const client = new Client({ webSocketFactory: websocket(server), reconnectDelay: 50, reconnectTimeMode: ReconnectionTimeMode.LINEAR })
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
