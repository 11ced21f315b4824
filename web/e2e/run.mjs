// Runs the flows against a real server in a real browser: `npm run e2e [-- part of a name, or parts with | between]`.
//
//   CONFAB_BIN             the program; or CONFAB_BASE, the address of a running server
//   CONFAB_CHROMIUM        the browser (/usr/bin/chromium)
//   CONFAB_E2E_STORE       the store of the program instead of a new one, like embedded:/tmp/data or cassandra://127.0.0.1/name
//   CONFAB_E2E_CASSANDRA   HOST:PORT of a Cassandra for the flow on two nodes
//   CONFAB_E2E_MESSAGES    how long the long history is (3000)
//   CONFAB_E2E_ROOM        a room of that store whose history is read instead
//   CONFAB_LOG             set: show what the servers log
//
// Screenshots go to out/screenshots. The exit code is 0 if every flow that was run passed and there was one.
import { flows as first } from './first.mjs'
import { flows as chatting } from './chatting.mjs'
import { flows as kinds } from './kinds.mjs'
import { flows as files } from './files.mjs'
import { flows as people } from './people.mjs'
import { flows as client } from './client.mjs'
import { flows as changes } from './changes.mjs'
import { flows as history } from './history.mjs'
import { flows as accounts } from './accounts.mjs'
import { flows as hands } from './hands.mjs'
import { flows as writing } from './writing.mjs'
import { flows as lines } from './lines.mjs'
import { flows as unread } from './unread.mjs'
import { flows as looks } from './looks.mjs'
import { flows as nodes } from './nodes.mjs'
import { flows as docs } from './docs.mjs'
import { launch, LeftOut, startServer } from './harness.mjs'

const wanted = process.argv[2] ?? ''
const all = [...first, ...chatting, ...kinds, ...files, ...people, ...changes, ...history, ...hands, ...writing, ...accounts, ...unread, ...lines, ...looks, ...client, ...nodes, ...docs].filter((f) => wanted.split('|').some((w) => f.name.includes(w)))
// A flow that takes longer than this, in ms, hangs; one may name its own limit.
const usualLimit = 90_000

const server = await startServer()
const browser = await launch()
const failed = []
const leftOut = []
const begun = Date.now()

async function bounded(flow, given) {
  const run = flow.run(given)
  run.catch(() => {}) // told below, or too late
  const limit = flow.limit ?? usualLimit
  let timer
  try {
    await Promise.race([
      run,
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not done within ${limit / 1000} s`)), limit)
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}

try {
  for (const flow of all) {
    const devices = []
    const closing = []
    const began = Date.now()
    try {
      await bounded(flow, {
        server,
        browser,
        base: server.base,
        keep: (d) => (devices.push(d), d),
        finally: (f) => closing.push(f),
      })
      for (const d of devices) {
        if (d.faults.length > 0) throw new Error(`on the page: ${d.faults.join('\n')}`)
      }
      console.log(`ok      ${flow.name} (${Date.now() - began} ms)`)
    } catch (error) {
      if (error instanceof LeftOut) {
        leftOut.push(flow.name)
        console.log(`--      ${flow.name}: left out (${error.message})`)
        continue
      }
      failed.push(flow.name)
      console.log(`FAILED  ${flow.name}\n${error.stack}`)
      for (const [i, d] of devices.entries()) {
        if (d.faults.length > 0) console.log(`faults on page ${i}: ${d.faults.join('\n')}`)
        await d.shot(`failed-${flow.name.replace(/\W+/g, '-')}-${i}`).catch(() => {})
      }
    } finally {
      for (const d of devices) await d.close().catch(() => {})
      for (const f of closing) await f().catch((error) => console.log(`        ${flow.name} left something behind: ${error.message}`))
    }
  }
} finally {
  await browser.close()
  await server.stop()
}
const passed = all.length - failed.length - leftOut.length
console.log(
  `${passed} of ${all.length} flows passed` +
    (leftOut.length > 0 ? `, ${leftOut.length} left out` : '') +
    (failed.length > 0 ? `, ${failed.length} failed: ${failed.join(', ')}` : '') +
    ` (${Math.round((Date.now() - begun) / 1000)} s)`,
)
process.exit(failed.length === 0 && passed > 0 ? 0 : 1)
