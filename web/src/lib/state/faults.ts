import { ApiError, type FieldFault } from '@confab/client'
import { t, type Key } from '../i18n'

const sizes = /^size must be between (\d+) and (\d+)$/

/** A fault of one member in the reader's words; the server's own if there are none. */
export function faultText(fault: FieldFault): string {
  const size = sizes.exec(fault.message)
  if (size) return t('fault.size', { min: Number(size[1]), max: Number(size[2]) })
  if (fault.message.startsWith('must match')) return t('fault.pattern')
  const known: Record<string, Key> = {
    'may not be empty': 'fault.may not be empty',
    'may not be null': 'fault.may not be null',
    'not a well-formed email address': 'fault.not a well-formed email address',
    'must contain something visible': 'fault.must contain something visible',
    'must not contain control characters': 'fault.must not contain control characters',
  }
  const key = known[fault.message]
  return key ? t(key) : fault.message
}

/** The first fault of each member of a form. */
export function faultsOf(error: unknown): Record<string, string> {
  const faults: Record<string, string> = {}
  if (error instanceof ApiError) for (const f of error.fields) faults[f.field] ??= faultText(f)
  return faults
}

/** What is said if a message could not be changed: a conflict means that it is deleted. */
export function messageErrorText(error: unknown): string {
  return error instanceof ApiError && error.status === 409 ? t('log.deleted') : errorText(error)
}

/** What went wrong, in a sentence. */
export function errorText(error: unknown): string {
  if (!(error instanceof ApiError)) return t('error.server')
  switch (error.status) {
    case 0:
      return t('error.unreachable')
    case 403:
      return t('error.forbidden')
    case 404:
    case 410:
      return t('error.gone')
    case 413:
      return t('fault.long')
    case 429:
      return t('error.busy')
    default:
      return error.status >= 500 ? t('error.server') : error.message
  }
}
