import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  encodeError,
  encodeNotification,
  encodeResult,
  NO_ID,
  parseMessage,
} from '../../../src/protocol/wire/envelope.ts'
import { MAX_TEXT_BYTES } from '../../../src/protocol/limits.ts'
import type { Message } from '../../../src/protocol/wire/envelope.ts'
import { anyCharacter } from '../../support/characters.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const encoder = new TextEncoder()
const parse = (text: string): Message => parseMessage(encoder.encode(text))
const kindOf = (text: string): string => parse(text).kind

function requestOf(text: string): Message & { kind: 'request' } {
  const message = parse(text)
  if (message.kind !== 'request') throw new Error(`${text} is ${JSON.stringify(message)}`)
  return message
}

/** Parsed by the platform, so that the raw text of the id is what is compared. */
const echoOf = (id: string): string => encodeResult(requestOf(`{"id":${id},"method":"m"}`).id, '{}')

test('an integer id goes back digit for digit', () => {
  const ids = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  fc.assert(fc.property(ids, (id) => assert.is(echoOf(String(id)), `{"id":${id},"result":{}}`)))
  for (const id of ['0', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993'])
    assert.is(echoOf(id), `{"id":${id},"result":{}}`)
})

test('a string id goes back as the same string', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (id) => assert.is(JSON.parse(echoOf(JSON.stringify(id))).id, id)),
  )
  assert.is(echoOf('""'), '{"id":"","result":{}}')
  assert.is(echoOf('"\\u0031"'), '{"id":"1","result":{}}')
})

test('floats, integers beyond 64 bits and everything that is no string are not ids', () => {
  const ids = [
    '1.5',
    '1.0',
    '1e3',
    '-0',
    'null',
    'true',
    '[]',
    '[1]',
    '{}',
    '9223372036854775808',
    '-9223372036854775809',
    '18446744073709551615',
    '1e400',
  ]
  for (const id of ids) {
    assert.is(kindOf(`{"id":${id},"method":"initialized"}`), 'malformed', id)
    assert.is(kindOf(`{"id":${id},"method":"process/start","params":{}}`), 'malformed', id)
    assert.is(kindOf(`{"id":${id},"result":{}}`), 'malformed', id)
  }
})

test('method and id make a request, a method alone a notification', () => {
  assert.equal(requestOf('{"id":7,"method":"m","params":{"a":[1]}}').id, '7')
  assert.is(requestOf('{"id":7,"method":""}').method, '')
  assert.equal(parse('{"method":"initialized","params":5}'), { kind: 'notification', method: 'initialized' })
  // A request is one also when it looks like an answer besides.
  assert.is(kindOf('{"id":1,"method":"m","result":{},"error":{}}'), 'request')
})

test('absent params and null params are the same', () => {
  assert.is(requestOf('{"id":1,"method":"m"}').params, null)
  assert.is(requestOf('{"id":1,"method":"m","params":null}').params, null)
  assert.is(requestOf('{"id":1,"method":"m","params":false}').params, false)
})

test('a result or an error object with an id is an answer', () => {
  for (const text of [
    '{"id":1,"result":{}}',
    '{"id":"x","result":null}',
    '{"id":1,"error":{"code":-32600,"message":"m"}}',
    '{"id":1,"error":{"code":1,"message":"","data":[]}}',
  ]) {
    assert.is(kindOf(text), 'response', text)
  }
})

test('an object that is none of the four kinds is malformed', () => {
  const texts = [
    '{}',
    '{"id":1}',
    '{"result":{}}',
    '{"error":{"code":1,"message":"m"}}',
    '{"id":1,"error":{}}',
    '{"id":1,"error":null}',
    '{"id":1,"error":[1]}',
    '{"id":1,"error":{"code":1.0,"message":"m"}}',
    '{"id":1,"error":{"code":"1","message":"m"}}',
    '{"id":1,"error":{"code":1,"message":null}}',
    '{"id":1,"method":5}',
    '{"id":1,"method":null}',
    '{"method":[]}',
    '{"params":{}}',
  ]
  for (const text of texts) assert.is(kindOf(text), 'malformed', text)
})

test('a batch, a bare value and broken JSON are malformed', () => {
  const texts = [
    '[]',
    '[{"id":1,"method":"m"}]',
    '[1,"initialize",{"clientName":"x"}]',
    'null',
    '5',
    '1.5',
    '"m"',
    'true',
    '',
    '  ',
    '\n',
    'not-json',
    '{"id":1,"method":"m"',
    '{"id":1,"method":"m"}}',
    '{"id":1,"method":"m"}{"id":2,"method":"m"}',
    '{"id":NaN,"method":"m"}',
    '{"id":1,"method":"\\ud800"}',
    '\ufeff{"id":1,"method":"m"}',
    "{'id':1}",
    '{"id":1,"id":1,"method":"m"}',
    '{"id":1,"method":"m","method":"m"}',
    '{"id":1,"method":"m","params":{"a":1,"a":1}}',
    `{"id":1,"method":"m","params":${'['.repeat(200)}${']'.repeat(200)}}`,
  ]
  for (const text of texts) assert.is(kindOf(text), 'malformed', text)
})

