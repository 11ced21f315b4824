/** Modules that are loaded when they are needed, with their styles. */
export const later =
  /\/(Browse|Confirm|Dialog|EmojiPicker|MessageSheet|Profile|TokensPanel|PasswordForm|PersonCard|Help|CreateRoom|NewMessage|PickPeople|AddPeople|ManageMember|RoomLists|RoomSettings|JumpToDate|Outside|Asking|QuickSwitch|Attach|UploadList|Viewer|FilesPanel)\.svelte|\/i18n\/(fr|he|en-later)\.ts|\/highlight\.ts|\/uploads\.svelte\.ts|state\/joining\.ts|text\/fuzzy\.ts|virtual:emoji/
