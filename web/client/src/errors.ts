export interface FieldFault {
  field: string
  message: string
}

/** What the server, or the way to it, answered instead of what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    /** The HTTP status; 0 if no answer came. */
    readonly status: number,
    message: string,
    /** Faults of single members of what was sent. */
    readonly fields: FieldFault[] = [],
    /** Seconds to wait before the next try, if the server says so. */
    readonly retryAfter: number | null = null,
    /** The server's word for what went wrong, which does not change: `insufficient_scope`. Null if it gave none. */
    readonly code: string | null = null,
  ) {
    super(message)
  }

  /** No answer came: whether the request took effect is unknown. */
  get unreachable(): boolean {
    return this.status === 0
  }

  /** The same request may succeed later. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

/** Makes an ApiError of an answer that is not 2xx. For programs that send a request by themselves. */
export async function errorOf(answer: Response): Promise<ApiError> {
  let message = answer.statusText || `HTTP ${answer.status}`
  let fields: FieldFault[] = []
  let code: string | null = null
  try {
    const body: unknown = await answer.json()
    if (body !== null && typeof body === 'object') {
      const told = body as { message?: unknown; title?: unknown; fields?: unknown; code?: unknown }
      if (typeof told.message === 'string' && told.message) message = told.message
      else if (typeof told.title === 'string' && told.title) message = told.title
      if (typeof told.code === 'string' && told.code) code = told.code
      if (Array.isArray(told.fields)) fields = told.fields.filter(isFault)
    }
  } catch {
    // A proxy may answer with a page of its own: the status has to do.
  }
  const seconds = Number(answer.headers.get('Retry-After') ?? NaN)
  return new ApiError(answer.status, message, fields, Number.isFinite(seconds) ? seconds : null, code)
}

function isFault(x: unknown): x is FieldFault {
  const f = x as FieldFault | null
  return typeof f?.field === 'string' && typeof f.message === 'string'
}
