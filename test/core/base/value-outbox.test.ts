import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { BytesResult, fileResult, notice, resultWithBytes } from '../../../src/core/base/json-fragments.ts'
import type { ServerMessage } from '../../../src/core/base/transport.ts'
import { valueOutbox } from '../../../src/core/base/value-outbox.ts'
import { jsonText } from '../../support/json-text.ts'
import { test } from '../../support/suite.ts'

function open() {
  const sent: { message: any; bytes: number }[] = []
  const outbox = valueOutbox({
    source: 'test',
    peer: 'test',
    sendValue: (message: ServerMessage, bytes: number) => void sent.push({ message, bytes }),
    queued: () => sent.reduce((sum, { bytes }) => sum + bytes, 0),
    pauseInput: () => {},
    resumeInput: () => {},
    close: () => {},
  })
  return { outbox, sent }
}

test('a result counts as many bytes as its JSON text has', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.uint8Array(), (value, bytes) => {
      for (const result of [
        { value, missing: undefined },
        resultWithBytes((encode) => ({ value, at: encode(bytes) })),
      ]) {
        const { message, bytes: size } = open().outbox.result('7', result)
        const text = result instanceof BytesResult ? jsonText(result.asResult('7')) : JSON.stringify({ id: 7, result })
        assert.is(size, Buffer.byteLength(text))
        assert.is(Reflect.get(message, 'id'), 7)
      }
    }),
  )
})

test('a bound on a message is kept to the byte', () => {
  const { outbox } = open()
  const message = outbox.result('1', { a: 'é' })
  const length = Buffer.byteLength('{"id":1,"result":{"a":"é"}}')
  assert.equal([outbox.exceeds(message, length), outbox.exceeds(message, length - 1)], [false, true])
})

test('bytes on their last use are passed on; views of other memory, and bytes that are kept, are copied', () => {
  const { outbox } = open()
  const bytesOf = (result: object): Uint8Array =>
    (Reflect.get(outbox.result('1', result).message, 'result') as { dataBase64: Uint8Array }).dataBase64
  const own = Uint8Array.of(1, 2, 3)
  assert.is(bytesOf(fileResult(own)), own)
  for (const view of [own.subarray(1), Buffer.from('ab')]) {
    const copy = bytesOf(fileResult(view))
    assert.equal([copy.constructor, copy.buffer.byteLength, [...copy]], [Uint8Array, view.length, [...view]])
  }
  const kept = bytesOf(resultWithBytes((encode) => ({ dataBase64: encode(own) })))
  assert.ok(kept !== own)
})

test('lone surrogates in notifications and errors become U+FFFD, as in JSON text', () => {
  const { outbox, sent } = open()
  const event = notice('m', { argv: ['\ud800x'] })
  outbox.notify(event)
  outbox.send(outbox.error('1', -32600, '\udc00'))
  assert.equal(sent[0]?.message, JSON.parse(jsonText(event.json())))
  assert.is(sent[1]?.message.error.message, '\ufffd')
})

test('what is no JSON is no result', () => {
  assert.throws(() => open().outbox.result('1', { big: 1n }), /bigint/)
})

test.run()
