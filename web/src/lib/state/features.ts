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
}

// Any version-1 UUID has the methods of a message.
const anyMessage = '00000000-0000-1000-8080-808080808080'

/** Asks the server which methods it has; it answers OPTIONS for what need not exist. */
export async function findFeatures(api: Pick<ChatApi, 'methods'>, login: string): Promise<Features> {
  const [message, reaction, avatar, presence, typing, rooms, read, mute] = await Promise.all([
    api.methods(`messages/any/${anyMessage}`),
    api.methods(`messages/any/${anyMessage}/reactions/%F0%9F%91%8D`),
    api.methods(`users/${encodeURIComponent(login)}/avatar`),
    api.methods('rooms/any/presence'),
    api.methods('rooms/any/typing'),
    api.methods(`users/${encodeURIComponent(login)}/rooms`),
    api.methods('rooms/any/read'),
    api.methods('rooms/any/mute'),
  ] as const)
  return {
    edit: message.has('PATCH'),
    remove: message.has('DELETE'),
    reactions: reaction.has('PUT'),
    avatar: avatar.has('PUT'),
    presence: presence.has('GET'),
    typing: typing.has('PUT'),
    readPositions: rooms.has('GET') && read.has('PUT'),
    mute: mute.has('PUT'),
  }
}
