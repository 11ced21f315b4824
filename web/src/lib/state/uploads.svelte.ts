import { ApiError, Backoff, errorOf, newKey, type ChatApi, type FileMention, type Message, type NewMessage, type UploadedFile } from '@confab/client'

/** A file as it was chosen, and what its sender says of it. */
export interface Chosen {
  file: File
  caption: string
  alt: string
}

export interface Upload extends Chosen {
  /** The Idempotency-Key of the file and of its message: however often they are sent, there is one of each. */
  key: string
  room: string
  replyTo: string | null
  state: 'queued' | 'sending' | 'waiting' | 'failed'
  /** How much of it has left this machine, from 0 to 1. */
  sent: number
  reason: ApiError | null
  /** What the server has made of it, once it is there: then only the message is missing. */
  there: UploadedFile | null
}

export interface Carrier {
  /** Uploads one file. */
  upload: (item: Upload, onProgress: (sent: number) => void, signal: AbortSignal) => Promise<UploadedFile>
  /** Posts its message. */
  post: (item: Upload, message: NewMessage, signal: AbortSignal) => Promise<Message>
  /** The message is in its room. */
  sent: (item: Upload, message: Message) => void
}

// So many files are sent at a time: more would only share the line.
const parallel = 2
// When nothing has moved for so long, in ms, the line is taken for dead. The server looks at a picture after its last byte.
const patience = 60_000

/**
 * Files on their way to rooms. What cannot be sent now is tried again until it is sent, refused or given up, always with
 * the same key. Files are in the memory of this page only: a reload loses what is not sent, and the browser asks before.
 */
export class Uploads {
  items = $state.raw<readonly Upload[]>([])
  private readonly trying = new Map<string, AbortController>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = false

  constructor(
    private readonly carrier: Carrier,
    private readonly backoff = new Backoff(1000, 10_000),
    private readonly makeKey: () => string = newKey,
  ) {}

  of(room: string): Upload[] {
    return this.items.filter((i) => i.room === room)
  }

  /** The first file answers what `replyTo` names. */
  add(room: string, chosen: readonly Chosen[], replyTo: string | null = null): void {
    const added = chosen.map((c, i): Upload => ({ ...c, key: this.makeKey(), room, replyTo: i === 0 ? replyTo : null, state: 'queued', sent: 0, reason: null, there: null }))
    this.set([...this.items, ...added])
    this.flush()
  }

  /** Sends what waits, without waiting for the next try. */
  flush(): void {
    clearTimeout(this.timer)
    if (this.stopped) return
    for (const item of this.items) {
      if (this.trying.size >= parallel) return
      if (item.state !== 'failed' && !this.trying.has(item.key) && (!item.there || this.isFirst(item))) void this.send(item.key)
    }
  }

  /** Messages come in the order in which their files were chosen. One that was refused holds no other up. */
  private isFirst(item: Upload): boolean {
    return this.items.find((i) => i.room === item.room && i.state !== 'failed')?.key === item.key
  }

  retry(key: string): void {
    this.change(key, { state: 'queued', reason: null })
    this.flush()
  }

  /** Gives a file up. It may have arrived, if its message was under way. */
  cancel(key: string): void {
    this.set(this.items.filter((i) => i.key !== key))
    this.trying.get(key)?.abort()
  }

  stop(): void {
    this.stopped = true
    for (const abort of this.trying.values()) abort.abort()
    this.set([])
    clearTimeout(this.timer)
  }

