/**
 * How well a name answers to what was typed: the less, the better; null if it does not. It does if it has all the letters in their order. Better is what
 * begins so, then what has a word that begins so, then what holds it.
 */
export function rank(name: string, typed: string): number | null {
  const [n, w] = [name.toLowerCase(), typed.trim().toLowerCase()]
  if (n === w) return 0
  const at = n.indexOf(w)
  if (at === 0) return 1
  if (at > 0) return /[\p{L}\p{N}]/u.test(n.charAt(at - 1)) ? 3 : 2
  let [from, last, gaps] = [0, -1, 0]
  for (const c of w) {
    if (c === ' ') continue
    const found = n.indexOf(c, from)
    if (found < 0) return null
    if (last >= 0) gaps += found - last - 1
    last = found
    from = found + c.length
  }
  return 4 + gaps
}
