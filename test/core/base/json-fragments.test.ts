import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RawJson, fileResult, processNotices, readResult } from '../../../src/core/base/json-fragments.ts'
import type { Chunk } from '../../../src/core/base/chunk.ts'
import { WRITTEN_AT_ONCE_BYTES } from '../../../src/core/base/limits.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const textOf = (message: RawJson | string): string => (typeof message === 'string' ? message : message.text)

/** What a client reads, after a look at the promise that the parts are ASCII and of the length they say. */
function received(message: RawJson | string): any {
  const text = textOf(message)
  if (message instanceof RawJson) {
    assert.match(text, /^[\x20-\x7e]*$/)
    assert.is(message.length, Buffer.byteLength(text))
  }
  return JSON.parse(text)
}

const anyText = fc.string({ unit: 'grapheme' })
const chunk: fc.Arbitrary<Chunk> = fc.record({
  seq: fc.nat(),
  stream: fc.constantFrom('stdout', 'stderr', 'pty'),
  bytes: fc.uint8Array(),
})
const asSent = ({ seq, stream, bytes }: Chunk) => ({ seq, stream, chunk: Buffer.from(bytes).toString('base64') })

test('an output event says what the chunk holds, for any process id', () => {
  fc.assert(
    fc.property(anyText, chunk, (processId, chunk) => {
      assert.equal(received(processNotices(processId).output(chunk).json()), {
        method: 'process/output',
        params: { processId, ...asSent(chunk) },
      })
    }),
  )
})

test('an output event that is too long to be written down at once has bytes of its own', () => {
  const bytes = new Uint8Array(64 * 1024)
  const bodyFor = (processId: string): unknown => {
    const json = processNotices(processId).output({ seq: 1, stream: 'stdout', bytes }).json()
    return json instanceof RawJson && json.body
  }
  assert.is(bodyFor('p'), bytes)
  const long = bodyFor('p'.repeat(WRITTEN_AT_ONCE_BYTES))
  assert.equal(long, bytes)
  assert.is.not(long, bytes)
})

test('exit and close events carry their numbers', () => {
  fc.assert(
    fc.property(
      anyText,
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.boolean(),
      (processId, seq, exitCode, sandboxDenied) => {
        const notices = processNotices(processId)
        assert.equal(received(notices.exited(seq, exitCode, sandboxDenied).json()), {
          method: 'process/exited',
          params: { processId, seq, exitCode, sandboxDenied },
        })
        assert.equal(received(notices.closed(seq).json()), { method: 'process/closed', params: { processId, seq } })
      },
    ),
  )
})

test('the answer to a read holds its chunks and its state, under any id', () => {
  const state = fc.record({
    nextSeq: fc.nat(),
    exited: fc.boolean(),
    exitCode: fc.option(fc.nat(255)),
    closed: fc.boolean(),
    sandboxDenied: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.oneof(anyText, fc.integer()), fc.array(chunk, { maxLength: 4 }), state, (id, chunks, state) => {
      const answer = received(readResult(chunks, state).asResult(JSON.stringify(id)))
      assert.equal(answer, { id, result: { chunks: chunks.map(asSent), ...state, failure: null } })
    }),
  )
})

test('a file comes as padded base64', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const dataBase64 = Buffer.from(bytes).toString('base64')
      assert.equal(received(fileResult(bytes).asResult('"é"')), { id: 'é', result: { dataBase64 } })
    }),
  )
})

test.run()
