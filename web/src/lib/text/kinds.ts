import type { Attachment, Location, Message, Notice } from '@confab/client'
import { region, t, type Key } from '../i18n'
import { revealed } from './reveal'

/** What a system message tells, if it says so: one of an earlier version has only a text. */
export function noticeOf(message: Message): Notice | undefined {
  return message.systemMessage && message.kind === 'notice' ? (message.body as Notice | undefined) : undefined
}

const attached = ['image', 'file', 'audio', 'video']

/** The file that a message brings, if it is of such a kind. */
export function attachmentOf(message: Message): Attachment | undefined {
  return message.kind !== undefined && attached.includes(message.kind) ? (message.body as Attachment | undefined) : undefined
}

/** What its author says below a file of ours. */
export function captionOf(message: Message): string {
  return (message.kind && attachmentOf(message)?.caption) || ''
}

/** The place that a message shows. */
export function locationOf(message: Message): Location | undefined {
  return message.kind === 'location' ? (message.body as Location | undefined) : undefined
}

const words: Record<string, Key> = {
  image: 'kind.image',
  file: 'kind.file',
  audio: 'kind.audio',
  video: 'kind.video',
  location: 'kind.location',
  custom: 'kind.custom',
  command: 'kind.command',
}

/** What kind of message it is, in the reader’s language; empty for a text, and for what this page does not know. */
export function kindName(message: Message): string {
  const key = words[message.kind ?? '']
  return key === undefined ? '' : t(key)
}

/** A message that is shown as a card, or as a line that says what it is. */
export function isCard(message: Message): boolean {
  return kindName(message) !== ''
}

/** A message of another kind than text in one line. */
export function kindText(message: Message): string {
  const kind = kindName(message)
  if (kind === '') return message.content
  const file = attachmentOf(message)
  const said = (file?.caption || file?.alt || (file?.name && revealed(file.name))) ?? locationOf(message)?.address ?? detail(message)
  return said === '' ? kind : t('kind.line', { kind, text: said })
}

// The text of a custom message and of a command says its kind in brackets if nobody has written one.
function detail(message: Message): string {
  if (message.kind !== 'custom' && message.kind !== 'command') return ''
  return message.content.replace(new RegExp(`^\\[${message.kind}\\] `), '')
}

/** Type and size of a file, and how long it plays. */
export function describe({ type, size, duration, width, height }: Attachment): string {
  const parts = [type ?? '']
  if (width !== undefined && height !== undefined) parts.push(`${width} × ${height}`)
  if (duration !== undefined) parts.push(clockOf(duration))
  if (size !== undefined) parts.push(sizeOf(size))
  return parts.filter((p) => p !== '').join(' · ')
}

function clockOf(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (n: number): string => String(n).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']

export function sizeOf(bytes: number): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)))
  return new Intl.NumberFormat(region(), { style: 'unit', unit: units[step] ?? 'byte', unitDisplay: step > 0 ? 'short' : 'long', maximumFractionDigits: step > 0 ? 1 : 0 }).format(bytes / 1000 ** step)
}

/** How large a picture of ours is shown in a log, in px: known before it has loaded, so that nothing moves then. Null for one that cannot be shown. */
export function shapeOf(file: Attachment | undefined): { width: number; height: number } | null {
  if (!file?.width || !file.height) return null
  const scale = Math.min(1, 420 / file.width, 320 / file.height)
  return { width: Math.round(file.width * scale) || 1, height: Math.round(file.height * scale) || 1 }
}

/** The style of a picture that has not loaded: its tiny form. */
export function previewOf({ preview }: Attachment): string | undefined {
  return preview && /^[\w+/=]+$/.test(preview) ? `url(data:image/${preview.startsWith('/9j/') ? 'jpeg' : 'png'};base64,${preview})` : undefined
}

/** Latitude and longitude as they are read. */
export function coordinates({ latitude, longitude }: Location): string {
  const degrees = new Intl.NumberFormat(region(), { maximumFractionDigits: 5 })
  return `${degrees.format(latitude)}; ${degrees.format(longitude)}`
}

/** Where a map shows a place. */
export function mapOf({ latitude, longitude }: Location): string {
  return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=15/${latitude}/${longitude}`
}

/** The address of a file, if it is one that may be followed: of the web, or a path of this server. */
export function safeUrl(url: string): string | undefined {
  if (/^\/(?![/\\])/.test(url)) return url
  try {
    return /^https?:$/.test(new URL(url).protocol) ? url : undefined
  } catch {
    return undefined
  }
}
