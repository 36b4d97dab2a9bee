import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_TOKEN_BYTES, MAX_VALUES } from '../../../src/protocol/limits.ts'
import { parseJsonBytes } from '../../../src/protocol/wire/json-bytes.ts'
import { JsonLimitError, JsonSyntaxError, parseJson } from '../../../src/protocol/wire/json.ts'
import type { JsonValue } from '../../../src/protocol/wire/json.ts'
import { finish } from '../../../src/protocol/wire/steps.ts'
import { anyCharacter } from '../../support/characters.ts'
import { doc, edit, edited, show } from '../../support/json-docs.ts'
import { test } from '../../support/suite.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a parser makes of a text: the value, or the error. */
function outcome(parse: () => JsonValue): string {
  try {
    return show(parse())
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return error.message
  }
}

const byBytes = (text: string): string => outcome(() => finish(parseJsonBytes(encode(text))))

/** A text that is not well-formed has no bytes. */
function assertSame(text: string): void {
  if (!text.isWellFormed()) return
  assert.is(
    byBytes(text),
    outcome(() => parseJson(text)),
    text.slice(0, 200),
  )
}

test('every text has the same value as for the parser of strings, and every other text the same error', () => {
  fc.assert(
    fc.property(doc, edit, ({ text }, change) => {
      assertSame(text)
      assertSame(edited(text, change))
    }),
    { numRuns: 2000 },
  )
  const noise = fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0d8e.eE+-truefalsn \n'), maxLength: 30 })
  fc.assert(
    fc.property(noise, (text) => assertSame(text)),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 30 }), (text) => {
      assertSame(text)
      assertSame(JSON.stringify([text, { [text]: text }]))
    }),
    { numRuns: 500 },
  )
})

test('the limits of depth and values are the same', () => {
  for (const depth of [127, 128, 129, 100_000]) {
    assertSame('['.repeat(depth) + ']'.repeat(depth))
    assertSame('{"a":'.repeat(depth) + '1' + '}'.repeat(depth))
  }
  for (const count of [MAX_VALUES - 2, MAX_VALUES - 1, MAX_VALUES]) assertSame(`[${Array(count).fill('1').join(',')}]`)
  assertSame(
    `[${Array(MAX_VALUES / 2)
      .fill('{}')
      .join(',')}]`,
  )
})

test('a large text is read in steps, each of a part of it', () => {
  const text = JSON.stringify(Array.from({ length: 2000 }, (_, index) => ({ text: 'ü'.repeat(500), index })))
  const steps = parseJsonBytes(encode(text))
  let count = 0
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) count++
  assert.is(show(step.value), show(parseJson(text)))
  assert.ok(count > 40, `${count} steps`)
})

test('a string or number that takes long to make is refused before it is made', () => {
  const long = 'x'.repeat(MAX_TOKEN_BYTES)
  assert.is(finish(parseJsonBytes(encode(`"${long}"`))), long)
  for (const text of [`"x${long}"`, `"\\n${long}"`, `{"x${long}":1}`, `[1${'1'.repeat(MAX_TOKEN_BYTES)}]`])
    assert.throws(
      () => finish(parseJsonBytes(encode(text))),
      (error: unknown) => error instanceof JsonLimitError,
    )
})

test('a string that is replaced is not read, whatever is in it', () => {
  const bytes = Uint8Array.of(...encode('{"ü":1,"a":"'), 0xff, 0x5c, 0x00, ...encode('","b":["\\n"]}'))
  const start = bytes.indexOf(0xff) - 1
  const value = finish(parseJsonBytes(bytes, { start, end: start + 4, value: 7 }))
  assert.is(show(value), show(parseJson('{"ü":1,"a":7,"b":["\\n"]}')))
})

test('what is not UTF-8 is never repaired', () => {
  for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80]])
    for (const [before, after] of [
      ['["', '"]'],
      ['["\\n', '"]'],
      ['[1', ']'],
    ] as const)
      assert.throws(() => finish(parseJsonBytes(Uint8Array.of(...encode(before), ...bad, ...encode(after)))))
})

test.run()
