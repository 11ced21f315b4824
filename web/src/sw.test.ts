import { describe, expect, it } from 'vitest'
import code from './sw.js?raw'

/** A service worker with a cache that holds one answer an address, and requests that the test answers. */
function worker() {
  const kept = new Map<string, Response>()
  const cache = {
    delete: async (address: string) => kept.delete(address),
    put: async (address: string, answer: Response) => void kept.set(address, answer),
    match: async (address: string) => kept.get(address)?.clone(),
  }
  const caches = { has: async () => true, open: async () => cache, delete: async () => true }
  const listeners = new Map<string, (event: unknown) => void>()
  const self = { location: { origin: 'https://chat.example' }, addEventListener: (type: string, f: (event: unknown) => void) => listeners.set(type, f) }
  const answers: { resolve: (answer: Response) => void; reject: (error: unknown) => void }[] = []
  const fetch = () => new Promise<Response>((resolve, reject) => answers.push({ resolve, reject }))
  new Function('self', 'caches', 'fetch', 'clients', code)(self, caches, fetch, {})
  const address = 'https://chat.example/api/chat/v1/messages/room?fetchSize=50'
  const waits: Promise<unknown>[] = []
  const event = { waitUntil: (p: Promise<unknown>) => waits.push(p) }
  return {
    answers,
    /** The page asks for the messages of the room. */
    ask: () => new Promise<Response>((resolve, reject) => listeners.get('fetch')?.({ ...event, request: { method: 'GET', url: address }, respondWith: (p: Promise<Response>) => p.then(resolve, reject) })),
    /** The page has heard something. */
    tell: (answer: unknown) => listeners.get('message')?.({ ...event, data: { keep: address.slice('https://chat.example'.length), answer: JSON.stringify(answer) } }),
    done: () => Promise.all(waits),
    kept: async () => kept.get(address)?.clone().json(),
  }
}

describe('what the service worker keeps', () => {
  it('is never older than what the page has heard meanwhile', async () => {
    const w = worker()
    const answer = w.ask()
    w.tell(['old', 'new'])
    w.answers[0]?.resolve(Response.json(['old']))
    expect(await (await answer).json()).toEqual(['old'])
    await w.done()
    expect(await w.kept()).toEqual(['old', 'new'])
  })

  it('is the last answer, and what was heard after it', async () => {
    const w = worker()
    const [first, second] = [w.ask(), w.ask()]
    w.answers[1]?.resolve(Response.json(['second']))
    await second
    w.answers[0]?.resolve(Response.json(['first']))
    await first
    await w.done()
    expect(await w.kept()).toEqual(['second'])
    w.tell(['third'])
    const offline = w.ask()
    w.answers[2]?.reject(new TypeError('offline'))
    const old = await offline
    expect([await old.json(), old.headers.get('X-Confab-Kept')]).toEqual([['third'], '1'])
  })
})
