import { describe, expect, it } from 'vitest'
import { strength } from './strength'

describe('how hard a password is to guess', () => {
  it('is little for what everybody tries', () => {
    for (const p of ['', 'password', 'Passwort1', '12345678901234567890', 'aaaaaaaaaaaaaaaaaaaa', 'qwertz123', 'abcdefghijklm']) expect(strength(p), p).toBe(0)
    expect(strength('annarcher2026', ['annarcher'])).toBe(0)
  })

  it('grows with what it is made of, and more with its length', () => {
    expect([strength('tk4Rw'), strength('tk4Rwpm9'), strength('tk4Rwpm9.vHq'), strength('the horse ate my homework')]).toEqual([0, 1, 3, 3])
  })
})
