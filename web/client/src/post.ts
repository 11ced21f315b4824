import { Backoff } from './backoff.js'
import { ApiError } from './errors.js'
import { pause } from './pause.js'
import type { ChatApi } from './rest.js'
import type { Message, NewMessage } from './types.js'

export interface PostOptions {
  /** The message that this one answers. */
  replyTo?: string | undefined
  /** Default: a new one. Give one that you have kept, and a message that was posted before this program restarted is not posted twice. */
  key?: string | undefined
  /** How often it is tried at most; 10 by default, which takes some two minutes. */
  tries?: number
  signal?: AbortSignal | undefined
  backoff?: Backoff
}

/** A key for one message. */
export function newKey(): string {
  // crypto.randomUUID is missing from pages that came without TLS.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Posts a message once, however often that has to be tried: while no answer comes and while the server cannot (408,
 * 429, 5xx) it tries anew with the same Idempotency-Key, and waits as long as the server says or longer and longer. It
 * rejects with the last error, or with the AbortError of `signal`. After an error that is `temporary`, whether the message was
 * posted is unknown: posting it later with the same `key` is safe.
 */
export async function postSafely(api: ChatApi, room: string, message: string | NewMessage, options: PostOptions = {}): Promise<Message> {
  const { key = newKey(), tries = 10, signal, backoff = new Backoff() } = options
  for (let tried = 1; ; tried++) {
    try {
      return await api.post(room, message, key, options.replyTo, signal)
    } catch (error) {
      if (!(error instanceof ApiError && error.temporary) || tried >= tries) throw error
      await pause(Math.max(backoff.next(), (error.retryAfter ?? 0) * 1000), signal)
    }
  }
}
