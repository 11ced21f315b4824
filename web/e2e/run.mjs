// Runs the flows against a real server in a real browser: `npm run e2e [-- part of a name, or parts with | between]`.
import { flows as first } from './first.mjs'
import { flows as chatting } from './chatting.mjs'
import { flows as changes } from './changes.mjs'
import { flows as history } from './history.mjs'
import { flows as looks } from './looks.mjs'
import { launch, startServer } from './harness.mjs'

const wanted = process.argv[2] ?? ''
const all = [...first, ...chatting, ...changes, ...history, ...looks].filter((f) => wanted.split('|').some((w) => f.name.includes(w)))

const server = await startServer()
const browser = await launch()
const failed = []
try {
  for (const flow of all) {
    const devices = []
    const began = Date.now()
    try {
      await flow.run({ server, browser, base: server.base, keep: (d) => (devices.push(d), d) })
      for (const d of devices) {
        if (d.faults.length > 0) throw new Error(`on the page: ${d.faults.join('\n')}`)
      }
      console.log(`ok      ${flow.name} (${Date.now() - began} ms)`)
    } catch (error) {
      failed.push(flow.name)
      console.log(`FAILED  ${flow.name}\n${error.stack}`)
      for (const [i, d] of devices.entries()) {
        if (d.faults.length > 0) console.log(`faults on page ${i}: ${d.faults.join('\n')}`)
        await d.shot(`failed-${flow.name.replace(/\W+/g, '-')}-${i}`).catch(() => {})
      }
    } finally {
      for (const d of devices) await d.close().catch(() => {})
    }
  }
} finally {
  await browser.close()
  await server.stop()
}
console.log(failed.length === 0 ? `all ${all.length} flows passed` : `${failed.length} of ${all.length} failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 && all.length > 0 ? 0 : 1
