import { ApiError, errorOf } from './errors.js'
import { pause } from './pause.js'
import type {
  Capabilities,
  ChangeList,
  Condition,
  Found,
  Invitation,
  ListedPage,
  Message,
  MessagePage,
  NewMessage,
  NewRoom,
  NewToken,
  NewUser,
  PageQuery,
  ParticipantPage,
  ProfileChange,
  Room,
  RoomChange,
  RoomFilePage,
  RoomList,
  RoomPage,
  RoomStatePage,
  SignUpMode,
  Token,
  UploadedFile,
  User,
  UserPage,
} from './types.js'

export interface ChatApiOptions {
  /** The address of the server, like `https://chat.example.org`. Default: the one that this page comes from. */
  server?: string | undefined
  /** An API token. Then it alone says who asks, and no cookie is sent. */
  token?: string | undefined
  fetch?: typeof fetch
  /**
   * How long an answer may take, in ms, beside the time that sending the request takes at 8 kB/s. Then the method
   * rejects as if the server could not be reached: whether the request took effect is unknown. Default: no limit.
   */
  timeout?: number | undefined
  /**
   * For how many seconds at most a request waits that was too much for the server (429): it is sent again after
   * Retry-After, which is safe as it had no effect. Default: 10. `logIn`, `typing` and `post` never wait.
   */
  patience?: number
  /** Called for each 401 outside of login: the session is over. */
  onUnauthenticated?: () => void
}

interface Sending {
  method?: string
  body?: unknown
  headers?: Record<string, string>
  query?: Record<string, string | number | undefined>
  signal?: AbortSignal | undefined
  ifMatch?: string | undefined
  /** Reject for a 429 without waiting. */
  hasty?: boolean
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/**
 * The chat API over REST. Who asks is said by `token`, or by the session's cookie: then one browser (or one
 * CookieJar) is one user. Every method rejects with an ApiError, or with the AbortError of its signal. A request is
 * repeated only after 429, see `patience`; see postSafely for messages.
 */
export class ChatApi {
  readonly base: string
  private readonly fetch: typeof fetch
  private readonly token: string | undefined
  private readonly timeout: number | undefined
  private readonly etags = new WeakMap<object, string>()
  private readonly patience: number
  onUnauthenticated: () => void
  /** The server's clock in its last answer, in ms since 1970, cut to the second; null before the first. */
  serverTime: number | null = null
  // How far that is ahead of this machine's clock.
  private ahead = 0

  /** The time by the server's clock, in ms since 1970: that of this machine if both agree within seconds, or before the first answer. */
  now(): number {
    return Date.now() + this.ahead
  }

  constructor(options: ChatApiOptions = {}) {
    this.base = (options.server ?? '').replace(/\/$/, '') + '/api/chat/v1'
    this.token = options.token
    this.timeout = options.timeout
    this.fetch = options.fetch ?? ((...args) => globalThis.fetch(...args))
    this.patience = options.patience ?? 10
    this.onUnauthenticated = options.onUnauthenticated ?? (() => {})
  }

  // Users and sessions

  signUp(user: NewUser): Promise<User> {
    return this.json('users', { method: 'POST', body: user })
  }

  /** Wrong credentials are status 401. */
  async logIn(login: string, password: string, rememberMe = false): Promise<void> {
    await this.send('authenticate', { method: 'POST', body: { login, password, rememberMe }, hasty: true })
  }

  async logOut(): Promise<void> {
    await this.send('logout', { method: 'POST' })
  }

  /** The user of this token, session or remember-me cookie; null if none of them is valid. */
  async currentUser(): Promise<User | null> {
    try {
      return await this.json<User>('remember-me')
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null
      throw error
    }
  }

  /** All users by login, ascending, from after `after` on. */
  users(after?: string, fetchSize = 100): Promise<UserPage> {
    return this.json('users', { query: { after, fetchSize } })
  }

