/** Topics that cannot be resumed, with what they deliver. Each function subscribes, and returns how to end that. */
import type { Listener, Realtime } from './realtime.js'
import type { ChangeKind, Message, Person } from './types.js'

type Further = Omit<Listener, 'onMessage' | 'after'>

/** What happens in all rooms of the user, and on their other devices. */
export type UserEvent =
  | { event: 'message'; roomName: string; message: Message }
  | { event: 'change'; roomName: string; kind: ChangeKind; message: Message }
  | { event: 'joined' | 'deleted'; roomName: string }
  /** Removed: somebody else ended the membership. */
  | { event: 'left'; roomName: string; removed?: true }
  /** Somebody in the room, or the user, has these names now. */
  | { event: 'renamed'; roomName: string; person: Person }
  /** The read position, moved on another device too. */
  /** With `markedUnread` the position may have moved back. */
  | { event: 'read'; roomName: string; messageId: string; markedUnread?: true }
  | { event: 'mute'; roomName: string; muted: boolean }
  /** The room's settings are others now; its title, if it has one. */
  | { event: 'room'; roomName: string; title?: string }
  /** Somebody has another role in the room, or was muted, or may post. */
  | { event: 'member'; roomName: string; login: string; role?: 'owner' | 'admin'; muted: boolean; mutedUntil?: string }
  | { event: 'invited'; roomName: string; title: string; person: Person }

/** What was missed while there was no connection does not come: read it in `onReady`, with allRoomStates for example. */
export function onUser(realtime: Realtime, take: (event: UserEvent) => void, further: Further = {}): () => void {
  return realtime.subscribe('/topic/me', {
    ...further,
    onMessage: ({ headers, body }) => {
      take({ ...(JSON.parse(body) as object), event: headers['event'], kind: headers['change'] } as UserEvent)
    },
  })
}

/** Who joins a room and who leaves it. */
export function onParticipants(realtime: Realtime, room: string, take: (person: Person, here: boolean) => void, further: Further = {}): () => void {
  return realtime.subscribe(`/topic/participants/${room}`, {
    ...further,
    onMessage: ({ headers, body }) => take(JSON.parse(body) as Person, headers['status'] === 'JOIN'),
  })
}

/** Who of a room comes online and goes offline. ChatApi.online says who is. */
export function onPresence(realtime: Realtime, room: string, take: (login: string, online: boolean) => void, further: Further = {}): () => void {
  return realtime.subscribe(`/topic/presence/${room}`, {
    ...further,
    onMessage: ({ body }) => {
      const { login, status } = JSON.parse(body) as { login: string; status: string }
      take(login, status === 'online')
    },
  })
}

/** Who is writing in a room. Who goes on says so every few seconds; after some 8 s of silence take it that they stopped. */
export function onTyping(realtime: Realtime, room: string, take: (login: string, typing: boolean) => void, further: Further = {}): () => void {
  return realtime.subscribe(`/topic/typing/${room}`, {
    ...further,
    onMessage: ({ body }) => {
      const { login, typing } = JSON.parse(body) as { login: string; typing: boolean }
      take(login, typing)
    },
  })
}
