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
  /** An IANA name like `Europe/Zurich`; null means UTC. */
  timezone: string | null
  chatRooms: string[]
}

/** Whose picture is there, of the people in an answer: a tag by login, which changes with the picture. */
export interface Pictured {
  avatars?: Record<string, string>
}

/** Whole pages of people; `hasMore` says whether there is a next one. */
export interface UserPage extends Pictured {
  users: Person[]
  hasMore: boolean
}

export interface ParticipantPage extends Pictured {
  participants: Person[]
  hasMore: boolean
}

/** Everybody finds an open room and may join it; the others have names that the server makes, which begin with `_`. */
export type RoomKind = 'open' | 'private' | 'direct' | 'group' | 'chatroom' | (string & {})

export interface Room {
  roomName: string
  kind?: RoomKind
  /** What the room is called, if it is not its name. */
  title?: string | null
  description?: string
  announcement?: string
  /** Of an open room at first its creator; null for a direct conversation. */
  owner?: string | null
  admins?: string[]
  /** Only the owner, admins and those on the list `white` may post. */
  silent?: boolean
  /** Those who are in the room may add and invite others. */
  membersInvite?: boolean
  /** Who is in a direct conversation. */
  between?: Person[]
  creator: Person
  banner: string | null
  /** By login, ascending: the first 10,000, in lists of rooms the first 20. `participants` of the API goes through all. */
  participants: Person[]
  /** 10000 means that many or more. */
  participantCount: number
  /** ISO 8601, UTC. */
  creationDate: string
  /** How long messages are kept: what the room says (`default`, `forever`, `30d`), and what comes of it; null: for ever. */
  retention: { setting: string; seconds: number | null }
}

export interface Reaction {
  /** At most 50, the first who reacted. */
  emoji: string
  logins: string[]
  count: number
}

/** A file: the body of an image, a file, an audio or a video. */
export interface Attachment {
  /** One that was uploaded to the room, which says all that follows but for caption, alt and duration; absent: it is elsewhere. */
  file?: string
  /** An http or https address, or a path of the server. */
  url: string
  caption?: string
  /** What can be seen, for those who cannot see it. */
  alt?: string
  /** Of a picture: a tiny one, in base64, to be shown until it has loaded. */
  preview?: string
  name?: string
  type?: string
  /** Bytes. */
  size?: number
  secret?: string
  width?: number
  height?: number
  /** Seconds. */
  duration?: number
  thumbnail?: string
  thumbnailSecret?: string
}

export interface Location {
  latitude: number
  longitude: number
  address?: string
}

/** What clients have agreed on among themselves. */
export interface Custom {
  event: string
  params?: Record<string, string>
}

/** What a message says of a file that was uploaded. Its author says the last three. */
export type FileMention = Pick<Attachment, 'caption' | 'alt' | 'duration'> & { file: string }

/** A file of a room, as an upload answers with it. Width, height, preview and thumbnail are those of a picture that browsers show. */
export interface UploadedFile {
  id: string
  name: string
  type: string
  /** Bytes. */
  size: number
  url: string
  width?: number
  height?: number
  preview?: string
  thumbnail?: string
}

/** A file of a room, and the message that brought it. */
export interface RoomFile extends UploadedFile {
  kind: 'image' | 'file' | 'audio' | 'video'
  messageId: string
  author: Person
  creationDate: string
  caption?: string
  alt?: string
  duration?: number
}

export interface RoomFilePage {
  files: RoomFile[]
  hasMore: boolean
  /** If there is more: what is before this. */
  next?: string
}

/** For programs. */
export interface Command {
  action: string
  params?: Record<string, unknown>
}

export type NoticeType =
  | 'joined' | 'left' | 'removed' | 'banned' | 'muted' | 'unmuted' | 'owner' | 'admin' | 'member' | 'announcement' | 'renamed' | 'created'

/** What a system message tells; more types may come. One of an earlier version has only a content. */
export interface Notice {
  type: NoticeType | (string & {})
  who?: Person
  by?: Person
  /** Of `renamed`: what the room is called. */
  text?: string
}

/** What a message has beside its text. Of a kind that a program does not know it shows the content. */
export interface Payload {
  /** Absent for a text. */
  kind?: 'image' | 'file' | 'audio' | 'video' | 'location' | 'custom' | 'command' | 'notice' | (string & {})
  body?: Attachment | FileMention | Location | Custom | Command | Notice
  /** What clients have added for each other. */
  ext?: Record<string, unknown>
}

