/**
 * Time-based ids (UUID version 1). Their text does not sort by time: order them
 * with compareIds, which agrees with the order of the server's pages.
 */

const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i

// 100 ns steps from the start of the Gregorian calendar to 1970.
const gregorianToUnix = 122_192_928_000_000_000n

export function isTimeId(text: string): boolean {
  return shape.test(text)
}

// Comparing strings is much faster than parsing: this spelling sorts right.
const sortable = new Map<string, string>()

function sortKey(id: string): string {
  let key = sortable.get(id)
  if (key === undefined) {
    const [low = '', mid = '', high = '', sequence = '', node = ''] = id.toLowerCase().split('-')
    key = high.slice(1) + mid + low + signedBytes(sequence + node)
    if (sortable.size > 20_000) sortable.clear()
    sortable.set(id, key)
  }
  return key
}

/** Turns each byte's sign so that comparing text is comparing signed bytes. */
function signedBytes(hex: string): string {
  let turned = ''
  for (let i = 0; i < hex.length; i++) {
    const digit = parseInt(hex[i] ?? '0', 16)
    turned += (i % 2 === 0 ? digit ^ 8 : digit).toString(16)
  }
  return turned
}

/** Negative if a is older than b, positive if newer, 0 if they are the same. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0
  const [x, y] = [sortKey(a), sortKey(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** The time in an id, in ms since 1970. */
export function timeOf(id: string): number {
  const [low = '0', mid = '0', high = '1000'] = id.split('-')
  const ticks = BigInt(`0x${high.slice(1)}${mid}${low}`)
  return Number((ticks - gregorianToUnix) / 10_000n)
}

/** The position just before everything written at or after `ms`. */
export function idBefore(ms: number): string {
  const ticks = BigInt(Math.max(0, Math.floor(ms))) * 10_000n + gregorianToUnix
  const hex = ticks.toString(16).padStart(15, '0')
  // 0x80 is the least signed byte.
  return `${hex.slice(7)}-${hex.slice(3, 7)}-1${hex.slice(0, 3)}-8080-808080808080`
}
