// sockjs-client behind a load balancer that sends each request to the next one of two nodes: a polling session is in the
// memory of one of them, and works at both.
import { after, before, test } from 'node:test'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as listen } from 'node:net'
import { browser, converse, sockjs } from './client.mjs'
import { newUser, startServer, unique } from './server.mjs'

const address = process.env.CONFAB_TEST_CASSANDRA ?? '127.0.0.1:9042'
const schema = new URL('../../schema/cassandra/', import.meta.url)

/** A keyspace for this version of the schema. Nothing drops it, so runs share it. */
function keyspace() {
  const all = createHash('sha256')
  for (const name of readdirSync(schema).sort()) all.update(name).update(readFileSync(new URL(name, schema)))
  return `confab_clients_${all.digest('hex').slice(0, 12)}`
}

async function free() {
  const s = listen().listen(0, '127.0.0.1')
  await once(s, 'listening')
  const { port } = s.address()
  s.close()
  return `127.0.0.1:${port}`
}

/** A server that passes each request on to the next one of others, and what it counts. */
async function balance(nodes) {
  const seen = nodes.map(() => new Map())
  let turn = 0
  const proxy = createServer((req, res) => {
    const i = turn++ % nodes.length
    const transport = /\/chat\/\d+\/\w+\/(\w+)/.exec(req.url)?.[1]
    if (transport) seen[i].set(transport, (seen[i].get(transport) ?? 0) + 1)
    const on = request(nodes[i].base + req.url, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers)
      res.flushHeaders()
      answer.pipe(res)
    })
    on.on('error', () => res.destroy())
    res.on('close', () => on.destroy())
    req.pipe(on)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return { base: `http://127.0.0.1:${proxy.address().port}`, seen, end: () => { proxy.close(); proxy.closeAllConnections() } }
}

/** Waits until a session that was begun at one node is found from the other. */
async function meet(a, b, user) {
  const send = (node, transport, body) => fetch(`${node.base}/killrchat/chat/000/${session}/${transport}`, { method: 'POST', headers: { cookie: user.cookie }, body })
  const session = unique('session').replace(/\W/g, '')
  assert.equal(await (await send(a, 'xhr')).text(), 'o\n')
  while ((await send(b, 'xhr_send', '["\\n"]')).status !== 204) await new Promise((resolve) => setTimeout(resolve, 100))
}

if (address !== 'off') {
  let nodes, proxy, ann, bob
  before(async () => {
    const store = `cassandra://${address}/${keyspace()}?timeout=20s`
    const bus = await free()
    const more = (...cluster) => ({ store, args: ['--auto-schema', '--limits', 'off', ...cluster] })
    const first = await startServer(more('--cluster-listen', bus))
    nodes = [first, await startServer(more('--cluster-listen', await free(), '--cluster-routes', `nats://${bus}`))]
    proxy = await balance(nodes)
    ann = await newUser(proxy, 'Ann')
    bob = await newUser(proxy, 'Bob')
    browser.cookie = ann.cookie
    await meet(...nodes, ann)
  }, { timeout: 120_000 })
  after(async () => {
    proxy?.end()
    for (const n of nodes ?? []) await n.end()
  })

  const paths = { 'xhr-polling': ['xhr', 'xhr_send'], 'xhr-streaming': ['xhr_send'], eventsource: ['xhr_send'] }
  for (const [transport, both] of Object.entries(paths)) {
    test(`sockjs-client behind a balancer, ${transport}`, async () => {
      for (const s of proxy.seen) s.clear()
      const used = {}
      await converse(sockjs(proxy, transport, used), '1.2', ann, bob)
      assert.equal(used.transport, transport)
      for (const path of both) for (const s of proxy.seen) assert.ok(s.get(path) > 0, `each node had requests of ${path}`)
    })
  }
}
