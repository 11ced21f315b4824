import { region } from '../i18n'

// Making a formatter is slow, using it is not.
const formatters = new Map<string, Intl.DateTimeFormat>()

function format(ms: number, key: string, options: Intl.DateTimeFormatOptions): string {
  let formatter = formatters.get(key + region())
  if (!formatter) formatters.set(key + region(), (formatter = new Intl.DateTimeFormat(region(), options)))
  return formatter.format(ms)
}

/** All times are shown in the reader's zone. */
export const clock = (ms: number): string => format(ms, 'clock', { timeStyle: 'short' })
export const fullTime = (ms: number): string => format(ms, 'full', { dateStyle: 'full', timeStyle: 'medium' })

/** The day of a moment as the server writes it. */
export const fullDate = (iso: string): string => format(Date.parse(iso), 'full-date', { dateStyle: 'long' })

/** A number that differs for each day of the reader's zone. */
export function dayOf(ms: number): number {
  const d = new Date(ms)
  return d.getFullYear() * 10_000 + (d.getMonth() + 1) * 100 + d.getDate()
}

function daysAgo(ms: number, now: number): number {
  const midnight = (t: number): number => new Date(t).setHours(0, 0, 0, 0)
  return Math.round((midnight(now) - midnight(ms)) / 86_400_000)
}

/** "Today", "Yesterday", "Tuesday", or the date. */
export function dayName(ms: number, now: number, today: string, yesterday: string): string {
  const ago = daysAgo(ms, now)
  if (ago === 0) return today
  if (ago === 1) return yesterday
  if (ago > 1 && ago < 7) return format(ms, 'weekday', { weekday: 'long' })
  if (new Date(ms).getFullYear() === new Date(now).getFullYear()) {
    return format(ms, 'day', { weekday: 'long', day: 'numeric', month: 'long' })
  }
  return format(ms, 'date', { day: 'numeric', month: 'long', year: 'numeric' })
}

/** The shortest that still says when: a time, a day of the week, or a date. */
export function shortTime(ms: number, now: number): string {
  const ago = daysAgo(ms, now)
  if (ago <= 0) return clock(ms)
  if (ago < 7) return format(ms, 'weekday-short', { weekday: 'short' })
  if (new Date(ms).getFullYear() === new Date(now).getFullYear()) {
    return format(ms, 'short', { day: 'numeric', month: 'short' })
  }
  return format(ms, 'short-year', { month: 'short', year: 'numeric' })
}
