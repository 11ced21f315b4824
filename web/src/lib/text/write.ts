// Changes of what somebody is writing. They go through the browser, so that its undo takes them back.

/** Replaces a part of a field's text; the caret is after it. */
export function write(field: HTMLTextAreaElement, from: number, until: number, value: string): void {
  field.focus({ preventScroll: true })
  field.setSelectionRange(from, until)
  let done = false
  try {
    done = value === '' ? document.execCommand('delete') : document.execCommand('insertText', false, value)
  } catch {
    // Not every browser has it.
  }
  if (done || field.value.slice(from, from + value.length) === value) return
  field.setRangeText(value, from, until, 'end')
  field.dispatchEvent(new InputEvent('input', { bubbles: true }))
}

export interface Change {
  from: number
  until: number
  value: string
  /** What is selected then. */
  select: [number, number]
}

/** Puts a mark around what is selected, or takes it away. */
export function marked(text: string, from: number, until: number, mark: string): Change {
  const inside = text.slice(from, until)
  const n = mark.length
  if (text.slice(0, from).endsWith(mark) && text.startsWith(mark, until)) return { from: from - n, until: until + n, value: inside, select: [from - n, until - n] }
  if (inside.length > 2 * n && inside.startsWith(mark) && inside.endsWith(mark)) {
    const bare = inside.slice(n, -n)
    return { from, until, value: bare, select: [from, from + bare.length] }
  }
  // Marks stand beside words, not beside spaces.
  const lead = inside.length - inside.trimStart().length
  const words = inside.trim()
  const at = words === '' ? from : from + lead
  return { from: at, until: at + words.length, value: mark + words + mark, select: [at + n, at + n + words.length] }
}

/** Puts > before each selected line, or takes it away. */
export function quotedLines(text: string, from: number, until: number): Change {
  const begin = text.lastIndexOf('\n', from - 1) + 1
  const next = text.indexOf('\n', until)
  const end = next < 0 ? text.length : next
  const lines = text.slice(begin, end).split('\n')
  const value = (lines.every((l) => l.startsWith('> ')) ? lines.map((l) => l.slice(2)) : lines.map((l) => '> ' + l)).join('\n')
  return { from: begin, until: end, value, select: [lines.length > 1 ? begin : begin + value.length, begin + value.length] }
}

/** A link of what is selected, if an address is put in its place. */
export function linked(selected: string, pasted: string): string | null {
  const address = pasted.trim()
  if (selected.trim() === '' || /[[\]\n]/.test(selected) || /^https?:\/\//i.test(selected.trim())) return null
  return /^https?:\/\/[^\s()<>[\]]+$/i.test(address) ? `[${selected}](${address})` : null
}