/** A message to post: a text, or a message of another kind, whose content the server makes. */
export interface NewMessage extends Payload {
  content?: string
}

export interface Message extends Payload {
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
export interface MessagePage extends Pictured {
  messages: Message[]
  hasMore: boolean
  /** Only for `around`. */
  hasMoreBefore?: boolean
  hasMoreAfter?: boolean
  /** True if there was no connection, and a service worker answered with what it had kept (header `X-Confab-Kept: 1`). */
  kept: boolean
}

export type ChangeKind = 'edit' | 'delete' | 'react'

/** An edit, a deletion or a reaction, with the message as it is now. */
export interface Change {
  /** A timeuuid of its own, in one order with the ids of messages. */
  changeId: string
  kind: ChangeKind
  message: Message
}

/** Some changes of a room, oldest first. A page that has more may be empty. */
export interface ChangeList {
  changes: Change[]
  hasMore: boolean
  /** If there is more: where it begins. */
  next?: string
}

/** What one may do in a room now. */
export interface Capabilities {
  actions: RoomAction[]
  /** When a mute of one's own is over by itself: nobody is told of that. Absent of servers from before. */
  mutedUntil?: string | null
}

/** What one may do in a room. More may come. */
export type RoomAction =
  | 'see a room' | 'see the participants' | 'see the lists' | 'join a room' | 'ask to join' | 'leave a room' | 'take part'
  | 'post a message' | 'edit a message' | 'delete a message' | 'add a participant' | 'remove a participant'
  | 'mute or block somebody' | 'change a room' | 'govern a room' | 'delete a room'

/** Lists of people that a room has: who may not post, who may in a silent room, who may not join, who is invited, who has asked. */
export type RoomList = 'mute' | 'white' | 'block' | 'invited' | 'asked'

export interface Listed {
  login: string
  /** ISO 8601; null: without an end. */
  until: string | null
  by: string
  note: string
  at: string
}

export interface ListedPage {
  people: Listed[]
  hasMore: boolean
}

/** A room that one is invited to. */
export interface Invitation {
  roomName: string
  kind: RoomKind
  title: string | null
  by: Person | null
  note: string
  at: string
}

/** A room of another kind than an open one, to be made. */
export interface NewRoom {
  kind: 'private'
  title: string
  description?: string
  membersInvite?: boolean
}

/** What is to be another in a room; what is absent stays. */
export type RoomChange = Partial<Pick<Room, 'banner' | 'title' | 'description' | 'announcement' | 'silent' | 'membersInvite'>>

export interface RoomPage {
  rooms: Room[]
  hasMore: boolean
}

/** What a search found. */
export interface Found extends Pictured {
  rooms: Room[]
  users: Person[]
}

export interface RoomStatePage {
  rooms: RoomState[]
  hasMore: boolean
}

/** What a user has to read in one room. */
export interface RoomState {
  roomName: string
  kind?: RoomKind
  title?: string | null
  between?: Person[]
  lastMessage: Message | null
  lastRead: string | null
  /** The user has marked messages as unread: lastRead may be older than it was. */
  markedUnread: boolean
  /** Bounded: 100 means 100 or more. */
  unread: number
  muted: boolean
}

export interface NewUser {
  login: string
  password: string
  firstname: string
  lastname: string
  email?: string | null
  bio?: string | null
  timezone?: string | null
  /** The secret of an invitation, where one is needed. */
  invitation?: string
}

/** Who may sign up: everybody, who has an invitation, or nobody. */
export type SignUpMode = 'open' | 'invite' | 'closed'

/** What a token opens; each may read. */
export type Scope = 'read' | 'post' | 'manage' | 'admin'

/** A token of a user, for programs. */
export interface Token {
  id: string
  name: string
  scopes: Scope[]
  created: string
  /** null is never. */
  expires: string | null
  /** To the minute; null is never. */
  lastUsed: string | null
}

export interface NewToken {
  name: string
  password: string
  scopes?: Scope[]
  /** Seconds; 0 is never. */
  expiresIn?: number
}

export type ProfileChange = Partial<Pick<User, 'firstname' | 'lastname' | 'email' | 'bio' | 'timezone'>>

/** Makes a change happen only if nobody else has changed the thing since: else status 412. */
export interface Condition {
  /** The ETag that was read, which ChatApi.etag gives. */
  ifMatch?: string | undefined
}

export interface PageQuery {
  before?: string
  after?: string
  around?: string
  /** 1 to 200. */
  fetchSize?: number
}
