// A server of the binary under test, and its users by REST.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'

const binary = process.env.CONFAB_BIN ?? new URL('../../bin/confab', import.meta.url).pathname

/** Starts a server, with a store of its own unless one is named; its port stays the same over restarts. */
export async function startServer({ store, args = [] } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'confab-realtime-'))
  const server = { port: 0, base: '' }
  let child
  server.start = async () => {
    child = spawn(binary, ['serve', '--listen', `127.0.0.1:${server.port}`, '--store', store ?? `embedded:${dir}`, '--heartbeat', '1s', '--log-level', 'error', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: child.stdout })
    const [line] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => { throw new Error('the server ended') })])
    server.base = /http:\/\/[^/]+/.exec(line)[0]
    server.port = Number(new URL(server.base).port)
  }
  server.stop = async () => {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }
  server.end = async () => {
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
  await server.start()
  return server
}

let names = 0
export const unique = (prefix) => `${prefix}_${Date.now().toString(36)}_${names++}`

/** Signs somebody up and logs in. */
export async function newUser(server, firstname) {
  const user = { login: unique('u'), password: 'a long password', firstname, lastname: 'Test', cookie: '' }
  user.call = (method, path, body, headers = {}) => fetch(server.base + path, {
    method,
    headers: { 'content-type': 'application/json', ...(user.cookie && { cookie: user.cookie }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  user.ok = async (...args) => {
    const r = await user.call(...args)
    const text = await r.text()
    assert.ok(r.ok, `${args[0]} ${args[1]}: ${r.status} ${text}`)
    return text && JSON.parse(text)
  }
  const { login, password, lastname } = user
  await user.ok('POST', '/api/chat/v1/users', { login, password, firstname, lastname })
  const r = await user.call('POST', '/api/chat/v1/authenticate', { login, password })
  assert.equal(r.status, 204)
  user.cookie = r.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ')
  user.say = (room, content) => user.ok('POST', `/api/chat/v1/messages/${room}`, { content })
  return user
}
