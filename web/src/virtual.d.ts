declare module 'virtual:emoji/*' {
  const groups: import('./lib/text/emoji').Emoji[][]
  export default groups
}
