import type { Message } from '@confab/client'

/** A message as it is when somebody has reacted to it, or taken that back. */
export function reacted(message: Message, emoji: string, login: string, on: boolean): Message {
  const all = message.reactions ?? []
  const known = all.find((r) => r.emoji === emoji)
  if ((known?.logins.includes(login) ?? false) === on) return message
  if (!known) return { ...message, reactions: [...all, { emoji, logins: [login], count: 1 }] }
  const changed = { ...known, logins: on ? [...known.logins, login] : known.logins.filter((l) => l !== login), count: known.count + (on ? 1 : -1) }
  return { ...message, reactions: all.map((r) => (r === known ? changed : r)).filter((r) => r.count > 0) }
}
