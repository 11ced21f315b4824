// What changes the order of what is shown, or is not shown at all: marks of direction, and characters without a width. Between
// letters of many scripts, and in emoji, joiners have a meaning: of those only what follows a Latin letter or a sign counts.
const unseen = /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|(?<![^\x00-\x7f])[\u200c\u200d]/g

/** The words of a link, or the name of a file, with its unseen characters shown, as addresses write them: %E2%80%AE. */
export function revealed(text: string): string {
  return text.replace(unseen, encodeURIComponent)
}
