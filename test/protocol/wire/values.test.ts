import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_DEPTH, MAX_TEXT_BYTES, MAX_TOKEN_BYTES, MAX_VALUES } from '../../../src/protocol/limits.ts'
import { parseMessage } from '../../../src/protocol/wire/envelope.ts'
import { Base64Text } from '../../../src/protocol/wire/long-base64.ts'
import { stringBytes } from '../../../src/protocol/wire/string-bytes.ts'
import { messageOfValue } from '../../../src/protocol/wire/values.ts'
import { anyCharacter } from '../../support/characters.ts'
import { test } from '../../support/suite.ts'

const encoder = new TextEncoder()

const sameAsText = (message: object): void => {
  const text = encoder.encode(JSON.stringify(message))
  const read = messageOfValue(message)
  // Not uvu's: it compares members named `constructor`.
  assert.ok(isDeepStrictEqual(read.message, parseMessage(text)))
  if (read.message.kind === 'request') assert.is(read.bytes, text.length)
}

const anyString = fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: 'grapheme' }))
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    anyString,
    fc.constantFrom(null, undefined, true, false, -0, 0, 2 ** 53, 2 ** 60, 1e20, 1e21, NaN, -Infinity, 0.1),
    fc.integer(),
    fc.double(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(anyString, fc.constantFrom('__proto__', 'constructor')), tie('value'), { maxKeys: 4 }),
  ),
})).value

test('a message as a value is read as its JSON text would be, and has its length', () => {
  fc.assert(
    fc.property(fc.integer(), anyString, anyValue, (id, method, params) => sameAsText({ id, method, params })),
    { numRuns: 1000 },
  )
})

test('a string is measured without being encoded', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
      (text) => assert.is(stringBytes(text), encoder.encode(JSON.stringify(text)).length),
    ),
    { numRuns: 1000 },
  )
})

test('what text may not hold is malformed as a value, too, and the request is known', () => {
  let deep: unknown = 1
  for (let depth = 0; depth < MAX_DEPTH; depth++) deep = [deep]
  const tooMuch = [
    { list: Array.from({ length: MAX_VALUES }, () => 1) },
    { text: 'x'.repeat(MAX_TEXT_BYTES) },
    { text: 'x'.repeat(MAX_TOKEN_BYTES + 1) },
    { text: '\ud800' },
    { deep },
  ]
  for (const params of tooMuch) {
    const message = { id: 7, method: 'm', params }
    const { message: read } = messageOfValue(message)
    const ofText = parseMessage(encoder.encode(JSON.stringify(message)))
    assert.ok(read.kind === 'malformed' && ofText.kind === 'malformed')
    assert.is(read.id, '7')
    assert.is(read.detail.replace(/ at character \d+$/, ''), ofText.detail.replace(/ at character \d+$/, ''))
  }
})

test('bytes are copied, and count like their base64', () => {
  const chunk = Uint8Array.of(1, 2, 3, 4)
  const message = { id: 1, method: 'm', params: { chunk } }
  const { message: read, bytes } = messageOfValue(message)
  chunk.fill(0)
  assert.ok(read.kind === 'request')
  const copy = (read.params as { chunk: Base64Text }).chunk
  assert.ok(copy instanceof Base64Text)
  assert.equal([...copy.bytes], [1, 2, 3, 4])
  assert.is(bytes, '{"id":1,"method":"m","params":{"chunk":"AQIDBA=="}}'.length)
})

test('a value that changes later does not change the message', () => {
  const params = { list: [{ a: 1 }] }
  const { message } = messageOfValue({ id: 1, method: 'm', params } as { id: number })
  params.list[0] = { a: 2 }
  params.list.push({ a: 3 })
  assert.is(JSON.stringify(Reflect.get(message, 'params')), '{"list":[{"a":1}]}')
})

test.run()
