import { flushSync, tick } from 'svelte'
import { Heights, rowAt } from './heights'

export interface Keyed {
  key: string
}

/** Where the reader is: a row and how far below the top of the view it is, or the end. */
type Anchor = { key: string; delta: number } | 'end'

/** The rows that are in the DOM, and the space of those that are not. */
export interface Shown<T> {
  rows: readonly T[]
  above: number
  below: number
}

export interface WindowOptions<T> {
  guess: (row: T) => number
  /** Nothing newer exists than the last row: at the end, new rows are followed. */
  atEnd: () => boolean
  onMoved: () => void
}

// Rows are kept in the DOM for this many view heights on both sides.
const margin = 1

/**
 * Keeps only the rows near the view in the DOM, and what one reads where it is: rows that
 * come, go or change their height outside of the view never move what is in it.
 *
 * The element that scrolls must have `overflow-anchor: none`; each row has its key in
 * `data-key`, and in it an element `data-anchor` that is looked at.
 */
export class ListWindow<T extends Keyed> {
  shown = $state.raw<Shown<T>>({ rows: [], above: 0, below: 0 })
  private rows: readonly T[] = []
  private start = 0
  private end = 0
  private readonly heights = new Heights()
  private offsets: Float64Array = new Float64Array(1)
  private anchor: Anchor = 'end'
  // The scroll position to which the anchor belongs.
  private top = 0
  private scroller: HTMLElement | null = null
  private list: HTMLElement | null = null
  private width = 0
  private all = false
  // Calls of show() between their changes of the DOM and the scroll position that fits them.
  private moving = 0

  constructor(private readonly options: WindowOptions<T>) {}

  /** Starts to look at the elements. Returns how to stop. */
  attach(scroller: HTMLElement, list: HTMLElement): () => void {
    this.scroller = scroller
    this.list = list
    this.width = list.clientWidth
    const onScroll = (): void => this.scrolled()
    scroller.addEventListener('scroll', onScroll, { passive: true })
    // Sizes change between layout and painting: nobody sees the moment before.
    const observer = new ResizeObserver(() => {
      if (this.width !== list.clientWidth) {
        this.width = list.clientWidth
        this.heights.clear()
      }
      this.settle()
    })
    observer.observe(scroller)
    // What stands above the list moves it when it changes.
    for (const part of list.parentElement?.children ?? [list]) observer.observe(part)
    return () => {
      scroller.removeEventListener('scroll', onScroll)
      observer.disconnect()
      this.scroller = this.list = null
    }
  }

  /** The reader is at the newest row. */
  get following(): boolean {
    return this.anchor === 'end'
  }

  /** The first and the last row of the view. */
  visible(): { first: T | undefined; last: T | undefined; firstIndex: number; lastIndex: number } {
    const view = this.scroller?.getBoundingClientRect()
    let [firstIndex, lastIndex] = [this.rows.length, -1]
    if (view) {
      for (const element of this.elements()) {
        const box = element.getBoundingClientRect()
        if (box.bottom <= view.top || box.top >= view.bottom) continue
        const i = this.indexOf(element.dataset['key'] ?? '')
        if (i < 0) continue
        firstIndex = Math.min(firstIndex, i)
        // A row counts as seen when its end is.
        if (box.bottom <= view.bottom + 8) lastIndex = Math.max(lastIndex, i)
      }
    }
    return { first: this.rows[firstIndex], last: this.rows[lastIndex], firstIndex, lastIndex }
  }

  /** Takes other rows. The reader stays, or follows the end. */
  async update(rows: readonly T[]): Promise<void> {
    if (this.scroller && this.rows.length > 0 && this.moving === 0) this.capture()
    this.rows = rows
    await this.show()
  }

  /** Goes to the newest row. */
  async toEnd(): Promise<void> {
    this.anchor = 'end'
    this.top = this.scroller?.scrollTop ?? 0
    await this.show()
  }

  /** Goes to a row, so that it is `delta` px below the top of the view. False if it is not here. */
  async to(key: string, delta: number): Promise<boolean> {
    if (this.indexOf(key) < 0) return false
    this.anchor = { key, delta }
    this.top = this.scroller?.scrollTop ?? 0
    await this.show()
    return true
  }

  /** Brings a row into the view if it is not there. */
  async reveal(key: string): Promise<HTMLElement | null> {
    if (!this.element(key)) await this.to(key, (this.scroller?.clientHeight ?? 0) / 3)
    const element = this.element(key)
    element?.scrollIntoView({ block: 'nearest' })
    return element
  }

  /** Scrolls down by so many px, or up if they are negative, as far as there are rows. */
  async scroll(by: number): Promise<void> {
    if (!this.scroller) return
    this.scroller.scrollTop += by
    this.capture()
    await this.show()
  }

