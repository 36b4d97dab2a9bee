/** Base64 by the function of the runtime. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { base64Encoder, encoderOf } from '../../../src/host/ffi/base64.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const SYMBOL = '_ZN7simdutf16binary_to_base64EPKcmPcNS_14base64_optionsE'

test('the function is there on Node', () => {
  assert.is(base64Encoder() === undefined, isDeno)
})

const onNode = isDeno ? test.skip : test

onNode('bytes of any length become what the runtime makes of them, and nothing beside it is touched', () => {
  const encode = base64Encoder()
  assert.ok(encode)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (bytes, at) => {
      const expected = bytes.toBase64()
      const target = new Uint8Array(at + expected.length + 9).fill(1)
      encode(bytes, target.subarray(at, at + expected.length))
      const text = new TextDecoder().decode(target)
      assert.is(text, `${'\x01'.repeat(at)}${expected}${'\x01'.repeat(9)}`)
    }),
  )
})

onNode('where there is no room nothing is written', () => {
  const target = new Uint8Array(3)
  assert.throws(() => base64Encoder()?.(new Uint8Array(1), target), /no room/)
  assert.equal(target, new Uint8Array(3))
})

test('a function that is missing, or does something else, is not used', () => {
  assert.is(encoderOf({}), undefined)
  assert.is(encoderOf({ [SYMBOL]: () => 4n }), undefined)
})

test.run()
