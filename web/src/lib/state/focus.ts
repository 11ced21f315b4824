/**
 * Brings the focus back to the page when what had it is gone: to what is marked with `data-home`, which is where one writes or reads. Called after
 * whatever takes something away.
 */
export function keepFocus(): void {
  // What goes is gone, and what the browser gives the focus back to has it, after the next frame.
  requestAnimationFrame(() =>
    setTimeout(() => {
      if (!document.hasFocus() || (document.activeElement !== document.body && document.activeElement !== null)) return
      const homes = [...document.querySelectorAll<HTMLElement>('[data-home]')]
      homes.find((h) => h.offsetParent !== null)?.focus({ preventScroll: true })
    }),
  )
}
