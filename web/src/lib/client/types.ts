/** The objects of the chat API, version 1, as they come over REST and STOMP. */

/** A login or the name of a room: 3 to 31 characters, case counts. */
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{2,30}$/

/** The longest message, in bytes of UTF-8. */
export const maxContentBytes = 65_536

/** The author of system messages. */
export const systemLogin = 'killrchat'

export interface Person {
  login: string
  firstname: string
  lastname: string
}

export interface User extends Person {
  email: string | null
  bio: string | null
  chatRooms: string[]
}

export interface Room {
  roomName: string
  creator: Person
  banner: string | null
  participants: Person[]
  /** ISO 8601, UTC. */
  creationDate: string
}

export interface Reaction {
  emoji: string
  logins: string[]
  count: number
}

export interface Message {
  /** A timeuuid. Order messages with compareIds, never as text. */
  messageId: string
  author: Person
  content: string
  systemMessage: boolean
  /** ISO 8601, UTC. */
  creationDate: string
  editedAt?: string | null
  /** A deleted message stays in its place, without content. */
  deleted?: boolean
  /** The message this one answers. */
  replyTo?: string | null
  reactions?: Reaction[]
}

/** Some messages of a room without a hole, oldest first. */
export interface MessagePage {
  messages: Message[]
  hasMore: boolean
  /** Only for `around`. */
  hasMoreBefore?: boolean
  hasMoreAfter?: boolean
  /** True if there was no connection and this is what was read last. */
  kept: boolean
}

/** An edit, a deletion or a reaction, with the message as it is now. */
export interface Change {
  /** A timeuuid of its own, in one order with the ids of messages. */
  changeId: string
  kind: 'edit' | 'delete' | 'react'
  message: Message
}

/** Some changes of a room, oldest first. A page that has more may be empty. */
export interface ChangeList {
  changes: Change[]
  hasMore: boolean
  /** If there is more: where it begins. */
  next?: string
}

export interface RoomPage {
  rooms: Room[]
  hasMore: boolean
}

/** What a user has to read in one room. */
export interface RoomState {
  roomName: string
  lastMessage: Message | null
  lastRead: string | null
  /** Bounded: 100 means 100 or more. */
  unread: number
  muted: boolean
}

export interface NewUser {
  login: string
  password: string
  firstname: string
  lastname: string
  email: string | null
  bio: string | null
}

export type ProfileChange = Partial<Pick<User, 'firstname' | 'lastname' | 'email' | 'bio'>>

export interface PageQuery {
  before?: string
  after?: string
  around?: string
  /** 1 to 200. */
  fetchSize?: number
}
