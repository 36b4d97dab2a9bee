/** Escaping of characters that act on what displays them. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { escapeControlChars, escapeInJson } from '../../src/base/control-chars.ts'
import { test } from '../support/suite.ts'

const ACTIVE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u

const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\x1b', '\0', '\n', '\x7f', '\x85', '\x9b', '\u061c', '\u200f', '\u202e', '\u2066'),
    fc.string(),
  ),
})

test('no control or bidirectional character is left, and each is to be seen', () => {
  fc.assert(fc.property(texts, (text) => assert.not.match(escapeControlChars(text), ACTIVE)))
  assert.is(escapeControlChars('\x1b[2J\u202egnp\x9b é😀'), '\\x1b[2J\\u202egnp\\x9b é😀')
})

test('escaped JSON has none either, and means the same', () => {
  fc.assert(
    fc.property(fc.dictionary(texts, texts), (value) => {
      const json = escapeInJson(JSON.stringify(value))
      assert.not.match(json, ACTIVE)
      assert.equal(JSON.parse(json), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.run()
