import * as assert from 'uvu/assert'
import { HttpRequestParams } from '../../../src/protocol/schemas/http.ts'
import type { JsonValue } from '../../../src/protocol/wire/json.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { test } from '../../support/suite.ts'

const least = { method: 'GET', url: 'http://x/', requestId: '' }
const decode = (more: object) => decodeParams(HttpRequestParams, { ...least, ...more } as unknown as JsonValue)

test('a request needs a method, a URL and an id, which may be empty, and nothing else', () => {
  assert.equal(decode({ unknown: 1, body: 'x' }), {
    ...least,
    headers: [],
    redirectPolicy: 'follow',
    streamResponse: false,
  })
  for (const name of ['method', 'url', 'requestId']) {
    for (const value of [undefined, null, 5, ['x']]) {
      const params = Object.fromEntries(
        Object.entries({ ...least, [name]: value }).filter(([, each]) => each !== undefined),
      )
      assert.throws(
        () => decodeParams(HttpRequestParams, params as unknown as JsonValue),
        (error: { code: number; message: string }) => error.code === -32602 && error.message.startsWith(name),
      )
    }
  }
})

test('null stands for an absent body or timeout, and for nothing else', () => {
  for (const name of ['bodyBase64', 'timeoutMs']) assert.is(decode({ [name]: null })[name as 'timeoutMs'], null)
  for (const name of ['headers', 'redirectPolicy', 'streamResponse'])
    assert.throws(() => decode({ [name]: null }), name)
})

test('headers keep their order, and each has a name and a value', () => {
  const headers = [
    { name: 'b', value: '1' },
    { name: 'a', value: '', valueEnvVar: null },
    { name: 'b', value: '2', valueEnvVar: 'HOME' },
  ]
  assert.equal(decode({ headers }).headers, headers)
  for (const wrong of [
    {},
    'a: b',
    [{ name: 'a' }],
    [{ value: 'a' }],
    [{ name: 'a', value: null }],
    [
      {
        name: 'a',
        value: 'b',
        valueEnvVar: 5,
      },
    ],
    ['a'],
  ]) {
    assert.throws(() => decode({ headers: wrong }), /headers/)
  }
})

test('a body is standard, padded base64', () => {
  assert.equal(decode({ bodyBase64: '' }).bodyBase64, new Uint8Array())
  assert.equal(decode({ bodyBase64: '+/8=' }).bodyBase64, new Uint8Array([0xfb, 0xff]))
  for (const bodyBase64 of ['-_8=', '+/8', 'a!==', ' +/8=', 5])
    assert.throws(() => decode({ bodyBase64 }), /bodyBase64/)
})

test('a timeout is an unsigned number of 64 bits', () => {
  assert.is(decode({ timeoutMs: 0 }).timeoutMs, 0)
  assert.is(decode({ timeoutMs: 2n ** 64n - 1n }).timeoutMs, 2 ** 64)
  for (const timeoutMs of [-1, '5', 2n ** 64n, true]) assert.throws(() => decode({ timeoutMs }), /timeoutMs/)
})

test('redirects are followed or not: there is no third way, in no other spelling', () => {
  assert.is(decode({ redirectPolicy: 'stop' }).redirectPolicy, 'stop')
  for (const redirectPolicy of ['bogus', 'Follow', '', 5])
    assert.throws(() => decode({ redirectPolicy }), /redirectPolicy/)
})

test.run()