test('white space around, unknown members and the jsonrpc member in any form are fine', () => {
  for (const more of [
    '"jsonrpc":"2.0"',
    '"jsonrpc":"1.0"',
    '"jsonrpc":2',
    '"jsonrpc":null',
    '"extra":{"deep":[1e400]}',
  ]) {
    assert.is(kindOf(` {"id":1,"method":"m",${more}}\r\n`), 'request')
    assert.is(kindOf(`{"method":"m",${more}}`), 'notification')
  }
  assert.is(kindOf(`{"id":1,"method":"m","params":${'['.repeat(120)}${']'.repeat(120)}}`), 'request')
})

test('a trace is an object of strings, or nothing', () => {
  for (const trace of ['null', '{}', '{"traceparent":"00-a-b-01"}', '{"traceparent":null,"tracestate":"x=y","more":1}'])
    assert.is(kindOf(`{"id":1,"method":"m","trace":${trace}}`), 'request', trace)
  for (const trace of [
    '5',
    '1.5',
    '"x"',
    '[]',
    'false',
    '{"traceparent":5}',
    '{"tracestate":{}}',
    '{"tracestate":1.5}',
  ]) {
    assert.is(kindOf(`{"id":1,"method":"m","trace":${trace}}`), 'malformed', trace)
    assert.is(kindOf(`{"method":"initialized","trace":${trace}}`), 'malformed', trace)
  }
})

test('no bytes make the parser throw', () => {
  const near = fc
    .tuple(
      fc.constantFrom('{"id":1,"method":"', '{"id":', '{"', '['),
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom('"}', '}', ''),
    )
    .map(([head, bytes, tail]) => Uint8Array.from([...encoder.encode(head), ...bytes, ...encoder.encode(tail)]))
  const kinds = new Set(['request', 'notification', 'response', 'malformed'])
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), near), (bytes) =>
      assert.ok(kinds.has(parseMessage(bytes).kind)),
    ),
    { numRuns: 1000 },
  )
})

test('bytes that are not UTF-8 are malformed and never repaired', () => {
  for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xe2, 0x82]]) {
    const message = parseMessage(
      Uint8Array.from([...encoder.encode('{"method":"a'), ...bytes, ...encoder.encode('"}')]),
    )
    assert.is(message.kind, 'malformed')
  }
})

test('any text fits an error message, and members stand in the order of the reference', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.integer(), (message, code) => {
      assert.equal(JSON.parse(encodeError('"a"', code, message)), {
        error: { code, message: message.toWellFormed() },
        id: 'a',
      })
    }),
  )
  assert.is(encodeError(NO_ID, -32600, 'cut \ud83d'), '{"error":{"code":-32600,"message":"cut \ufffd"},"id":-1}')
  assert.is(encodeNotification('a/b', '{"c":1}'), '{"method":"a/b","params":{"c":1}}')
})

test('a message with too much in it is malformed, with the id that it begins with', () => {
  const values = `"params":[${'{},'.repeat(40_000)}{}]`
  const long = `"params":{"text":"${'x'.repeat(MAX_TEXT_BYTES)}"}`
  for (const much of [values, long]) {
    for (const id of ['7', '-9', '"a-b"', '123456789012345678'])
      for (const head of [`{"id":${id},`, ` { "id" : ${id} , `, `{"jsonrpc":"2.0","id":${id},`]) {
        const message = parse(`${head}"method":"m",${much}}`)
        assert.ok(message.kind === 'malformed' && message.id === id, JSON.stringify(message).slice(0, 200))
      }
    // Not the id of something else, and none that could not be echoed.
    for (const head of ['{"params":{"id":1},', '{"id":1.5,', '{"id":"\\n",', '{"x":1,"id":2,']) {
      const message = parse(`${head}"method":"m","more":1,${much}}`)
      assert.ok(message.kind === 'malformed' && message.id === undefined, head)
    }
  }
})

test('long base64 does not count towards the bytes of a message, everything else does', () => {
  const base64 = 'A'.repeat(2 * MAX_TEXT_BYTES)
  const write = (name: string, more: string): string =>
    `{"id":1,"method":"fs/writeFile","params":{"path":"/x","${name}":"${base64}","more":"${more}"}}`
  assert.is(kindOf(write('dataBase64', 'x'.repeat(500_000))), 'request')
  assert.is(kindOf(write('dataBase64', 'x'.repeat(MAX_TEXT_BYTES))), 'malformed')
  assert.is(kindOf(write('other', '')), 'malformed')
})

test.run()
