import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { release } from '../../../src/core/base/bytes.ts'
import { parseMessage } from '../../../src/protocol/wire/envelope.ts'
import { isJsonObject, parseJson } from '../../../src/protocol/wire/json.ts'
import type { JsonValue } from '../../../src/protocol/wire/json.ts'
import { MAX_VALUES } from '../../../src/protocol/limits.ts'
import type { LongMember } from '../../../src/protocol/wire/long-base64.ts'
import {
  Base64Text,
  decodeInPlace,
  findLongMember,
  LONG_BYTES,
  LongMemberFinder,
} from '../../../src/protocol/wire/long-base64.ts'
import { finish } from '../../../src/protocol/wire/steps.ts'
import { test } from '../../support/suite.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const data = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255)

/** A message's params as they are read. */
function paramsOf(text: string): { [name: string]: JsonValue } {
  const message = parseMessage(encode(text))
  if (message.kind !== 'request' || !isJsonObject(message.params))
    throw new Error(`no request: ${JSON.stringify(message).slice(0, 100)}`)
  return message.params
}

for (const name of ['chunk', 'dataBase64', 'bodyBase64']) {
  test(`a long ${name} is decoded without ever being a string, whatever its length and the spaces around it`, () => {
    for (const length of [LONG_BYTES, LONG_BYTES + 1, LONG_BYTES + 2, 98_304, 98_305, 3_000_000]) {
      const bytes = data(length)
      for (const gap of ['', ' ', ' \t\r\n ']) {
        const params = paramsOf(
          `{"id":7,"method":"m","params":{"before":"ü\\"","${name}"${gap}:${gap}"${bytes.toBase64()}"${gap},"after":[1]}}`,
        )
        assert.instance(params[name], Base64Text)
        assert.ok(Buffer.from((params[name] as Base64Text).bytes).equals(bytes), `${length}`)
        assert.is(params['before'], 'ü"')
        assert.equal(params['after'], [1])
      }
    }
  })
}

test('a member is decoded into the bytes of its message, which are freed with it if they are all of a buffer', () => {
  const message = encode(`{"id":7,"method":"m","params":{"chunk":"${data(200_000).toBase64()}"}}`)
  const read = (bytes: Uint8Array): Uint8Array => {
    const parsed = parseMessage(bytes)
    if (parsed.kind !== 'request' || !isJsonObject(parsed.params)) return assert.unreachable() as never
    assert.ok(parsed.keepsBytes)
    return (parsed.params['chunk'] as Base64Text).bytes
  }
  const shared = new Uint8Array(message.length + 10)
  shared.set(message, 5)
  const part = read(shared.subarray(5, -5))
  assert.is(part.buffer, shared.buffer)
  release(part)
  assert.ok(shared.length > 0, 'others may use the rest of the buffer')
  const whole = Uint8Array.from(message)
  const bytes = read(whole)
  assert.is(bytes.buffer, whole.buffer)
  release(bytes)
  assert.is(whole.length, 0)
})

test('a member behind more strings than a message may have is not looked for', () => {
  const member = `"chunk":"${'A'.repeat(2 * LONG_BYTES)}"`
  const behind = (strings: number): LongMember | undefined =>
    findLongMember(encode(`{"params":{"x":[${Array.from({ length: strings }, () => '""').join(',')}],${member}}}`))
  assert.is(behind(MAX_VALUES)?.name, 'chunk')
  assert.is(behind(2 * MAX_VALUES), undefined)
})

test('a member is found at the same place in whatever pieces its message comes', () => {
  const part = fc.constantFrom(
    '"',
    '"x"',
    '"chunk"',
    '"dataBase64" : ',
    '"bodyBase64":',
    ':"',
    ' ',
    'A'.repeat(70_000),
    'ü',
  )
  const length = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1000, max: 90_000 }))
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 8 }),
      fc.array(length, { minLength: 1, maxLength: 3 }),
      (parts, lengths) => {
        const message = encode(parts.join(''))
        const finder = new LongMemberFinder()
        for (let [at, turn] = [0, 0]; at < message.length; turn++) {
          const end = at + (lengths[turn % lengths.length] as number)
          finder.push(message.subarray(at, end))
          at = end
        }
        const member = findLongMember(message)
        assert.equal(finder.member, member)
        const isOpen = finder.textBytes < message.length && member === undefined
        if (!isOpen)
          assert.is(finder.textBytes, message.length - (member === undefined ? 0 : member.end - member.start))
      },
    ),
    { numRuns: 300 },
  )
})

