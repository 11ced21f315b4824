/**
 * The cookies of one server, for programs without a browser that log in with a password: `new ChatApi({ server, fetch:
 * jar.fetch })`, and `jar.headers()` for the WebSocket. One jar is one user. It keeps cookies in memory only, and sends them to whatever
 * address it is used with: use it for one server.
 */
export class CookieJar {
  private readonly cookies = new Map<string, string>()

  /** `fetch` with these cookies. It works where the answer's Set-Cookie can be read, which a browser forbids. */
  readonly fetch: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    for (const [name, value] of Object.entries(this.headers())) headers.set(name, value)
    const answer = await globalThis.fetch(input, { ...init, headers })
    for (const line of answer.headers.getSetCookie()) this.take(line)
    return answer
  }

  /** The headers to send along: `Cookie`, if there are any. */
  headers(): Record<string, string> {
    if (this.cookies.size === 0) return {}
    return { Cookie: Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join('; ') }
  }

  private take(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    // That is how the server deletes one.
    const ended = attributes.some((a) => /^max-age=(0|-\d+)$/i.test(a))
    if (ended) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}
