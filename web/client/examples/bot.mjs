// A bot that answers "!ping" in one room.
//
//   CONFAB_SERVER    the server (http://127.0.0.1:8080)
//   CONFAB_ROOM      the room (lounge)
//   CONFAB_TOKEN     an API token; or
//   CONFAB_LOGIN     a login and
//   CONFAB_PASSWORD  its password
import { ChatApi, CookieJar, followRoom, postSafely, Realtime } from '@confab/client'
import WebSocket from 'ws'

const { CONFAB_SERVER: server = 'http://127.0.0.1:8080', CONFAB_ROOM: room = 'lounge', CONFAB_TOKEN: token } = process.env

const jar = new CookieJar() // stays empty with a token
const api = new ChatApi(token ? { server, token } : { server, fetch: jar.fetch })
if (!token) await api.logIn(process.env.CONFAB_LOGIN ?? '', process.env.CONFAB_PASSWORD ?? '')
await api.join(room)
const self = await api.currentUser()

const realtime = new Realtime({
  server,
  token,
  socket: (url, protocols, headers) => new WebSocket(url, protocols, { headers: { ...headers, ...jar.headers() } }),
})

async function answer({ messageId, author, content }) {
  if (content !== '!ping' || author.login === self.login) return
  try {
    // One question has one key: whatever fails and is tried anew, it gets one answer.
    await postSafely(api, room, 'pong', { key: `pong-${messageId}`, replyTo: messageId })
  } catch (error) {
    console.error(`no answer to ${messageId}: ${error.message}`)
  }
}

const following = await followRoom(api, realtime, room, {
  onEvent: (event) => {
    if (event.type === 'message') void answer(event.message)
  },
  onEnd: (error) => {
    console.error(`${room} is over: ${error.message}`)
    realtime.close()
  },
})
realtime.open()
console.log(`${self.login} listens in ${room}`)

process.once('SIGTERM', () => {
  following.stop()
  realtime.close()
})
