// A message with more than this is folded, down to less than half of it: nobody unfolds for the last line.
const mostLength = 4000
const mostLines = 40

/** The beginning of a very long text; the same text if it is not very long. */
export function folded(text: string): string {
  if (text.length <= mostLength && lineEnds(text, mostLines + 1) <= mostLines) return text
  let end = Math.min(text.length, mostLength / 2)
  for (let at = text.indexOf('\n'), n = 1; at >= 0 && at < end; at = text.indexOf('\n', at + 1), n++) if (n > mostLines / 2) end = at
  // No half of a character, and none of an address, which would lead nowhere.
  const space = text.slice(0, end).search(/\s\S*$/)
  const word = text.slice(space + 1, end)
  if (/https?:\/\//i.test(word)) end = space + 1
  else if (/[\uDC00-\uDFFF]/.test(text.charAt(end))) end--
  const begun = text.slice(0, end)
  // Code that is cut off is still code.
  return begun + ((begun.match(/```+/g)?.length ?? 0) % 2 === 1 ? '…\n```' : '…')
}

/** How many lines a text has when it is shown, as it may be folded. */
export function shownLines(text: string, perLine: number): number {
  const begun = text.length > mostLength ? text.slice(0, mostLength / 2) : text
  let lines = 0
  for (const line of begun.split('\n')) lines += Math.max(1, Math.ceil(line.length / perLine))
  return lines > 2 * mostLines ? mostLines / 2 : lines
}

function lineEnds(text: string, most: number): number {
  let n = 0
  for (let at = text.indexOf('\n'); at >= 0 && n < most; at = text.indexOf('\n', at + 1)) n++
  return n
}
