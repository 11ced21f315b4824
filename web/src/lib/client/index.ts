/** A client for the chat API: REST and real time. It needs nothing else of this application. */
export { ApiError, type FieldFault } from './errors'
export { Backoff } from './backoff'
export { ChatApi, type ChatApiOptions } from './rest'
export { Realtime, type ConnectionState, type Heard, type Listener, type RealtimeOptions } from './realtime'
export { compareIds, idBefore, isTimeId, timeOf } from './timeuuid'
export * from './types'
