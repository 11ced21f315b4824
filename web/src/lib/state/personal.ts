import type { Message, Person } from '@confab/client'
import { t } from '../i18n'
import type { Chat } from './chat.svelte'
import { notices } from './notices.svelte'
import { fullName } from './room.svelte'

/** Listens to the user's own topic: what happens in all their rooms, and at their other devices. */
export function personalChannel(chat: Chat, onRefused: () => void): () => void {
  return chat.realtime.subscribe('/topic/me', {
    // The subscription to the room that is shown delivers its messages.
    headers: { skip: 'open-rooms' },
    onMessage: ({ headers, body }) => chat.arrive(() => heardPersonally(chat, headers['event'] ?? '', body)),
    // What came before is not heard: not even between the first answer and this subscription.
    onReady: () => {
      void chat.unreads.load().catch(() => {})
      if (chat.features.lists) chat.invitations.read().catch(() => {})
    },
    onRefused,
  })
}

/** Takes an event of the user's own topic. */
export function heardPersonally(chat: Chat, event: string, body: string): void {
  const told = JSON.parse(body) as {
    roomName: string
    messageId?: string
    lastRead?: string
    markedUnread?: boolean
    muted?: boolean
    message?: Message
    person?: Person
    title?: string
    login?: string
    removed?: boolean
  }
  const known = chat.rooms.get(told.roomName)
  switch (event) {
    case 'read': {
      const read = told.lastRead ?? told.messageId
      const back = told.markedUnread === true
      // What was marked on this page is known already; the user may have left the room since.
      if (known && read && !(back && read === known.lastRead)) chat.unreads.move(known, read, back)
      break
    }
    case 'mute':
      if (known) known.muted = told.muted === true
      break
    case 'message':
      // The room that is shown hears its messages itself.
      if (known && known !== chat.current && told.message) chat.hear(known, told.message, false)
      else if (!known || !told.message) void chat.unreads.load()
      break
    case 'change':
      if (known && known !== chat.current && told.message) chat.hear(known, told.message, true)
      break
    case 'renamed':
      if (!told.person) break
      known?.rename(told.person)
      if (told.person.login === chat.user.login) chat.user = { ...chat.user, ...told.person }
      break
    case 'room':
      if (known) known.title = told.title ?? null
      if (known && known === chat.current) chat.reread(known).catch(() => {})
      break
    case 'member':
      if (known && known === chat.current) {
        known.changed++
        chat.reread(known).catch(() => {})
      }
      break
    case 'invited':
      if (told.person) notices.say(t('invite.told', { name: fullName(told.person), room: told.title ?? '' }))
      chat.invitations.read().catch(() => {})
      break
    case 'joined':
      chat.invitations.drop(told.roomName)
      chat.entry(told.roomName).mine = true
      void chat.unreads.load()
      break
    case 'left':
      if (known?.mine) chat.removed(known, told.removed)
      break
    case 'deleted':
      if (known?.mine) chat.roomDeleted(known)
      break
  }
}