test('short ones, and long strings of other names, stay strings', () => {
  const long = data(100_000).toBase64()
  assert.is(paramsOf(`{"id":7,"method":"m","params":{"chunk":"AAAA","x":1}}`)['chunk'], 'AAAA')
  assert.is(paramsOf(`{"id":7,"method":"m","params":{"text":"${long}"}}`)['text'], long)
  assert.is(paramsOf(`{"id":7,"method":"m","params":{"mychunk":"${long}"}}`)['mychunk'], long)
})

test('a long member of that name elsewhere is the string that it is', () => {
  const long = data(100_000).toBase64()
  const env = paramsOf(`{"id":7,"method":"m","params":{"env":{"chunk":"${long}"},"chunk":""}}`)
  assert.is((env['env'] as { chunk: string }).chunk, long)
  assert.is(env['chunk'], '')
  const list = paramsOf(`{"id":7,"method":"m","params":{"argv":["\\"chunk\\":","${long}"]}}`)
  assert.equal(list['argv'], ['"chunk":', long])
})

test('what is not standard, padded base64 stays a string, for its method to refuse', () => {
  const long = data(100_000).toBase64()
  const wrongs = [
    `${long}A`,
    long.slice(0, -1),
    ` ${long.slice(1)}`,
    `${long.slice(0, 70_000)}    ${long.slice(70_004)}`,
    `${long.slice(0, 70_000)}\\n  ${long.slice(70_004)}`,
    `${long.slice(0, 65_532)}AA==${long}`,
    `${long.slice(0, 65_536)}-_-_${long.slice(65_540)}`,
    `${'A'.repeat(99_998)}B=`,
    `${'A'.repeat(99_996)}AB==`,
  ]
  for (const wrong of wrongs) {
    const text = `{"id":7,"method":"m","params":{"chunk":"${wrong}"}}`
    const message = encode(text)
    assert.not(finish(decodeInPlace(message, findLongMember(message) as LongMember)), wrong.slice(-10))
    assert.equal(Buffer.from(message).toString(), text, 'the message is as it was')
    assert.is(paramsOf(text)['chunk'], JSON.parse(`"${wrong}"`), wrong.slice(-10))
  }
})

test('a malformed message with a long member gets the same error as one without', () => {
  const long = data(100_000).toBase64()
  for (const [text, detail] of [
    [`{"id":7,"method":"m","params":{"chunk":"${long}"}`, /unexpected|expected|missing/],
    [`{"id":7,"method":"m","params":{"chunk":"${long}","chunk":""}}`, /duplicate/],
    [`{"id":7,"method":"m","params":{"a":"x"chunk":"${long}"}}`, /unexpected|expected|missing/],
    [`{"id":7,"method":"m","params":{"chunk":"${long}" x}}`, /unexpected|expected|missing/],
    [`{"id":7,"method":"m","params":{"chunk":"${long}"},"x":nul}`, /unexpected|expected|missing/],
  ] as const) {
    const message = parseMessage(encode(text))
    assert.is(message.kind, 'malformed', text.slice(-20))
    if (message.kind === 'malformed') assert.match(message.detail, detail)
  }
  const broken = Uint8Array.from([
    ...encode(`{"id":7,"method":"m","params":{"chunk":"${long}","x":"`),
    0xff,
    ...encode('"}}'),
  ])
  assert.is(parseMessage(broken).kind, 'malformed')
})

test('any message is read as the plain reader reads it', () => {
  const long = data(70_000).toBase64()
  const piece = fc.constantFrom(
    '"chunk"',
    '"dataBase64"',
    '"x"',
    ':',
    ',',
    '{',
    '}',
    '[',
    ']',
    ' ',
    '"',
    '\\',
    '1',
    'null',
    `"${long}"`,
    long,
    '"params"',
    '"ü"',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      for (const text of [
        `{"id":1,"method":"m","params":{${pieces.join('')}}}`,
        `{"id":1,"method":"m","params":{"chunk":${pieces.join('')}}}`,
      ]) {
        let expected: JsonValue | undefined
        try {
          expected = parseJson(text)
        } catch {}
        const message = parseMessage(encode(text))
        assert.is(message.kind, expected === undefined ? 'malformed' : 'request')
        if (message.kind === 'request' && isJsonObject(expected))
          assert.is(plain(message.params), plain(expected['params'] as JsonValue))
      }
    }),
    { numRuns: 300 },
  )
})

function plain(value: JsonValue): string {
  if (value instanceof Base64Text) return JSON.stringify(value.bytes.toBase64())
  if (Array.isArray(value)) return `[${value.map(plain).join()}]`
  if (!isJsonObject(value)) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${plain(member)}`)
    .join()}}`
}

test.run()
