import type { Message } from '@confab/client'
import type { Key } from '../i18n'
import type { Chat } from '../state/chat.svelte'
import type { RoomEntry } from '../state/room.svelte'

export type Act = 'reply' | 'edit' | 'delete' | 'react' | 'unread' | 'link' | 'copy'

export interface Action {
  act: Act
  icon: 'reply' | 'edit' | 'trash' | 'smile' | 'unread' | 'link' | 'copy'
  key: Key
}

/** What the user can do about a message, for the toolbar, the sheet and the keys alike. */
export function actionsOn(message: Message, entry: Pick<RoomEntry, 'may'>, { user, features }: Pick<Chat, 'user' | 'features'>): Action[] {
  if (message.systemMessage || message.deleted) return []
  const mine = message.author.login === user.login
  const actions: Action[] = []
  if (features.reactions) actions.push({ act: 'react', icon: 'smile', key: 'message.react' })
  // Who may not write now is offered neither; one may still react, and delete what is one's own.
  if (features.edit && entry.may('post a message')) actions.push({ act: 'reply', icon: 'reply', key: 'message.reply' })
  if (features.edit && mine && !message.kind && entry.may('edit a message')) actions.push({ act: 'edit', icon: 'edit', key: 'message.edit' })
  if (features.readPositions && !mine) actions.push({ act: 'unread', icon: 'unread', key: 'message.markUnread' })
  actions.push({ act: 'copy', icon: 'copy', key: 'message.copyText' }, { act: 'link', icon: 'link', key: 'message.copyLink' })
  if (features.remove && (mine || entry.may('delete a message'))) {
    actions.push({ act: 'delete', icon: 'trash', key: 'message.delete' })
  }
  return actions
}
