import { ChatApi, type User } from '@confab/client'
import { choose, useLanguage } from '../i18n'
import { Chat, storage } from './chat.svelte'
import { notices } from './notices.svelte'
import { router } from './router.svelte'
import { t } from '../i18n'

/** Where the page stands: starting, without a user, or with one. */
class App {
  phase = $state<'starting' | 'unreachable' | 'anonymous' | 'chatting'>('starting')
  chat = $state.raw<Chat | null>(null)
  readonly api = new ChatApi({ onUnauthenticated: () => this.over() })

  async start(): Promise<void> {
    await useLanguage(storage()?.getItem('confab:language') || choose(navigator.languages))
    document.documentElement.lang = storage()?.getItem('confab:language') || choose(navigator.languages)
    router.start()
    await this.resume()
  }

  /** Goes on with the session of this browser, if there is one. */
  async resume(): Promise<void> {
    this.phase = 'starting'
    try {
      const user = await this.api.currentUser()
      if (user) this.enter(user)
      else this.phase = 'anonymous'
    } catch {
      this.phase = 'unreachable'
    }
  }

  async logIn(login: string, password: string, remember: boolean): Promise<void> {
    await this.api.logIn(login, password, remember)
    this.enter(await this.api.user(login))
  }

  async logOut(): Promise<void> {
    this.leave()
    try {
      await this.api.logOut()
    } finally {
      router.go('#/login')
    }
  }

  /** All sessions have ended, this one too: the user logs in with the new password. */
  async changePassword(current: string, password: string): Promise<void> {
    const { chat } = this
    if (!chat) return
    await this.api.changePassword(chat.user.login, current, password)
    this.leave()
    notices.show(t('auth.password.changed'))
    router.go('#/login')
  }

  private enter(user: User): void {
    const { chat, route } = { chat: this.chat, route: router.route }
    chat?.stop()
    this.chat = new Chat(this.api, user, () => this.over())
    this.phase = 'chatting'
    if (route.at === 'login' || route.at === 'signup') router.go('#/', true)
    void this.chat.start()
  }

  private over(): void {
    if (this.phase !== 'chatting') return
    this.leave()
    notices.show(t('auth.over'), 'error')
  }

  private leave(): void {
    this.chat?.stop()
    this.chat = null
    this.phase = 'anonymous'
    document.title = 'confab'
    // Nothing that was read stays behind for the next user of this browser.
    if ('caches' in window) void caches.delete('confab-data')
  }
}

export const app = new App()
