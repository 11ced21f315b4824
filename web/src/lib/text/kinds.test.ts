import type { Message } from '@confab/client'
import { describe, expect, it } from 'vitest'
import { captionOf, kindText, previewOf, shapeOf, sizeOf } from './kinds'
import { useLanguage } from '../i18n'

const file = { file: '1', url: '/api/chat/v1/files/1', name: 'cup.jpg' }
const image = (body: object): Message => ({ kind: 'image', body: { ...file, ...body } }) as Message

describe('a picture in the log', () => {
  it('has its size before it has loaded: never larger than it is, in a box, with its proportions', () => {
    expect(shapeOf({ ...file, width: 4000, height: 3000 })).toEqual({ width: 420, height: 315 })
    expect(shapeOf({ ...file, width: 300, height: 6400 })).toEqual({ width: 15, height: 320 })
    expect(shapeOf({ ...file, width: 20, height: 10 })).toEqual({ width: 20, height: 10 })
    expect(shapeOf({ ...file, width: 9000, height: 1 })).toEqual({ width: 420, height: 1 })
    expect(shapeOf(file)).toBeNull()
  })

  it('has a preview that is nothing but one', () => {
    expect(previewOf({ ...file, preview: '/9j/4AAQ==' })).toBe('url(data:image/jpeg;base64,/9j/4AAQ==)')
    expect(previewOf({ ...file, preview: 'iVBORw0KGgo=' })).toBe('url(data:image/png;base64,iVBORw0KGgo=)')
    expect(previewOf({ ...file, preview: '/9j/) , url(https://example.org/' })).toBeUndefined()
    expect(previewOf(file)).toBeUndefined()
  })

  it('has a size in words that are right for any number', async () => {
    expect([0, 1, 5, 999, 1000, 1_234_567].map(sizeOf)).toEqual(['0 bytes', '1 byte', '5 bytes', '999 bytes', '1 kB', '1.2 MB'])
    await useLanguage('fr')
    expect([1, 5].map((n) => sizeOf(n).replace('\u00a0', ' '))).toEqual(['1 octet', '5 octets'])
    await useLanguage('en')
  })

  it('is said in one line by its caption, by what it shows, or by its name', () => {
    expect(kindText(image({}))).toBe('Image: cup.jpg')
    expect(kindText(image({ alt: 'A cup of tea' }))).toBe('Image: A cup of tea')
    expect(kindText(image({ alt: 'A cup of tea', caption: 'Mine' }))).toBe('Image: Mine')
    expect([captionOf(image({ caption: 'Mine' })), captionOf(image({})), captionOf({ content: 'x' } as Message)]).toEqual(['Mine', '', ''])
  })
})
