/** Everything, page by page, as async iterators. Each page is asked for when the one before has been used up. */
import type { ChatApi } from './rest.js'
import { idBefore } from './timeuuid.js'
import type { Change, Message, Person, Room, RoomState } from './types.js'

// The most that the server gives of messages and changes at a time.
const most = 200

/** The messages of a room, newest first, from before the message `before`, or from the newest on. */
export async function* older(api: ChatApi, room: string, before?: string, signal?: AbortSignal): AsyncGenerator<Message, void> {
  for (let from = before, more = true; more; ) {
    const page = await api.messages(room, from === undefined ? { fetchSize: most } : { before: from, fetchSize: most }, signal)
    yield* [...page.messages].reverse()
    from = page.messages[0]?.messageId
    more = page.hasMore && from !== undefined
  }
}

/** The messages of a room, oldest first, from after the message `after`, or from the oldest on. */
export async function* newer(api: ChatApi, room: string, after = idBefore(0), signal?: AbortSignal): AsyncGenerator<Message, void> {
  for (let from: string | undefined = after, more = true; more && from !== undefined; ) {
    const page = await api.messages(room, { after: from, fetchSize: most }, signal)
    yield* page.messages
    from = page.messages.at(-1)?.messageId
    more = page.hasMore
  }
}

/** What was edited, deleted and reacted to in a room, oldest first, from after the message or change `after`. */
export async function* allChanges(api: ChatApi, room: string, after = idBefore(0)): AsyncGenerator<Change, void> {
  for (let from: string | undefined = after; from !== undefined; ) {
    const page = await api.changes(room, from)
    yield* page.changes
    from = page.hasMore ? (page.next ?? page.changes.at(-1)?.changeId) : undefined
  }
}

/** All rooms by name, ascending. */
export function allRooms(api: ChatApi): AsyncGenerator<Room, void> {
  return each((after) => api.rooms(after), (page) => page.rooms, (room) => room.roomName)
}

/** All users by login, ascending. */
export function allUsers(api: ChatApi): AsyncGenerator<Person, void> {
  return each((after) => api.users(after), (page) => page.users, (person) => person.login)
}

/** Who is in a room, by login, ascending. */
export function allParticipants(api: ChatApi, room: string): AsyncGenerator<Person, void> {
  return each((after) => api.participants(room, after), (page) => page.participants, (person) => person.login)
}

/** The user's own rooms with what is unread in them, by name, ascending. */
export function allRoomStates(api: ChatApi, login: string): AsyncGenerator<RoomState, void> {
  return each((after) => api.roomStates(login, after), (page) => page.rooms, (state) => state.roomName)
}

async function* each<P extends { hasMore: boolean }, T>(
  read: (after?: string) => Promise<P>,
  rows: (page: P) => T[],
  name: (row: T) => string,
): AsyncGenerator<T, void> {
  for (let after: string | undefined, more = true; more; ) {
    const page = await read(after)
    yield* rows(page)
    const last = rows(page).at(-1)
    after = last === undefined ? undefined : name(last)
    more = page.hasMore && after !== undefined
  }
}
