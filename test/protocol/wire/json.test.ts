import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  detached,
  isJsonObject,
  JsonFloat,
  JsonLimitError,
  JsonSyntaxError,
  parseJson,
} from '../../../src/protocol/wire/json.ts'
import type { JsonValue } from '../../../src/protocol/wire/json.ts'
import { anyCharacter } from '../../support/characters.ts'
import { doc, edit, edited, show } from '../../support/json-docs.ts'
import { assertLinear, cpuMs } from '../../support/time/cpu-time.ts'
import { MAX_DEPTH, MAX_VALUES } from '../../../src/protocol/limits.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

/** The same with every number as the double that JSON.parse makes of it. */
function showRounded(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(Number(value) + 0)
  if (value instanceof JsonFloat) return String(Number(value.text) + 0)
  if (Array.isArray(value)) return `[${value.map(showRounded).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${showRounded((value as Record<string, unknown>)[key])}`)
  return `{${members.join()}}`
}

function parsedOrRefused(text: string): { value: JsonValue } | { refused: string } {
  try {
    return { value: parseJson(text) }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    return { refused: error.message }
  }
}

/**
 * Whether JSON.parse may be wrong: with V8 14.6 (Node 26) a member whose name is one escape, such as "\\u0000", is at times
 * named with a backslash, depending on what was parsed before (seed 2115601346 below).
 */
const isMisread = (text: string): boolean => /"\\(?:u[0-9a-f]{4}|[^u])"\s*:/i.test(text)

const isRefused = (text: string): boolean => 'refused' in parsedOrRefused(text)
const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('every way to write a value reads as that value', () => {
  fc.assert(
    fc.property(doc, ({ text, value }) => assert.is(show(parseJson(text)), show(value))),
    { numRuns: 500 },
  )
})

test('what JSON.parse reads is read the same, apart from how exact numbers are', () => {
  const json = fc.oneof(
    fc.json(),
    fc.tuple(fc.jsonValue(), fc.nat(3)).map(([value, indent]) => JSON.stringify(value, null, indent)),
  )
  fc.assert(
    fc.property(json, (text) => {
      // fast-check writes lone surrogates and `-0`-like keys rarely; what is refused is in the tests below.
      if (!text.isWellFormed() || /\\ud[89a-f]/i.test(text) || isMisread(text)) return
      assert.is(showRounded(parseJson(text)), showRounded(JSON.parse(text)))
    }),
    { numRuns: 300 },
  )
})

test('a text with one character changed is read exactly when JSON.parse reads it, but for the named refusals', () => {
  fc.assert(
    fc.property(doc, edit, ({ text }, change) => {
      const changed = edited(text, change)
      if (isMisread(changed)) return
      const parsed = parsedOrRefused(changed)
      if ('value' in parsed) assert.is(showRounded(parsed.value), showRounded(JSON.parse(changed)), changed)
      else
        assert.ok(
          !parses(changed) || /duplicate member|lone surrogate/.test(parsed.refused),
          `${changed}: ${parsed.refused}`,
        )
    }),
    { numRuns: 1000 },
  )
})

test('no text makes anything but a JsonSyntaxError', () => {
  const noise = fc.oneof(
    fc.string({ unit: anyCharacter, maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0d8e.eE+-truefalsn \n'), maxLength: 30 }),
  )
  fc.assert(
    fc.property(noise, (text) => void parsedOrRefused(text)),
    { numRuns: 2000 },
  )
})

test('64-bit integers keep every digit', () => {
  for (const digits of [
    '9223372036854775807',
    '-9223372036854775808',
    '18446744073709551615',
    '9007199254740993',
    '9007199254740992',
  ]) {
    assert.is(String(parseJson(digits)), digits)
    assert.is(typeof parseJson(digits), 'bigint')
  }
  assert.is(parseJson('9007199254740991'), Number.MAX_SAFE_INTEGER)
  assert.is(parseJson('-9007199254740991'), Number.MIN_SAFE_INTEGER)
})

test('a number with a point, an exponent or a negative zero is a float with its own text', () => {
  for (const text of ['1.0', '1e3', '1E3', '-0', '-0.0', '0e0', '1e400', '1.5', '0.1', '12345678901234567890.5']) {
    const value = parseJson(text)
    assert.instance(value, JsonFloat)
    assert.is((value as JsonFloat).text, text)
  }
  assert.is(parseJson('0'), 0)
})

test('numbers that JSON does not know are refused', () => {
  for (const text of [
    '01',
    '-',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
    '0x1',
    'NaN',
    'Infinity',
    '-Infinity',
    '1_0',
    '--1',
    '00',
    '-01',
  ])
    assert.ok(isRefused(text), text)
})

test('a member named twice is refused, however the second name is written', () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"b":2,"a":1}',
    '{"a":1,"\\u0061":2}',
    '[{"x":{"k":1,"k":1}}]',
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
  ]) {
    assert.throws(() => parseJson(text), /duplicate member/)
  }
  assert.is(show(parseJson('{"a":{"a":1},"A":[{"a":2},{"a":3}]}')), '{"A":[{"a":2},{"a":3}],"a":{"a":1}}')
})

