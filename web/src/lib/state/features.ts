import type { ChatApi } from '@confab/client'

/** What this server can do beyond rooms and messages. */
export interface Features {
  edit: boolean
  remove: boolean
  reactions: boolean
  avatar: boolean
  presence: boolean
  typing: boolean
  readPositions: boolean
  mute: boolean
  /** Rooms of all kinds, with roles. */
  kinds: boolean
  /** Invitations, and lists of rooms: who is muted, banned and invited. */
  lists: boolean
  /** Files can be sent to rooms. */
  files: boolean
}

export const noFeatures: Features = {
  edit: false,
  remove: false,
  reactions: false,
  avatar: false,
  presence: false,
  typing: false,
  readPositions: false,
  mute: false,
  kinds: false,
  lists: false,
  files: false,
}

// Any version-1 UUID has the methods of a message.
const anyMessage = '00000000-0000-1000-8080-808080808080'

const all: Features = { edit: true, remove: true, reactions: true, avatar: true, presence: true, typing: true, readPositions: true, mute: true, kinds: false, lists: false, files: false }

/** Asks the server what it can do, by four questions: what each is about came at one time. It answers OPTIONS for what need not exist. */
export async function findFeatures(api: Pick<ChatApi, 'methods'>): Promise<Features> {
  const [messages, conversations, invitations, files] = await Promise.all([`messages/any/${anyMessage}`, 'conversations', 'rooms/any/invitations', 'rooms/any/files'].map((path) => api.methods(path)))
  return { ...(messages?.has('PATCH') ? all : noFeatures), kinds: conversations?.has('POST') === true, lists: invitations?.has('POST') === true, files: files?.has('POST') === true }
}
