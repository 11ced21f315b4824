/** The heights of rows in CSS pixels: measured ones, and a guess for the others. */
export class Heights {
  private readonly measured = new Map<string, number>()

  /** Reports whether this is new. */
  set(key: string, height: number): boolean {
    const before = this.measured.get(key)
    if (before !== undefined && Math.abs(before - height) < 0.5) return false
    this.measured.set(key, height)
    return true
  }

  /** Where each row begins, and last where all end. */
  offsets<T extends { key: string }>(rows: readonly T[], guess: (row: T) => number): Float64Array {
    const offsets = new Float64Array(rows.length + 1)
    let at = 0
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as T
      at += this.measured.get(row.key) ?? guess(row)
      offsets[i + 1] = at
    }
    return offsets
  }

  /** After a change of the width nothing measured counts. */
  clear(): void {
    this.measured.clear()
  }
}

/** The index of the row at a height; the last one if it is below all. */
export function rowAt(offsets: Float64Array, y: number): number {
  let [low, high] = [0, Math.max(0, offsets.length - 2)]
  while (low < high) {
    const mid = (low + high + 1) >> 1
    if ((offsets[mid] ?? 0) <= y) low = mid
    else high = mid - 1
  }
  return low
}