  private async send(key: string): Promise<void> {
    const abort = new AbortController()
    this.trying.set(key, abort)
    let idle: ReturnType<typeof setTimeout> | undefined
    const moved = (): void => {
      clearTimeout(idle)
      idle = setTimeout(() => abort.abort(), patience)
    }
    const now = (): Upload | undefined => this.items.find((i) => i.key === key)
    try {
      this.change(key, { state: 'sending', reason: null })
      const item = now()
      if (!item) return
      moved()
      if (!item.there) {
        const onProgress = (sent: number): void => {
          moved()
          this.change(key, { sent })
        }
        this.change(key, { there: await this.carrier.upload(item, onProgress, abort.signal), sent: 1 })
      }
      const whole = now()
      if (!whole?.there) return
      if (!this.isFirst(whole)) return this.change(key, { state: 'queued' })
      moved()
      const message = await this.carrier.post(whole, messageOf(whole, whole.there), abort.signal)
      this.backoff.reset()
      this.set(this.items.filter((i) => i.key !== key))
      this.carrier.sent(whole, message)
    } catch (error) {
      this.failed(key, error)
    } finally {
      clearTimeout(idle)
      this.trying.delete(key)
      if (now()?.state !== 'waiting') this.flush()
    }
  }

  private failed(key: string, error: unknown): void {
    // What was aborted and is not given up was too slow.
    const reason = error instanceof ApiError ? error : new ApiError(0, String(error))
    if (!reason.temporary && reason.status !== 401) return this.change(key, { state: 'failed', reason })
    this.change(key, { state: 'waiting', reason, sent: 0 })
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.flush(), Math.max((reason.retryAfter ?? 0) * 1000, this.backoff.next()))
  }

  private change(key: string, change: Partial<Upload>): void {
    this.set(this.items.map((i) => (i.key === key ? { ...i, ...change } : i)))
  }

  private set(items: readonly Upload[]): void {
    const before = this.items.length
    this.items = items
    if (typeof window === 'undefined' || (before > 0) === (items.length > 0)) return
    if (items.length > 0) addEventListener('beforeunload', ask)
    else removeEventListener('beforeunload', ask)
  }
}

// Who leaves the page is asked by the browser.
function ask(event: BeforeUnloadEvent): void {
  event.preventDefault()
}

/** How many bytes a file may have, if the server said so when it refused one. */
export function mostBytes(reason: ApiError | null): number | null {
  const most = /at most (\d+) bytes/.exec(reason?.message ?? '')?.[1]
  return most === undefined ? null : Number(most)
}

/** The message that names a file: by what the server has found in it, not by what its name says. */
export function messageOf({ caption, alt }: Chosen, there: UploadedFile): NewMessage {
  const [kind] = there.type.split('/')
  const body: FileMention = { file: there.id }
  if (caption.trim() !== '') body.caption = caption.trim()
  if (alt.trim() !== '') body.alt = alt.trim()
  return { kind: kind === 'image' && there.width ? 'image' : kind === 'audio' || kind === 'video' ? kind : 'file', body }
}

/** Uploads with the progress that only XMLHttpRequest tells. */
export function upload(api: Pick<ChatApi, 'base' | 'onUnauthenticated'>, { room, file, key }: Upload, onProgress: (sent: number) => void, signal: AbortSignal): Promise<UploadedFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', `${api.base}/rooms/${encodeURIComponent(room)}/files?name=${encodeURIComponent(file.name)}`)
    request.setRequestHeader('Accept', 'application/json')
    request.setRequestHeader('Content-Type', 'application/octet-stream')
    request.setRequestHeader('Idempotency-Key', key)
    request.upload.onprogress = (e) => onProgress(e.total > 0 ? e.loaded / e.total : 0)
    request.onload = () => {
      const { status } = request
      if (status >= 200 && status < 300) {
        try {
          return resolve(JSON.parse(request.responseText) as UploadedFile)
        } catch {
          return reject(new ApiError(status, 'The answer of the server cannot be read'))
        }
      }
      const wait = request.getResponseHeader('Retry-After')
      const answer = new Response(request.responseText, { status, statusText: request.statusText, headers: wait === null ? {} : { 'Retry-After': wait } })
      void errorOf(answer).then((error) => {
        if (status === 401) api.onUnauthenticated()
        reject(error)
      })
    }
    request.onerror = request.onabort = () => reject(new ApiError(0, 'The server cannot be reached'))
    signal.addEventListener('abort', () => request.abort())
    if (signal.aborted) return reject(new ApiError(0, 'The server cannot be reached'))
    request.send(file)
  })
}
