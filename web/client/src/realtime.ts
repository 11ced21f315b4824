import { Client, type IFrame, type IMessage, type IStompSocket } from '@stomp/stompjs'
import { Backoff } from './backoff.js'

export type ConnectionState = 'closed' | 'connecting' | 'open' | 'waiting'

/** A MESSAGE frame. */
export interface Delivery {
  headers: Record<string, string>
  body: string
}

export interface Listener {
  onMessage: (delivery: Delivery) => void
  /** Further headers of the SUBSCRIBE frame. */
  headers?: Record<string, string>
  /** Takes what the server had queued before it took the UNSUBSCRIBE: with `skip` it comes nowhere else. */
  late?: boolean
  /** The id to resume from, asked for at each (re)connection. */
  after?: () => string | undefined
  /**
   * The server has taken the subscription: from now on nothing is missed.
   * `recovered` is null if `after` was not asked for.
   */
  onReady?: (recovered: boolean | null, first: boolean) => void
  /** The server will not have this subscription; it is not tried again. */
  onRefused?: (reason: string) => void
}

export interface RealtimeOptions {
  /** The address of the server, like `https://chat.example.org`. Default: the one that this page comes from. */
  server?: string | undefined
  /** An API token. It needs a `socket` that sends headers, which a browser's cannot. Without it the session's cookie counts. */
  token?: string | undefined
  /** Makes the WebSocket. `headers` are those to send along: the token's, or none. */
  socket?: (url: string, protocols: string[], headers: Record<string, string>) => IStompSocket
  backoff?: Backoff
  /** `retryAt`: when the next try begins, in ms since 1970, while waiting. */
  onState?: (state: ConnectionState, retryAt: number | null) => void
  /** A connection could not be made or was lost. Return false to give up (the session is over). */
  onLost?: () => Promise<boolean>
}

interface Subscription {
  id: string
  topic: string
  listener: Listener
  readied: boolean
}

/**
 * One STOMP connection that comes back by itself and takes its subscriptions
 * along. The server ends the connection when it refuses a subscription; that one
 * is dropped, told to its listener, and the others go on.
 */
export class Realtime {
  private client: Client | null = null
  private readonly subscriptions = new Map<string, Subscription>()
  // Those that are to end and take what is late, until the server confirms it.
  private readonly ending = new Map<string, Subscription>()
  private readonly options: RealtimeOptions
  private readonly backoff: Backoff
  private timer: ReturnType<typeof setTimeout> | undefined
  private counter = 0
  private wanted = false
  private refusal = false
  state: ConnectionState = 'closed'

  constructor(options: RealtimeOptions = {}) {
    if (options.token !== undefined && !options.socket) {
      throw new TypeError('A WebSocket of a browser sends no token: give a `socket` that does, or use the session’s cookie')
    }
    this.options = options
    this.backoff = options.backoff ?? new Backoff()
  }

  open(): void {
    if (this.wanted) return
    this.wanted = true
    this.connect()
  }

  /** Ends the connection; the subscriptions stay for the next open(). */
  close(): void {
    this.wanted = false
    clearTimeout(this.timer)
    this.drop()
    this.tell('closed', null)
  }

  /** Tries at once instead of waiting longer. */
  retryNow(): void {
    if (!this.wanted || this.state !== 'waiting') return
    clearTimeout(this.timer)
    this.connect()
  }

  /** The network is said to be gone: does not wait until the silence proves it. */
  cut(): void {
    if (this.client && this.state !== 'waiting') void this.lost()
  }

  /** Listens to a topic over all reconnections, until the returned function is called. */
  subscribe(topic: string, listener: Listener): () => void {
    const subscription: Subscription = { id: `s${++this.counter}`, topic, listener, readied: false }
    this.subscriptions.set(subscription.id, subscription)
    if (this.client?.connected) this.send(subscription)
    return () => {
      if (!this.subscriptions.delete(subscription.id)) return
      if (this.client?.connected) this.end(this.client, subscription)
    }
  }

  private end(client: Client, s: Subscription): void {
    if (!s.listener.late) {
      client.unsubscribe(s.id)
      return
    }
    const receipt = `u-${s.id}`
    this.ending.set(s.id, s)
    client.watchForReceipt(receipt, () => this.ending.delete(s.id))
    client.unsubscribe(s.id, { receipt })
  }

  private connect(): void {
    this.tell('connecting', null)
    const { server, token } = this.options
    // The scheme becomes ws or wss.
    const url = (server ?? window.location.origin).replace(/^http/, 'ws').replace(/\/$/, '') + '/api/chat/v1/stomp'
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    const protocols = ['v12.stomp', 'v11.stomp']
    const open = this.options.socket ?? ((u, p) => new WebSocket(u, p) as IStompSocket)
    const client = new Client({
      webSocketFactory: () => open(url, protocols, headers),
      // Coming back is decided here: what is asked for at a reconnection has to be current.
      reconnectDelay: 0,
      connectionTimeout: 10_000,
      heartbeatIncoming: 10_000,
      heartbeatOutgoing: 10_000,
      discardWebsocketOnCommFailure: true,
    })
    client.onConnect = () => {
      if (client !== this.client) return
      this.backoff.reset()
      this.tell('open', null)
      for (const s of this.subscriptions.values()) this.send(s)
    }
    client.onUnhandledMessage = (message: IMessage) => {
      const s = this.ending.get(message.headers['subscription'] ?? '')
      s?.listener.onMessage({ headers: message.headers, body: message.body })
    }
    client.onStompError = (frame) => this.refused(frame)
    client.onWebSocketClose = () => {
      if (client === this.client) void this.lost()
    }
    this.client = client
    client.activate()
  }

  private send(s: Subscription): void {
    const client = this.client
    if (!client) return
    const receipt = `r-${s.id}-${++this.counter}`
    const headers: Record<string, string> = { ...s.listener.headers, id: s.id, receipt }
    const after = s.listener.after?.()
    if (after !== undefined) headers['after'] = after
    client.watchForReceipt(receipt, (frame: IFrame) => {
      if (!this.subscriptions.has(s.id)) return
      const first = !s.readied
      s.readied = true
      const told = frame.headers['recovered']
      s.listener.onReady?.(told === undefined ? null : told === 'true', first)
    })
    client.subscribe(
      s.topic,
      (message: IMessage) => {
        if (this.subscriptions.has(s.id)) s.listener.onMessage({ headers: message.headers, body: message.body })
      },
      headers,
    )
  }

  private refused(frame: IFrame): void {
    const about = /^r-(s\d+)-\d+$/.exec(frame.headers['receipt-id'] ?? '')
    const s = about?.[1] === undefined ? undefined : this.subscriptions.get(about[1])
    if (!s) return
    this.subscriptions.delete(s.id)
    this.refusal = true
    s.listener.onRefused?.(frame.headers['message'] ?? '')
  }

  private async lost(): Promise<void> {
    this.drop()
    if (!this.wanted) return
    const delay = this.refusal ? 0 : this.backoff.next()
    this.refusal = false
    const at = Date.now() + delay
    this.tell('waiting', at)
    this.timer = setTimeout(() => this.connect(), delay)
    if (delay > 0 && (await this.options.onLost?.()) === false) this.close()
  }

  private drop(): void {
    const client = this.client
    this.client = null
    this.ending.clear()
    if (!client) return
    client.onWebSocketClose = () => {}
    void client.deactivate({ force: true })
  }

  private tell(state: ConnectionState, retryAt: number | null): void {
    this.state = state
    this.options.onState?.(state, retryAt)
  }
}
