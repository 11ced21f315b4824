import type { Message } from '@confab/client'
import { t } from '../i18n'
import { preview } from '../text/preview'
import { fullName, type RoomEntry } from './room.svelte'
import { roomHash } from './router.svelte'

const wanted = 'confab:notify'

export function notificationsBlocked(): boolean {
  return !('Notification' in window) || Notification.permission === 'denied'
}

/** The user asked for notifications and the browser allows them. */
export function notificationsOn(): boolean {
  return !notificationsBlocked() && Notification.permission === 'granted' && localStorage.getItem(wanted) === '1'
}

/** Asks the browser if need be. Reports whether they are on now. */
export async function setNotifications(on: boolean): Promise<boolean> {
  localStorage.setItem(wanted, on ? '1' : '')
  if (on && 'Notification' in window && Notification.permission === 'default') await Notification.requestPermission()
  return notificationsOn()
}

/** Shows a message on the desktop; the newest of a room takes the place of the one before. */
export function notify({ name: room, label, kind, others }: RoomEntry, message: Message): void {
  if (!notificationsOn()) return
  const name = fullName(message.author)
  const title = kind === 'direct' && others.length <= 1 ? name : t('notify.title', { name, room: label })
  const url = location.pathname + roomHash(room)
  const options: NotificationOptions = {
    body: preview(message),
    tag: room,
    icon: `${import.meta.env.BASE_URL}icon-192.png`,
    data: { url },
  }
  void navigator.serviceWorker?.getRegistration().then((worker) => {
    if (worker) return worker.showNotification(title, options)
    const shown = new Notification(title, options)
    shown.onclick = () => {
      window.focus()
      location.hash = roomHash(room)
      shown.close()
    }
    return undefined
  })
}
