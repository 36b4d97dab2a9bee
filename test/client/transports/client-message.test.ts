import * as assert from 'uvu/assert'
import { ParamsWithBytes, textOf, valueOf } from '../../../src/client/transports/client-message.ts'
import { test } from '../../support/suite.ts'

test('bytes are base64 in text, and bytes in a value', () => {
  const bytes = Uint8Array.of(255, 0)
  const message = { id: 3, method: 'm', params: new ParamsWithBytes({ path: '"' }, 'chunk', bytes) }
  assert.is(textOf(message), '{"id":3,"method":"m","params":{"path":"\\"","chunk":"/wA="}}')
  assert.equal(valueOf(message), { id: 3, method: 'm', params: { path: '"', chunk: bytes } })
})

test('a notification has no id, and an error no method', () => {
  assert.is(textOf({ method: 'initialized', params: {} }), '{"method":"initialized","params":{}}')
  const refusal = { id: 'x', error: { code: -32601, message: 'no' } }
  assert.is(textOf(refusal), JSON.stringify(refusal))
  assert.is(valueOf(refusal), refusal)
})

test.run()
