import type { ChatApi, Message, Person, Realtime } from '@confab/client'
import { t } from '../i18n'
import type { Chat } from './chat.svelte'
import { notices } from './notices.svelte'
import { preview } from '../text/preview'
import type { RoomEntry } from './room.svelte'

// Somebody who writes says so again within this time.
const typingLasts = 8000

/** Listens to everything of the room that is shown. Returns how to stop. */
export function openChannel(chat: Chat, entry: RoomEntry): () => void {
  const { realtime, api } = chat
  const stops = [
    messages(chat, entry),
    realtime.subscribe(`/topic/participants/${entry.name}`, {
      onMessage: ({ headers, body }) => {
        const person = JSON.parse(body) as Person
        const here = headers['status'] === 'JOIN'
        entry.setParticipant(person, here)
        if (!here && person.login === chat.user.login) chat.removed(entry)
      },
      // Who joined since the room was read, and before this subscription, is in no event: the first time too.
      onReady: () => {
        chat.reread(entry).catch(() => {})
      },
    }),
    action(chat, entry),
  ]
  if (chat.features.presence) {
    stops.push(presence(realtime, api, entry))
  }
  if (chat.features.typing) {
    stops.push(
      realtime.subscribe(`/topic/typing/${entry.name}`, {
        onMessage: ({ body }) => {
          const { login, typing } = JSON.parse(body) as { login: string; typing: boolean }
          if (login === chat.user.login) return
          if (!typing) entry.typing.delete(login)
          else {
            const until = Date.now() + typingLasts
            entry.typing.set(login, until)
            setTimeout(() => {
              if (entry.typing.get(login) === until) entry.typing.delete(login)
            }, typingLasts)
          }
        },
      }),
    )
  }
  return () => {
    for (const stop of stops) stop()
    entry.typing.clear()
  }
}

/** Listens to who of a room comes online and goes. */
export function presence(realtime: Realtime, api: ChatApi, entry: RoomEntry): () => void {
  return realtime.subscribe(`/topic/presence/${entry.name}`, {
    onMessage: ({ body }) => {
      const { login, status } = JSON.parse(body) as { login: string; status: string }
      entry.setOnline(login, status === 'online')
    },
    onReady: () => {
      entry.readOnline(() => api.online(entry.name)).catch(() => {})
    },
  })
}

/** Listens to a room that is not shown, for its count of unread messages. */
export function watchChannel(chat: Chat, entry: RoomEntry): () => void {
  const stops = [messages(chat, entry), action(chat, entry)]
  return () => {
    for (const stop of stops) stop()
  }
}

function messages(chat: Chat, entry: RoomEntry): () => void {
  return chat.realtime.subscribe(`/topic/messages/${entry.name}`, {
    after: () => entry.log.resume(),
    late: true,
    onMessage: ({ headers, body }) => chat.arrive(() => {
      if (chat.rooms.get(entry.name) !== entry) return // left meanwhile
      const message = JSON.parse(body) as Message
      const change = headers['change'] !== undefined
      entry.log.reached(headers['message-id'])
      const fresh = !change && entry.log.get(message.messageId) === undefined
      chat.hear(entry, message, change)
      if (fresh && chat.current === entry && message.author.login !== chat.user.login) {
        notices.say(message.systemMessage ? preview(message) : t('log.announce', { name: message.author.firstname, text: preview(message) }))
      }
    }),
    onReady: (recovered, first) => {
      if (recovered === true) entry.log.caughtUp()
      if (recovered === true && first && !entry.log.kept) return
      if (entry.log.status === 'empty') {
        if (!first) void chat.unreads.catchUp(entry)
        return
      }
      const { log } = entry
      Promise.all([log.refresh(), log.catchUp()]).catch(() => {
        // Lost again: the next connection does it.
      })
    },
    onRefused: () => void chat.check(entry),
  })
}

function action(chat: Chat, entry: RoomEntry): () => void {
  return chat.realtime.subscribe(`/topic/action/${entry.name}`, {
    onMessage: ({ headers }) => {
      if (headers['action'] === 'DELETE') chat.roomDeleted(entry)
    },
  })
}
