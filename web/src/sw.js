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
    if (keeps(url)) event.respondWith(freshOrKept(request))
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

async function freshOrKept(request) {
  let answer
  try {
    answer = await fetch(request)
  } catch (failure) {
    const kept = (await caches.has(DATA)) && (await caches.open(DATA).then((cache) => cache.match(request)))
    if (!kept) throw failure
    // The page has to know that this is the past.
    const headers = new Headers(kept.headers)
    headers.set('X-Confab-Kept', '1')
    return new Response(kept.body, { status: kept.status, headers })
  }
  if (answer.ok) {
    const copy = answer.clone()
    caches
      .has(DATA)
      .then((wanted) => wanted && caches.open(DATA).then((cache) => cache.put(request, copy)))
      .catch(() => {})
  } else if (answer.status === 401) {
    await caches.delete(DATA)
  }
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
