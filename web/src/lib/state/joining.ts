import { ApiError } from '@confab/client'
import { t } from '../i18n'
import { errorText } from './faults'

/** What is said if one could not join a room. */
export function joinErrorText(error: unknown, room: string): string {
  return error instanceof ApiError && error.status === 403 ? t('room.closed', { room }) : errorText(error)
}
