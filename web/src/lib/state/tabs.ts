import type { Draft } from './drafts'

/** What the tabs of a browser tell each other. */
export type TabEvent =
  /** Who is logged in now; null: nobody. */
  | { kind: 'user'; login: string | null }
  /** The room that the tab with the focus shows; null: it lost the focus, or shows none. */
  | { kind: 'front'; login: string; room: string | null }
  | { kind: 'draft'; login: string; room: string; draft: Draft }
  /** A message is not under way any more: it was sent, or given up. */
  | { kind: 'done'; login: string; key: string }

/** The other tabs of this browser. Where there is no channel to them, nothing is told and nothing comes. */
export class Tabs {
  private readonly channel: BroadcastChannel | null
  private readonly listeners = new Set<(event: TabEvent) => void>()

  constructor() {
    this.channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('confab')
    if (this.channel) this.channel.onmessage = ({ data }: MessageEvent<TabEvent>) => this.listeners.forEach((f) => f(data))
  }

  send(event: TabEvent): void {
    this.channel?.postMessage(event)
  }

  /** Calls f with what other tabs send, until the returned function is called. */
  listen(f: (event: TabEvent) => void): () => void {
    this.listeners.add(f)
    return () => this.listeners.delete(f)
  }
}