  /** These users, in this order, at most 1000; those that do not exist are left out. */
  usersOf(logins: string[]): Promise<UserPage> {
    return this.json('users/queries', { method: 'POST', body: { id: logins } })
  }

  /** A user that was deleted is status 410. */
  user(login: string): Promise<User> {
    return this.json(`users/${encodeURIComponent(login)}`)
  }

  changeProfile(login: string, change: ProfileChange, condition?: Condition): Promise<User> {
    return this.json(`users/${encodeURIComponent(login)}`, { method: 'PATCH', body: change, ...condition })
  }

  /** Deletes one's own account. Its login is never free again. */
  async deleteUser(login: string, condition?: Condition): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}`, { method: 'DELETE', ...condition })
  }

  /** Ends all sessions of the user, this one too. A wrong current password is status 403. */
  async changePassword(login: string, currentPassword: string, password: string): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}/password`, { method: 'PUT', body: { currentPassword, password } })
  }

  /** Who may sign up, and how many characters a password has at least. */
  signUpMode(): Promise<{ signUp: SignUpMode; passwordMin: number }> {
    return this.json('sign-up')
  }

  /** One's own tokens, the newest first. Like what follows it wants a session. */
  async tokens(login: string): Promise<Token[]> {
    const { tokens } = await this.json<{ tokens: Token[] }>(`users/${encodeURIComponent(login)}/tokens`)
    return tokens
  }

  /** The answer alone has the secret `token`. A wrong password is status 403. */
  createToken(login: string, token: NewToken): Promise<Token & { token: string }> {
    return this.json(`users/${encodeURIComponent(login)}/tokens`, { method: 'POST', body: token })
  }

  async deleteToken(login: string, id: string): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' })
  }

  async putAvatar(login: string, picture: Blob): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}/avatar`, {
      method: 'PUT',
      body: picture,
      headers: { 'Content-Type': picture.type },
    })
  }

  async deleteAvatar(login: string): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}/avatar`, { method: 'DELETE' })
  }

  avatarUrl(login: string): string {
    return `${this.base}/users/${encodeURIComponent(login)}/avatar`
  }

  // Rooms

  /** Rooms by name, ascending, from after `after` on. */
  rooms(after?: string, fetchSize = 100): Promise<RoomPage> {
    return this.json('rooms', { query: { after, fetchSize } })
  }

  /** Rooms by their names and people by their logins that begin with a word: at most 20 of each. */
  search(word: string, fetchSize?: number, signal?: AbortSignal): Promise<Found> {
    return this.json('search', { query: { q: word, fetchSize }, signal })
  }

  /** These rooms, in this order, at most 1000; those that do not exist are left out. */
  async roomsOf(names: string[]): Promise<Room[]> {
    return (await this.json<RoomPage>('rooms/queries', { method: 'POST', body: { id: names } })).rooms
  }

  room(name: string): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(name)}`)
  }

  /** Participants by login, ascending, from after `after` on. A Room itself has the first 10,000. */
  participants(room: string, after?: string, fetchSize = 100): Promise<ParticipantPage> {
    return this.json(`rooms/${encodeURIComponent(room)}/participants`, { query: { after, fetchSize } })
  }

  /** A name that is taken is status 409. */
  createRoom(name: string, banner: string | null = null): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(name)}`, { method: 'POST', body: { banner } })
  }

  /** A room of another kind than an open one. The server makes its name. */
  makeRoom(room: NewRoom): Promise<Room> {
    return this.json('rooms', { method: 'POST', body: room })
  }

  /** The conversation of the user with 1 to 9 others, new or known. Status 403 if one of two has blocked the other. */
  converse(logins: string[]): Promise<Room> {
    return this.json('conversations', { method: 'POST', body: { logins } })
  }

  changeRoom(name: string, change: RoomChange, condition?: Condition): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(name)}`, { method: 'PATCH', body: change, ...condition })
  }

  changeBanner(name: string, banner: string | null, condition?: Condition): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(name)}`, { method: 'PATCH', body: { banner }, ...condition })
  }

  /** `default`, `forever`, or a duration like `30d` or `36h`. */
  changeRetention(name: string, retention: string): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(name)}/retention`, { method: 'PUT', body: { retention } })
  }

  async deleteRoom(name: string, condition?: Condition): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(name)}`, { method: 'DELETE', ...condition })
  }

  async join(room: string): Promise<void> {
    await this.send(`rooms/participant/${encodeURIComponent(room)}`, { method: 'PUT' })
  }

  async leave(room: string): Promise<void> {
    await this.send(`rooms/participant/${encodeURIComponent(room)}`, { method: 'DELETE' })
  }

  // Who may do what in a room

  /** What one may do in a room now. An action about somebody is named if it may be done to an ordinary participant. */
  capabilities(room: string): Promise<Capabilities> {
    return this.json(`rooms/${encodeURIComponent(room)}/capabilities`)
  }

  handOver(room: string, login: string): Promise<Room> {
    return this.json(`rooms/${encodeURIComponent(room)}/owner`, { method: 'PUT', body: { login } })
  }

  async setAdmin(room: string, login: string, on: boolean): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/admins/${encodeURIComponent(login)}`, { method: on ? 'PUT' : 'DELETE' })
  }

  async add(room: string, login: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/participants/${encodeURIComponent(login)}`, { method: 'PUT' })
  }

  /** As remove does, with a reason. */
  async dismiss(room: string, login: string, reason?: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/participants/${encodeURIComponent(login)}`, { method: 'DELETE', query: { reason } })
  }

  /** Who is on a list of a room, by login, ascending, from after `after` on. */
  listed(room: string, list: RoomList, after?: string, fetchSize = 100): Promise<ListedPage> {
    return this.json(`rooms/${encodeURIComponent(room)}/lists/${list}`, { query: { after, fetchSize } })
  }

  /** Mutes somebody, lets them post in a silent room, or blocks them, which ends their membership. `until` is ISO 8601. */
  async setListed(room: string, list: 'mute' | 'white' | 'block', login: string, how: { until?: string; note?: string } = {}): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/lists/${list}/${encodeURIComponent(login)}`, { method: 'PUT', body: how })
  }

  async unlist(room: string, list: RoomList, login: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/lists/${list}/${encodeURIComponent(login)}`, { method: 'DELETE' })
  }

  async invite(room: string, logins: string[], note?: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/invitations`, { method: 'POST', body: { logins, note } })
  }

  /** One's own invitations, the newest first. To accept one, join. */
  invitations(login: string): Promise<{ invitations: Invitation[]; hasMore: boolean }> {
    return this.json(`users/${encodeURIComponent(login)}/invitations`)
  }

  async decline(login: string, room: string): Promise<void> {
    await this.send(`users/${encodeURIComponent(login)}/invitations/${encodeURIComponent(room)}`, { method: 'DELETE' })
  }

  /** Removes another participant; only the room's owner and admins may. */
  async remove(room: string, login: string): Promise<void> {
    await this.send(`rooms/participant/${encodeURIComponent(room)}`, { method: 'PATCH', body: { login } })
  }

  // Files

  /**
   * Uploads a file to a room, for a message of it to name: one that no message names goes after a day. However often it
   * is sent with one key, there is one file.
   */
  uploadFile(room: string, file: Blob, name: string, idempotencyKey: string, signal?: AbortSignal): Promise<UploadedFile> {
    return this.json(`rooms/${encodeURIComponent(room)}/files`, {
      method: 'POST',
      body: file,
      query: { name },
      headers: { 'Content-Type': 'application/octet-stream', 'Idempotency-Key': idempotencyKey },
      signal,
      hasty: true,
    })
  }

  /** The files of a room, newest first, before a message or the `next` of the page before. */
  files(room: string, before?: string, limit?: number): Promise<RoomFilePage> {
    return this.json(`rooms/${encodeURIComponent(room)}/files`, { query: { before, limit } })
  }

  // What the user has read

  /** The user's own rooms with what is unread in them, by name, ascending, from after `after` on. */
  roomStates(login: string, after?: string, fetchSize?: number): Promise<RoomStatePage> {
    return this.json(`users/${encodeURIComponent(login)}/rooms`, { query: { after, fetchSize } })
  }

  async markRead(room: string, messageId: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/read`, { method: 'PUT', body: { messageId } })
  }

  /** Marks a message, and all newer ones, as unread. */
  async markUnread(room: string, messageId: string): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/unread`, { method: 'PUT', body: { messageId } })
  }

  async mute(room: string, muted: boolean): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/mute`, { method: 'PUT', body: { muted } })
  }

  // Who is there

  async online(room: string): Promise<string[]> {
    return (await this.json<{ online: string[] }>(`rooms/${encodeURIComponent(room)}/presence`)).online
  }

  async userOnline(login: string): Promise<boolean> {
    return (await this.json<{ online: boolean }>(`users/${encodeURIComponent(login)}/presence`)).online
  }

  async typing(room: string, typing: boolean): Promise<void> {
    await this.send(`rooms/${encodeURIComponent(room)}/typing`, { method: 'PUT', body: { typing }, hasty: true })
  }

  // Messages

  async messages(room: string, query: PageQuery = {}, signal?: AbortSignal): Promise<MessagePage> {
    const answer = await this.send(`messages/${encodeURIComponent(room)}`, { query: { ...query }, signal })
    const page = (await answer.json()) as MessagePage
    return { ...page, kept: answer.headers.get('X-Confab-Kept') === '1' }
  }

  message(room: string, messageId: string): Promise<Message> {
    return this.json(`messages/${encodeURIComponent(room)}/${messageId}`)
  }

  /** What was changed after a change or a message, oldest first. */
  changes(room: string, after: string): Promise<ChangeList> {
    return this.json(`messages/${encodeURIComponent(room)}/changes`, { query: { after, fetchSize: 200 } })
  }

  /** However often it is sent with one key (within 7 days), there is one message. */
  post(room: string, message: string | NewMessage, idempotencyKey: string, replyTo?: string, signal?: AbortSignal): Promise<Message> {
    const body = typeof message === 'string' ? { content: message } : message
    return this.json(`messages/${encodeURIComponent(room)}`, {
      method: 'POST',
      body: replyTo === undefined ? body : { ...body, replyTo },
      headers: { 'Idempotency-Key': idempotencyKey },
      signal,
      hasty: true,
    })
  }

  /** Replaces the content, or what is given of content, body and ext. Texts and custom messages can be edited. */
  edit(room: string, messageId: string, to: string | NewMessage): Promise<Message> {
    return this.json(`messages/${encodeURIComponent(room)}/${messageId}`, { method: 'PATCH', body: typeof to === 'string' ? { content: to } : to })
  }

  async deleteMessage(room: string, messageId: string): Promise<void> {
    await this.send(`messages/${encodeURIComponent(room)}/${messageId}`, { method: 'DELETE' })
  }

  react(room: string, messageId: string, emoji: string, on: boolean): Promise<Message> {
    return this.json(`messages/${encodeURIComponent(room)}/${messageId}/reactions/${encodeURIComponent(emoji)}`, {
      method: on ? 'PUT' : 'DELETE',
    })
  }

  /** The methods that the server has for a path below the base; none if it does not know it. Rejects only without an answer. */
  async methods(path: string): Promise<Set<string>> {
    try {
      const answer = await this.send(path, { method: 'OPTIONS' })
      const allow = answer.headers.get('Allow') ?? ''
      return new Set(allow.split(',').map((m) => m.trim()).filter(Boolean))
    } catch (error) {
      if (error instanceof ApiError && error.unreachable) throw error
      return new Set()
    }
  }

  /** The ETag of a user or room that this client returned. */
  etag(thing: User | Room): string | undefined {
    return this.etags.get(thing)
  }

  private async json<T extends object>(path: string, sending: Sending = {}): Promise<T> {
    const answer = await this.send(path, sending)
    let thing: T
    try {
      thing = (await answer.json()) as T
    } catch (error) {
      if (isAbort(error)) throw error
      throw new ApiError(answer.status, 'The answer of the server cannot be read')
    }
    const tag = answer.headers.get('ETag')
    if (tag !== null) this.etags.set(thing, tag)
    return thing
  }

  private async send(path: string, sending: Sending): Promise<Response> {
    for (let left = this.patience; ; ) {
      try {
        return await this.sendOnce(path, sending)
      } catch (error) {
        const wait = error instanceof ApiError && error.status === 429 && !sending.hasty ? error.retryAfter : null
        if (wait === null || wait > left) throw error
        left -= Math.max(wait, 1)
        await pause(wait * 1000, sending.signal)
      }
    }
  }

  private async sendOnce(path: string, sending: Sending): Promise<Response> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(sending.query ?? {})) {
      if (value !== undefined) query.set(name, String(value))
    }
    const headers: Record<string, string> = { Accept: 'application/json', ...sending.headers }
    if (this.token !== undefined) headers['Authorization'] = `Bearer ${this.token}`
    if (sending.ifMatch !== undefined) headers['If-Match'] = sending.ifMatch
    const init: RequestInit = {
      method: sending.method ?? 'GET',
      headers,
      credentials: this.token === undefined ? 'include' : 'omit',
      cache: 'no-store',
    }
    if (sending.body instanceof Blob) init.body = sending.body
    else if (sending.body !== undefined) {
      headers['Content-Type'] = 'application/json'
      init.body = JSON.stringify(sending.body)
    }
    const text = query.toString()
    const deadline = this.deadline(sending.signal, init.body instanceof Blob ? init.body.size : String(init.body ?? '').length)
    if (deadline.signal) init.signal = deadline.signal
    let answer: Response
    try {
      answer = await this.fetch(`${this.base}/${path}${text ? '?' + text : ''}`, init)
      // The rest of the answer has the same deadline.
      if (this.timeout !== undefined && answer.status !== 204) answer = new Response(await answer.blob(), answer)
    } catch (error) {
      if (isAbort(error) && !deadline.over()) throw error
      throw new ApiError(0, deadline.over() ? 'The server has not answered in time' : 'The server cannot be reached')
    } finally {
      deadline.end()
    }
    const date = Date.parse(answer.headers.get('Date') ?? '')
    if (!Number.isNaN(date)) {
      this.serverTime = date
      // Within seconds both are the same, as far as can be known: an answer takes its time.
      const ahead = date + 500 - Date.now()
      this.ahead = Math.abs(ahead) < 5000 ? 0 : ahead
    }
    if (answer.ok) return answer
    const error = await errorOf(answer)
    if (error.status === 401 && path !== 'authenticate' && path !== 'remember-me') this.onUnauthenticated()
    throw error
  }

  /** A signal that aborts when the other one does, or when it takes too long. */
  private deadline(other: AbortSignal | undefined, bytes: number): { signal: AbortSignal | undefined; over: () => boolean; end: () => void } {
    if (this.timeout === undefined) return { signal: other, over: () => false, end: () => {} }
    const abort = new AbortController()
    let over = false
    const follow = (): void => abort.abort(other?.reason)
    const timer = setTimeout(() => {
      over = true
      abort.abort()
    }, this.timeout + bytes / 8)
    if (other?.aborted) follow()
    else other?.addEventListener('abort', follow, { once: true })
    const end = (): void => {
      clearTimeout(timer)
      other?.removeEventListener('abort', follow)
    }
    return { signal: abort.signal, over: () => over, end }
  }
}
