import { ApiError, ChatApi, type User } from '@confab/client'
import { choose, isRightToLeft, language, t, useLanguage } from '../i18n'
import { Again } from './again'
import { Chat } from './chat.svelte'
import { statesAtATime } from './keeper'
import { pageSize } from './log.svelte'
import { notices } from './notices.svelte'
import { router } from './router.svelte'
import { clearDesktop, forget, forgetOthers, isRemembered, keepAnswer, keepAnswers, privateStorage, remember, storage } from './shelf'
import { Tabs } from './tabs'
import { today } from './today.svelte'

// Set while the user is logged out here and the server does not know it yet.
const pendingName = 'confab:logout'
const logOutEvery = 5000

/** Where the page stands: starting, without a user, with one, or with one whose session has ended. */
class App {
  phase = $state<'starting' | 'unreachable' | 'anonymous' | 'over' | 'chatting'>('starting')
  chat = $state.raw<Chat | null>(null)
  /** The login whose session has ended, for the form. */
  lastLogin = $state('')
  readonly tabs = new Tabs()
  // A deadline for each request: a line may die without a word.
  readonly api = new ChatApi({ timeout: 20_000, onUnauthenticated: () => this.over() })
  // Where a link led before its reader had logged in or signed up.
  private wanted: string | null = null
  private pending = false
  private tries = 0
  private readonly again = new Again(() => this.phase === 'unreachable' && this.resume())

  async start(): Promise<void> {
    await useLanguage(storage()?.getItem('confab:language') || choose(navigator.languages))
    document.documentElement.lang = language()
    document.documentElement.dir = isRightToLeft() ? 'rtl' : 'ltr'
    router.start()
    today.start()
    this.tabs.listen((event) => {
      if (event.kind === 'user' && event.login !== (this.chat?.user.login ?? null)) this.another()
    })
    window.addEventListener('online', () => void this.finishLogOut())
    this.pending = storage()?.getItem(pendingName) === '1'
    if (this.pending) {
      this.phase = 'anonymous'
      void this.finishLogOut()
    } else await this.resume()
  }

  /** Goes on with the session of this browser, if there is one. */
  async resume(): Promise<void> {
    const mine = ++this.tries
    if (this.phase !== 'unreachable') this.phase = 'starting'
    try {
      const user = await this.api.currentUser()
      if (mine !== this.tries) return
      this.again.done()
      if (user) await this.enter(user)
      else this.anonymous()
    } catch {
      if (mine !== this.tries) return
      this.phase = 'unreachable'
      this.again.later()
    }
  }

  async logIn(login: string, password: string, remembered: boolean): Promise<void> {
    // The session before must end first, or its remember-me cookie would outlive this one.
    if (this.pending) await this.api.logOut().catch((error: unknown) => { if (error instanceof ApiError && error.unreachable) throw error })
    await this.api.logIn(login, password, remembered)
    this.setPending(false)
    remember(remembered ? login : null)
    await this.enter(await this.api.user(login))
    this.tabs.send({ kind: 'user', login })
  }

  /** The user is out, whether or not the server can be told now. */
  async logOut(): Promise<void> {
    const login = this.chat?.user.login
    this.setPending(true)
    remember(null)
    this.leave()
    if (login !== undefined) forget(login)
    this.lastLogin = ''
    this.tabs.send({ kind: 'user', login: null })
    this.phase = 'anonymous'
    this.wanted = null
    router.go('#/login')
    if (!(await this.finishLogOut())) notices.show(t('auth.logout.pending'), 'error')
  }

  /** Ends the session on the server, now or later. */
  private async finishLogOut(): Promise<boolean> {
    if (!this.pending || storage()?.getItem(pendingName) === null) return true
    try {
      await this.api.logOut()
    } catch (error) {
      // 401: there is no session to end.
      if (!(error instanceof ApiError && error.status === 401)) {
        setTimeout(() => void this.finishLogOut(), logOutEvery)
        return false
      }
    }
    this.setPending(false)
    return true
  }

  private setPending(on: boolean): void {
    this.pending = on
    try {
      if (on) storage()?.setItem(pendingName, '1')
      else storage()?.removeItem(pendingName)
    } catch {
      // Then it counts as long as this page lives.
    }
  }

  /** All sessions have ended, this one too: the user logs in with the new password. */
  async changePassword(current: string, password: string): Promise<void> {
    const { chat } = this
    if (!chat) return
    await this.api.changePassword(chat.user.login, current, password)
    this.leave()
    this.phase = 'anonymous'
    notices.show(t('auth.password.changed'))
    router.go('#/login')
  }

  /** The user whose session has ended wants to go on. */
  goOn(): void {
    this.anonymous()
  }

  private anonymous(): void {
    if (router.route.at !== 'login' && router.route.at !== 'signup' && router.route.at !== 'home') this.wanted = location.hash
    this.phase = 'anonymous'
  }

  private async enter(user: User): Promise<void> {
    this.chat?.stop()
    forgetOthers(user.login)
    await keepAnswers(isRemembered(user.login) ? user.login : null)
    const chat = new Chat(this.api, user, {
      shelf: privateStorage(user.login),
      tabs: this.tabs,
      keep: isRemembered(user.login)
        ? {
            messages: (room, page) => keepAnswer(`/api/chat/v1/messages/${encodeURIComponent(room)}?fetchSize=${pageSize}`, page),
            states: (page) => keepAnswer(`/api/chat/v1/users/${encodeURIComponent(user.login)}/rooms?fetchSize=${statesAtATime}`, page),
          }
        : null,
      onOver: () => this.over(),
      onAnother: () => this.another(),
    })
    this.chat = chat
    this.lastLogin = user.login
    this.phase = 'chatting'
    if (router.route.at === 'login' || router.route.at === 'signup') router.go(this.wanted ?? '#/', true)
    this.wanted = null
    void chat.start()
  }

  /** The session has ended. Nothing that is typed now may end in a form, so the page asks before it shows one. */
  private over(): void {
    if (this.phase !== 'chatting') return
    this.leave()
    this.phase = 'over'
  }

  /** Another tab has logged in as somebody else, or out. Nothing of this user stays, and nothing is sent as the other. */
  private another(): void {
    if (this.phase === 'anonymous' || this.phase === 'starting') return
    if (this.phase === 'chatting') {
      this.leave()
      forgetOthers('')
      router.go('#/', true)
    }
    if (storage()?.getItem(pendingName) === '1') {
      this.pending = true
      this.phase = 'anonymous'
      router.go('#/login')
    } else void this.resume()
  }

  private leave(): void {
    this.chat?.stop()
    this.chat = null
    document.title = 'confab'
    // Nothing that was read stays behind for the next user of this browser.
    void keepAnswers(null)
    clearDesktop()
  }
}

export const app = new App()
