// What changes the order of what is shown, or is not shown at all: marks of direction, and characters without a width. Between
// letters of many scripts, and in emoji, joiners have a meaning: of those only what follows a Latin letter or a sign counts.
const unseen = /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]|(?<![^\x00-\x7f])[\u200c\u200d]/g

/** A name of a file with its unseen characters shown: an order that is turned would say another kind of file. */
export function revealed(name: string): string {
  return name.replace(unseen, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`)
}

/** An address as it is followed where it has unseen characters. */
export function revealedAddress(address: string): string {
  return address.replace(unseen, encodeURIComponent)
}

/** The words of a link without unseen characters. */
export function withoutUnseen(label: string): string {
  return label.replace(unseen, '')
}
