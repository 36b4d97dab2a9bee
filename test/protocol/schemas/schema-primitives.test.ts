import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import {
  base64,
  decodeBase64,
  decodeParams,
  optional,
  path,
  stringMap,
  u64,
} from '../../../src/protocol/schemas/schema-primitives.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const read = <S extends v.GenericSchema>(schema: S, json: string): v.InferOutput<S> =>
  decodeParams(schema, parseJson(json))

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, -32602)
    return (error as RpcError).message
  }
  throw new Error('was not refused')
}

const refused = (schema: v.GenericSchema, json: string): string => refusalOf(() => read(schema, json))

test('a u64 is any integer from zero to the largest of 64 bits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) =>
      assert.is(read(u64, String(value)), Number(value)),
    ),
  )
  assert.is(read(u64, '0'), 0)
  assert.is(read(u64, '18446744073709551615'), 2 ** 64)
  for (const json of [
    '-1',
    '-9223372036854775808',
    '18446744073709551616',
    '1.0',
    '1e0',
    '-0',
    '1.5',
    '"1"',
    'true',
    '[]',
    '{}',
    'null',
  ])
    refused(u64, json)
})

test('an optional member may be absent or null', () => {
  const schema = v.object({ a: optional(u64) })
  assert.is(read(schema, '{}').a, undefined)
  assert.is(read(schema, '{"a":null}').a, null)
  assert.is(read(schema, '{"a":3}').a, 3)
  refused(schema, '{"a":"3"}')
})

test('bytes come back from their base64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) =>
      assert.equal(Array.from(decodeBase64(Buffer.from(bytes).toString('base64'))), Array.from(bytes)),
    ),
  )
  assert.is(read(base64, '""').length, 0)
})

test('a text is base64 only if encoding its bytes gives just that text again', () => {
  const nearly = fc.string({ unit: fc.constantFrom(...'ABQgwx09+/=='), maxLength: 9 })
  const text = fc.oneof(
    nearly,
    fc.base64String({ maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(...'Aa+/-_= \n\t\r\f\u00a0é'), maxLength: 8 }),
  )
  fc.assert(
    fc.property(text, (text) => {
      const isExact = Buffer.from(text, 'base64').toString('base64') === text
      let bytes: Uint8Array | undefined
      try {
        bytes = decodeBase64(text)
      } catch {}
      assert.is(bytes !== undefined, isExact, JSON.stringify(text))
      if (bytes !== undefined) assert.is(Buffer.from(bytes).toString('base64'), text)
    }),
    { numRuns: 2000 },
  )
})

test('the URL alphabet, white space, missing padding and stray bits are not base64', () => {
  for (const text of [
    'QQ',
    'QQ=',
    'Q',
    'QQ== ',
    ' QQ==',
    'QQ\n==',
    'QR==',
    'QUJ=',
    '-_==',
    'Q!==',
    '====',
    'QQ==QQ==',
    'QUI',
    'é',
  ])
    refused(base64, JSON.stringify(text))
  for (const json of ['null', '5', '[]']) refused(base64, json)
})

test('a path is read from a path and from a URI, and its error is about the params', () => {
  const schema = v.object({ path })
  assert.is(read(schema, '{"path":"/a/../b"}').path, '/b')
  assert.is(read(schema, '{"path":"file:///a%20b"}').path, '/a b')
  assert.match(refused(schema, '{"path":"a"}'), /^path: /)
  assert.match(refused(schema, '{"path":"file:///a?b"}'), /query/)
  for (const json of ['{"path":5}', '{"path":null}', '{}']) refused(schema, json)
})

test('a map keeps every name, those of the language too', () => {
  const names = fc.uniqueArray(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', 'constructor', 'toString', '0', '')),
  )
  fc.assert(
    fc.property(names, (list) => {
      const json = `{${list.map((name, index) => `${JSON.stringify(name)}:"${index}"`).join()}}`
      const map = read(stringMap, json)
      assert.is(map.size, list.length)
      list.forEach((name, index) => assert.is(map.get(name), String(index)))
    }),
  )
})

test('a map holds strings only', () => {
  for (const json of [
    'null',
    '[]',
    '["a"]',
    '"a"',
    '5',
    '1.5',
    '{"a":null}',
    '{"a":5}',
    '{"a":1.5}',
    '{"a":"x","b":{}}',
  ])
    refused(stringMap, json)
})

test('the refusal of params names the first offending member', () => {
  const schema = v.object({ a: v.object({ b: v.array(u64) }), c: v.string() })
  assert.match(refused(schema, '{"a":{"b":[1,-1]},"c":5}'), /^a\.b\.1: /)
  assert.match(refused(schema, '{"a":{"b":[]}}'), /^c: /)
  for (const json of ['null', '5', '1.5', '"x"', '[]', 'true']) refused(schema, json)
})

test('no params make anything but the error of params', () => {
  const schema = v.object({ n: optional(u64), b: optional(base64), p: optional(path), m: optional(stringMap) })
  const member = fc.tuple(fc.constantFrom('n', 'b', 'p', 'm'), fc.json({ maxDepth: 2 }))
  fc.assert(
    fc.property(fc.uniqueArray(member, { selector: ([name]) => name }), (members) => {
      const json = `{${members.map(([name, text]) => `"${name}":${text}`).join()}}`
      // Lone surrogates never get this far.
      if (/\\ud[89a-f]/i.test(json)) return
      try {
        read(schema, json)
      } catch (error) {
        assert.instance(error, RpcError)
      }
    }),
  )
})

test.run()