test('names of the language are members like any other', () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const object = parseJson(`{"${name}":{"polluted":1}}`)
    if (!isJsonObject(object)) throw new Error('not an object')
    assert.equal(Object.keys(object), [name])
    assert.is(show(object[name] as JsonValue), '{"polluted":1}')
    assert.is(Object.getPrototypeOf(object), null)
  }
  const empty = parseJson('{}')
  if (!isJsonObject(empty)) throw new Error('not an object')
  assert.is(empty['toString'], undefined)
  assert.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('nesting is read to 128 levels and no deeper', () => {
  const arrays = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
  const mixed = (depth: number): string => '[{"a":'.repeat(depth / 2) + '1' + '}]'.repeat(depth / 2)
  assert.is(MAX_DEPTH, 128)
  for (const nest of [arrays, objects, mixed]) {
    assert.not(isRefused(nest(128)))
    assert.ok(isRefused(nest(130)))
    assert.throws(() => parseJson(nest(200_000)), /nested too deeply/)
  }
  assert.ok(isRefused(arrays(129)))
  // Depth is of nesting, not of how many there are.
  assert.not(isRefused(`[${Array(500).fill('[[]]').join()}]`))
})

test('an escape that leaves a lone surrogate is refused, in values and in names', () => {
  for (const text of [
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud800x"',
    '"\\ud800\\ud800"',
    '"\\udc00\\ud800"',
    '{"\\udbff":1}',
    '"a\\n\\uD800"',
  ]) {
    assert.throws(() => parseJson(text), /lone surrogate/)
  }
  assert.is(parseJson('"\\ud83d\\ude00"'), '😀')
})

test('a byte-order mark, control characters in strings and foreign white space are refused', () => {
  for (const text of [
    '\ufeff{}',
    '{}\ufeff',
    '"\u0000"',
    '"\n"',
    '"\u001f"',
    '\u00a01',
    '\u000b1',
    '\u20281',
    '1\u0000',
  ])
    assert.ok(isRefused(text), JSON.stringify(text))
  assert.is(parseJson('"\u007f\u2028"'), '\u007f\u2028')
  assert.is(show(parseJson(' \t\r\n[ 1 , 2 ]\n')), '[1,2]')
})

test('what follows the value is refused, and so is a value that does not end', () => {
  for (const text of [
    '',
    ' ',
    '{} {}',
    '1 2',
    '[]]',
    '{}x',
    '"a"b',
    'truex',
    'nul',
    '[1,]',
    '[,1]',
    '{"a":1,}',
    '{,}',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    '[1',
    '{"a":1',
    '"a',
    '"a\\"',
    "'a'",
    '// c\n1',
  ]) {
    assert.ok(isRefused(text), text)
  }
})

// ---- time ----

test.full('time grows with the text and not with its square', () => {
  const texts: ((n: number) => string)[] = [
    (n) => `"${'\\"'.repeat(n)}"`,
    (n) => `"${'\\\\'.repeat(n)}"`,
    (n) => `"${'\\\\'.repeat(n)}`,
    (n) => `"${'\\"'.repeat(n)}`,
    (n) => `["${'\\\\'.repeat(n)}","${'\\"'.repeat(n)}"]`,
    (n) => `[${'"\\n",'.repeat(n)}1]`,
    (n) => `[${'1,'.repeat(n)}1]`,
    (n) => `{${Array.from({ length: n / 4 }, (_, index) => `"${index}":1,`).join('')}"x":1}`,
    (n) => `${' '.repeat(n)}1`,
    (n) => `0.${'1'.repeat(n)}`,
  ]
  // A square would take minutes for a whole message.
  for (const text of texts) {
    assertLinear(String(text), 50_000, (size) => {
      const whole = text(size)
      return () => parsedOrRefused(whole)
    })
  }
})

test('an integer of more digits than 64 bits have is kept as text, since to convert it takes quadratic time', () => {
  const digits = '7'.repeat(3_000_000)
  for (const text of [digits, `-${digits}`, `0.${digits}`]) {
    const value = parseJson(text)
    assert.ok(value instanceof JsonFloat && value.text === text)
  }
})

test.full('an endless integer costs no more than an endless fraction', () => {
  const digits = '7'.repeat(3_000_000)
  const fraction = cpuMs(() => parsedOrRefused(`0.${digits}`))
  const integer = cpuMs(() => parsedOrRefused(digits))
  assert.ok(integer < 10 * fraction + 50, `${integer} ms against ${fraction} ms`)
})

test('a detached copy is the same text', () => {
  fc.assert(fc.property(fc.string({ unit: anyCharacter }), (text) => assert.is(detached(text), text)))
  assert.is(detached('\ud800'), '\ud800')
})

test('as many values and names of members are read as a message may have, and no more are made', () => {
  const list = (one: string, count: number): string => `[${Array.from({ length: count }, () => one).join(',')}]`
  const object = (count: number): string => `{${Array.from({ length: count }, (_, index) => `"${index}":1`).join(',')}}`
  // The array itself counts, an object three times, a member as its name and its value.
  const most: [text: (count: number) => string, count: number][] = [
    [(count) => list('1', count), MAX_VALUES - 1],
    [(count) => list('"x"', count), MAX_VALUES - 1],
    [(count) => list('[]', count), MAX_VALUES - 1],
    [(count) => list('{}', count), Math.floor((MAX_VALUES - 1) / 3)],
    [object, Math.floor((MAX_VALUES - 3) / 2)],
  ]
  for (const [text, count] of most) {
    parseJson(text(count))
    assert.throws(
      () => parseJson(text(count + 1)),
      (error: unknown) => error instanceof JsonLimitError,
    )
    // What follows is not even looked at.
    assert.throws(
      () => parseJson(`[${text(count).slice(1, -1)},${text(count).slice(1, -1)}, not JSON`),
      (error: unknown) => error instanceof JsonLimitError || /expected|duplicate/.test(String(error)),
    )
  }
})

test.run()
