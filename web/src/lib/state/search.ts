import type { Found } from '@confab/client'
import type { Chat } from './chat.svelte'

// What is typed is looked for on the server once the hands rest.
const rest = 120

/**
 * Looks for people and rooms by what is typed, and passes on what the server has found. Who has a picture is learned on the
 * way. Without an answer nothing happens: what is known here is shown all the same. The returned function ends it.
 */
export function searchSoon(chat: Chat, typed: string, most: number, take: (found: Found) => void): () => void {
  const stop = new AbortController()
  const timer = setTimeout(() => {
    chat.api.search(typed, most, stop.signal).then(
      (found) => {
        chat.pictures.learn(found.users.map((u) => u.login), found.avatars)
        take(found)
      },
      () => {},
    )
  }, rest)
  return () => {
    clearTimeout(timer)
    stop.abort()
  }
}
