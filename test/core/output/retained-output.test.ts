/** The memory of what a process retains. What is kept, and in which order, is tested with its parts. */
import * as assert from 'uvu/assert'
import { reuse } from '../../../src/core/base/bytes.ts'
import { RetainedOutput } from '../../../src/core/output/retained-output.ts'
import { test } from '../../support/suite.ts'

const CHUNK_BYTES = 64 * 1024

/** Retains two chunks. */
function setup(retainedEdge = 0) {
  const bounds = { retainedPerProcess: 2 * CHUNK_BYTES, retainedEdge, chunksPerProcess: 100, chunkOverhead: 0 }
  const retained = new RetainedOutput(bounds)
  let seq = 0
  /** Appends so many chunks. Returns their bytes; memory that is used again has none. */
  const append = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => {
      const bytes = new Uint8Array(reuse(CHUNK_BYTES, (length) => new ArrayBuffer(length)))
      retained.append(++seq, 'stdout', bytes, Infinity)
      return bytes
    })
  return { retained, append }
}

const lengths = (chunks: readonly Uint8Array[]): number[] => chunks.map(({ length }) => length / CHUNK_BYTES)

test('memory of a chunk is used again once it is dropped', () => {
  const { append } = setup()
  assert.equal(lengths(append(5)), [0, 0, 0, 1, 1])
})

test('memory of chunks that were lent is not used again, that of later ones is', () => {
  const { retained, append } = setup()
  const lent = append(2)
  retained.lend()
  assert.equal(lengths([...append(4), ...lent]), [0, 0, 1, 1, 1, 1])
  retained.lendAll()
  assert.equal(lengths(append(4)), [1, 1, 1, 1])
})

test('the beginning is kept, and its memory with it', () => {
  const { append } = setup(0.5)
  assert.equal(lengths(append(5)), [1, 0, 0, 1, 1])
})

test.run()