  element(key: string): HTMLElement | null {
    return this.list?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`) ?? null
  }

  /** Has all rows in the DOM, for paper, or as many as one sees. */
  whole(on: boolean): void {
    this.all = on
    this.choose(this.scroller?.clientHeight || 800)
    flushSync()
    if (!on) void this.show()
  }

  /** Has all rows in the DOM, for the browser's own search, or as many as one sees. The reader stays. */
  async expand(on: boolean): Promise<void> {
    this.capture()
    this.all = on
    await this.show()
  }

  private elements(): NodeListOf<HTMLElement> | HTMLElement[] {
    return this.list?.querySelectorAll<HTMLElement>('[data-key]') ?? []
  }

  private indexOf(key: string): number {
    return this.rows.findIndex((r) => r.key === key)
  }

  private scrolled(): void {
    if (this.moving > 0) return
    const before = this.anchor
    this.capture()
    const scroller = this.scroller
    if (!scroller) return
    if (this.needsMore()) void this.show()
    else if (before !== this.anchor) this.options.onMoved()
  }

  /** The view comes near to where the DOM ends though the rows do not. */
  private needsMore(): boolean {
    const { scroller, list } = this
    if (!scroller || !list) return false
    const view = scroller.getBoundingClientRect()
    const box = list.getBoundingClientRect()
    const near = (view.height * margin) / 2
    return (
      (this.start > 0 && view.top - (box.top + this.shown.above) < near) ||
      (this.end < this.rows.length && box.bottom - this.shown.below - view.bottom < near)
    )
  }

  /** Notes where the reader is. */
  private capture(): void {
    const { scroller, list } = this
    if (!scroller || !list) return
    this.top = scroller.scrollTop
    const rest = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight
    if (rest < 24 && this.end === this.rows.length && this.options.atEnd()) {
      this.anchor = 'end'
      return
    }
    const top = scroller.getBoundingClientRect().top
    for (const element of this.elements()) {
      const mark = element.querySelector('[data-anchor]') ?? element
      const box = mark.getBoundingClientRect()
      if (box.bottom > top && box.top < top + scroller.clientHeight) {
        this.anchor = { key: element.dataset['key'] ?? '', delta: box.top - top }
        return
      }
    }
    // The view is where no row is in the DOM: a fast scroll got ahead.
    const y = top - list.getBoundingClientRect().top
    const i = rowAt(this.offsets, y)
    const row = this.rows[i]
    if (row) this.anchor = { key: row.key, delta: (this.offsets[i] ?? 0) - y }
  }

  /** Chooses the rows for the DOM around the anchor, and puts them where they belong. */
  private async show(): Promise<void> {
    const height = this.scroller?.clientHeight || 800
    for (let again = 0; again < 4; again++) {
      this.moving++
      this.choose(height)
      const within = this.list?.contains(document.activeElement) ?? false
      await tick()
      this.moving--
      // The row that had the focus may have left the DOM.
      if (within && document.activeElement === document.body) this.scroller?.focus({ preventScroll: true })
      this.measure()
      this.restore()
      if (!this.needsMore()) break
    }
    this.options.onMoved()
  }

  private choose(height: number): void {
    const rows = this.rows
    this.offsets = this.heights.offsets(rows, this.options.guess)
    const total = this.offsets[rows.length] ?? 0
    let from = total - height
    if (this.anchor !== 'end') {
      const i = this.indexOf(this.anchor.key)
      if (i >= 0) from = (this.offsets[i] ?? 0) - this.anchor.delta
      else this.anchor = this.survivor(rows)
    }
    const selected = this.selected()
    this.start = this.all ? 0 : Math.min(rowAt(this.offsets, from - height * margin), ...selected)
    this.end = this.all ? rows.length : Math.min(rows.length, Math.max(rowAt(this.offsets, from + height * (1 + margin)), ...selected) + 1)
    this.shown = {
      rows: rows.slice(this.start, this.end),
      above: this.offsets[this.start] ?? 0,
      below: total - (this.offsets[this.end] ?? 0),
    }
  }

  /** The rows that a selection begins and ends in. They stay, with those between: what is copied has no hole. */
  private selected(): number[] {
    const selection = getSelection()
    const { list } = this
    if (!list || !selection || selection.isCollapsed) return []
    return [selection.anchorNode, selection.focusNode].flatMap((node) => {
      const key = list.contains(node) ? (node instanceof Element ? node : node?.parentElement)?.closest<HTMLElement>('[data-key]')?.dataset['key'] : undefined
      const i = key === undefined ? -1 : this.indexOf(key)
      return i < 0 ? [] : [i]
    })
  }

  /** The anchor itself is gone: the nearest row that is still in the DOM takes its place. */
  private survivor(rows: readonly T[]): Anchor {
    const here = new Set(rows.map((r) => r.key))
    const top = this.scroller?.getBoundingClientRect().top ?? 0
    for (const element of this.elements()) {
      const key = element.dataset['key'] ?? ''
      const box = (element.querySelector('[data-anchor]') ?? element).getBoundingClientRect()
      if (box.bottom > top && here.has(key)) return { key, delta: box.top - top }
    }
    return 'end'
  }

  private measure(): void {
    for (const element of this.elements()) {
      this.heights.set(element.dataset['key'] ?? '', element.getBoundingClientRect().height)
    }
  }

  /** Scrolls so that the anchor is where it was. What the reader has scrolled since then counts. */
  private restore(): void {
    const { scroller } = this
    if (!scroller) return
    const turned = scroller.scrollTop - this.top
    // The browser itself goes back when less is left below.
    const pushed = turned < 0 && scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 1
    if (this.anchor === 'end') {
      if (turned < -1 && !pushed) return this.capture()
      scroller.scrollTop = scroller.scrollHeight
    } else {
      if (!pushed) this.anchor = { key: this.anchor.key, delta: this.anchor.delta - turned }
      const element = this.element(this.anchor.key)
      const mark = element?.querySelector('[data-anchor]') ?? element
      if (mark) {
        const moved = mark.getBoundingClientRect().top - scroller.getBoundingClientRect().top - this.anchor.delta
        if (Math.abs(moved) >= 0.5) scroller.scrollTop += moved
      }
    }
    this.top = scroller.scrollTop
  }

  private settle(): void {
    if (this.moving > 0) return
    this.measure()
    this.restore()
    if (this.needsMore()) void this.show()
  }
}
