/* global self, caches, fetch, clients */
// The service worker: the shell opens offline, and what was read last is shown.

const VERSION = '__VERSION__'
const SHELL = `confab-shell-${VERSION}`
// Answers of the API to this browser's user. The page makes it for a user who wants to be remembered and deletes it at
// logout; while it is not there, no answer is kept.
const DATA = 'confab-data'
const FILES = ['__SHELL__']
const BASE = '/ui/chat/'
const API = '/api/chat/v1/'

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(SHELL)
      .then((cache) => cache.addAll(FILES.map((name) => new Request(BASE + name, { cache: 'no-cache' }))))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      // In their order. Tabs of the version before still need its files.
      .then((names) => Promise.all(names.filter((n) => n.startsWith('confab-shell-') && n !== SHELL).slice(0, -1).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (url.pathname.startsWith(API)) {
    if (keeps(url)) event.respondWith(freshOrKept(event))
  } else if (url.pathname.startsWith(BASE + 'assets/')) {
    event.respondWith(keptOrFresh(request))
  } else if (request.mode === 'navigate' && url.pathname.startsWith(BASE)) {
    event.respondWith(fetch(request).catch(() => caches.match(BASE, { ignoreVary: true }).then((shell) => shell ?? Response.error())))
  } else if (url.pathname.startsWith(BASE)) {
    event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreVary: true }).then((file) => file ?? Response.error())))
  }
})

/** Kept are the user, the rooms and the newest page of each room that was open. */
function keeps(url) {
  const path = url.pathname.slice(API.length)
  if (path === 'remember-me' || path.startsWith('users/') || path.startsWith('rooms/')) return true
  return path.startsWith('messages/') && !['before', 'after', 'around'].some((name) => url.searchParams.has(name))
}

// What the page has heard over the socket, to be kept as if it were an answer.
self.addEventListener('message', (event) => {
  const { keep: address, answer } = event.data ?? {}
  if (!address) return
  const headers = { 'Content-Type': 'application/json' }
  event.waitUntil(keep(new URL(address, self.location.origin).href, ++asked, new Response(answer, { headers })))
})

// Counts requests and what the page has sent.
let asked = 0
// When what is kept of an address was asked for, and the last write of it.
const newest = new Map()
const writes = new Map()

/**
 * Keeps an answer that was asked for at that moment. All writes are made here, those of one address one after the other, so
 * an answer that is slow never replaces what the page has sent meanwhile.
 */
function keep(address, when, answer) {
  const write = (writes.get(address) ?? Promise.resolve())
    .then(async () => {
      if ((newest.get(address) ?? 0) > when || !(await caches.has(DATA))) return
      newest.set(address, when)
      const cache = await caches.open(DATA)
      await cache.delete(address, { ignoreVary: true })
      await cache.put(address, answer)
    })
    .catch(() => {})
    .then(() => {
      if (writes.get(address) === write) writes.delete(address)
    })
  writes.set(address, write)
  return write
}

async function kept(address) {
  await writes.get(address)
  return (await caches.has(DATA)) ? caches.open(DATA).then((cache) => cache.match(address, { ignoreVary: true })) : undefined
}

async function freshOrKept(event) {
  const { request } = event
  const when = ++asked
  let answer
  try {
    answer = await fetch(request)
  } catch (failure) {
    const old = await kept(request.url)
    if (!old) throw failure
    // The page has to know that this is the past.
    const headers = new Headers(old.headers)
    headers.set('X-Confab-Kept', '1')
    return new Response(old.body, { status: old.status, headers })
  }
  if (answer.ok) event.waitUntil(keep(request.url, when, answer.clone()))
  else if (answer.status === 401) await caches.delete(DATA)
  return answer
}

async function keptOrFresh(request) {
  // A file's name holds its hash, so no header makes it another file. The server varies answers by Origin, which a page
  // sends for scripts and this worker did not.
  const kept = await caches.match(request, { ignoreVary: true })
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) {
    const copy = answer.clone()
    caches.open(SHELL).then((cache) => cache.put(request, copy)).catch(() => {})
  }
  return answer
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const target = event.notification.data?.url ?? BASE
  event.waitUntil(
    clients.matchAll({ type: 'window', includeUncontrolled: true }).then((pages) => {
      const page = pages.find((p) => new URL(p.url).pathname.startsWith(BASE))
      if (!page) return clients.openWindow(target)
      page.postMessage({ open: target })
      return page.focus()
    }),
  )
})
