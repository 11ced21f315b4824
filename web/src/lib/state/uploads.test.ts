import { ApiError, Backoff, type Message, type UploadedFile } from '@confab/client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mostBytes, messageOf, Uploads, type Carrier, type Upload } from './uploads.svelte'

const there = (id: string, more: Partial<UploadedFile> = {}): UploadedFile => ({ id, name: 'a.png', type: 'image/png', size: 3, url: `/files/${id}`, width: 2, height: 1, ...more })
const chosen = (name: string, caption = '', alt = '') => ({ file: new File(['abc'], name), caption, alt })
const away = new ApiError(0, 'away')

// What the server gets, in its order, and what it answers: an error first for each try that shall fail.
function server(answers: { upload?: unknown[]; post?: unknown[] } = {}) {
  const got: string[] = []
  const sent: string[] = []
  let held: (() => void)[] = []
  const answer = async <T>(of: unknown[] | undefined, good: T, signal: AbortSignal): Promise<T> => {
    const next = of?.shift()
    if (next === 'hold') {
      await new Promise<void>((resolve, reject) => {
        held.push(resolve)
        signal.addEventListener('abort', () => reject(away))
      })
    } else if (next) throw next
    return good
  }
  const carrier: Carrier = {
    upload: (i: Upload, onProgress, signal) => {
      got.push(`upload ${i.file.name} ${i.key}`)
      onProgress(0.5)
      return answer(answers.upload, there(`id-${i.key}`), signal)
    },
    post: (i, message, signal) => {
      got.push(`post ${(message.body as { file: string }).file} ${i.key}`)
      return answer(answers.post, { messageId: i.key } as Message, signal)
    },
    sent: (i) => sent.push(i.key),
  }
  let n = 0
  const uploads = new Uploads(carrier, new Backoff(1000, 10_000, () => 1), () => `k${++n}`)
  return { uploads, got, sent, release: () => { held.forEach((go) => go()); held = [] } }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())
const settle = () => vi.advanceTimersByTimeAsync(0)

describe('files on their way', () => {
  it('are uploaded two at a time, and each is named by a message', async () => {
    const s = server({ upload: ['hold', 'hold'] })
    s.uploads.add('tea', [chosen('1'), chosen('2'), chosen('3')])
    await settle()
    expect(s.got).toEqual(['upload 1 k1', 'upload 2 k2'])
    expect(s.uploads.of('tea').map((i) => [i.state, i.sent])).toEqual([['sending', 0.5], ['sending', 0.5], ['queued', 0]])
    s.release()
    await settle()
    expect(s.sent.sort()).toEqual(['k1', 'k2', 'k3'])
    expect(s.got.filter((g) => g.startsWith('post'))).toEqual(['post id-k1 k1', 'post id-k2 k2', 'post id-k3 k3'])
    expect(s.uploads.items).toEqual([])
  })

  it('become messages in the order in which they were chosen', async () => {
    const s = server({ upload: ['hold'], post: [away] })
    s.uploads.add('tea', [chosen('1'), chosen('2')])
    s.uploads.add('milk', [chosen('3')])
    await settle()
    expect(s.got).toEqual(['upload 1 k1', 'upload 2 k2', 'upload 3 k3', 'post id-k3 k3'])
    expect(s.uploads.of('tea').map((i) => i.state)).toEqual(['sending', 'queued'])
    s.release()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(s.sent.filter((k) => k !== 'k3')).toEqual(['k1', 'k2'])
    expect(s.got.filter((g) => g.startsWith('upload'))).toHaveLength(3)
  })

  it('wait for the connection, and are sent with the same key', async () => {
    const s = server({ upload: [away], post: [away] })
    s.uploads.add('tea', [chosen('1')])
    await settle()
    expect(s.uploads.items[0]).toMatchObject({ state: 'waiting', sent: 0 })
    s.uploads.flush() // the connection is back
    await settle()
    expect(s.uploads.items[0]?.state).toBe('waiting')
    await vi.advanceTimersByTimeAsync(20_000)
    // What is there already is not uploaded anew.
    expect(s.got).toEqual(['upload 1 k1', 'upload 1 k1', 'post id-k1 k1', 'post id-k1 k1'])
    expect(s.sent).toEqual(['k1'])
  })

  it('that are refused are shown until somebody decides, and hold nothing up', async () => {
    const refused = new ApiError(413, 'too large')
    const s = server({ upload: [refused] })
    s.uploads.add('tea', [chosen('1'), chosen('2')])
    await settle()
    expect(s.uploads.items).toMatchObject([{ key: 'k1', state: 'failed', reason: refused }])
    expect(s.sent).toEqual(['k2'])
    s.uploads.retry('k1')
    await settle()
    expect(s.sent).toEqual(['k2', 'k1'])
  })

  it('can be given up while they are sent', async () => {
    const s = server({ upload: ['hold'] })
    s.uploads.add('tea', [chosen('1')])
    await settle()
    s.uploads.cancel('k1')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(s.uploads.items).toEqual([])
    expect(s.got).toEqual(['upload 1 k1'])
    expect(s.sent).toEqual([])
  })

  it('are tried anew when nothing moves for a minute, as long as the server says at the earliest', async () => {
    const s = server({ upload: ['hold', new ApiError(503, 'busy', [], 30)] })
    s.uploads.add('tea', [chosen('1')])
    await vi.advanceTimersByTimeAsync(59_000)
    expect(s.uploads.items[0]?.state).toBe('sending')
    await vi.advanceTimersByTimeAsync(11_000)
    expect(s.got).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(19_000)
    expect(s.got).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(s.sent).toEqual(['k1'])
  })
})

it('a message says what kind of file it is by what the server has found in it', () => {
  expect(messageOf(chosen('x', ' tea ', ''), there('1'))).toEqual({ kind: 'image', body: { file: '1', caption: 'tea' } })
  expect(messageOf(chosen('x', '', 'a cup'), there('1', { type: 'image/heic', width: undefined as never }))).toEqual({ kind: 'file', body: { file: '1', alt: 'a cup' } })
  expect(messageOf(chosen('x'), there('1', { type: 'video/mp4' })).kind).toBe('video')
  expect(messageOf(chosen('x.mp3'), there('1', { type: 'text/plain' })).kind).toBe('file')
})

it('is known how large a file may be, where the server that refused one said so', () => {
  expect(mostBytes(new ApiError(413, 'a file is at most 26214400 bytes here'))).toBe(26_214_400)
  expect([mostBytes(new ApiError(413, 'Request Entity Too Large')), mostBytes(null)]).toEqual([null, null])
})
