import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { OutputRing } from '../../../src/core/output/output-ring.ts'
import type { Chunk } from '../../../src/core/base/chunk.ts'
import type { RetentionBounds } from '../../../src/core/output/output-ring.ts'
import { assertLinear } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

/** The ring as a list that is searched from end to end. */
class Model {
  chunks: Chunk[] = []
  readonly bounds: RetentionBounds
  constructor(bounds: RetentionBounds) {
    this.bounds = bounds
  }

  get bytes(): number {
    return this.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  append(chunk: Chunk): void {
    this.chunks.push(chunk)
    while (this.chunks.length > 1 && (this.bytes > this.bounds.bytes || this.chunks.length > this.bounds.chunks))
      this.chunks.shift()
  }

  read(seq: number, maxBytes: number): Chunk[] {
    const after = this.chunks.filter((chunk) => chunk.seq > seq)
    let count = after.length
    const size = (): number => after.slice(0, count).reduce((sum, { bytes }) => sum + bytes.length, 0)
    while (count > 1 && size() > maxBytes) count--
    return after.slice(0, count)
  }
}

type Step = { append: number; gap: number } | { drop: number } | { read: number; maxBytes: number } | 'clear'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ append: fc.oneof(fc.nat(4), fc.nat(40)), gap: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ drop: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      read: fc.integer({ min: -1, max: 120 }),
      maxBytes: fc.constantFrom(0, 1, 5, 10, 50, Infinity),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>('clear') },
)

test('the ring holds, drops and reads what a plain list would', () => {
  const bounds = fc.record({
    bytes: fc.integer({ min: 1, max: 60 }),
    chunks: fc.integer({ min: 1, max: 20 }),
    chunkOverhead: fc.nat(9),
  })
  fc.assert(
    fc.property(bounds, fc.array(step, { maxLength: 120, size: 'max' }), (bounds, steps) => {
      const [ring, model] = [new OutputRing(bounds), new Model(bounds)]
      let seq = 0
      for (const step of steps) {
        if (step === 'clear') {
          ring.clear()
          model.chunks = []
        } else if ('append' in step) {
          seq += 1 + step.gap
          const chunk: Chunk = { seq, stream: 'stdout', bytes: new Uint8Array(step.append) }
          ring.append(chunk)
          model.append(chunk)
        } else if ('drop' in step) {
          for (let count = 0; count < step.drop; count++) {
            ring.dropOldest()
            model.chunks.shift()
          }
        } else {
          assert.ok(
            same(ring.read(step.read, step.maxBytes), model.read(step.read, step.maxBytes)),
            `read after ${step.read}`,
          )
          assert.is(ring.after(step.read), model.read(step.read, 0)[0])
        }
        assert.is(ring.bytes, model.bytes)
        assert.is(ring.length, model.chunks.length)
        assert.is(ring.cost, model.bytes + model.chunks.length * bounds.chunkOverhead)
        assert.is(ring.oldest, model.chunks[0])
      }
      assert.ok(same(ring.read(0, Infinity), model.chunks))
    }),
    { numRuns: 500 },
  )
})

const same = (one: readonly Chunk[], other: readonly Chunk[]): boolean =>
  one.length === other.length && one.every((chunk, index) => chunk === other[index])

const bounds = { bytes: 100, chunks: 10, chunkOverhead: 256 }
const chunk = (seq: number, size: number): Chunk => ({ seq, stream: 'pty', bytes: new Uint8Array(size) })
const seqs = (chunks: readonly Chunk[]): number[] => chunks.map(({ seq }) => seq)

test('the first chunk comes whatever its size, further ones only while they fit', () => {
  const ring = new OutputRing(bounds)
  for (const [seq, size] of [
    [1, 10],
    [2, 20],
    [3, 5],
  ] as const)
    ring.append(chunk(seq, size))
  for (const [maxBytes, expected] of [
    [0, [1]],
    [1, [1]],
    [10, [1]],
    [29, [1]],
    [30, [1, 2]],
    [34, [1, 2]],
    [35, [1, 2, 3]],
  ] as const) {
    assert.equal(seqs(ring.read(0, maxBytes)), [...expected], String(maxBytes))
  }
  assert.equal(seqs(ring.read(1, 0)), [2])
  assert.equal(seqs(ring.read(3, Infinity)), [])
  assert.equal(seqs(ring.read(2 ** 64, Infinity)), [])
})

test('the chunk that is larger than the ring stays alone', () => {
  const ring = new OutputRing(bounds)
  ring.append(chunk(1, 50))
  ring.append(chunk(2, 1000))
  assert.equal(seqs(ring.read(0, Infinity)), [2])
  ring.append(chunk(3, 1))
  assert.equal(seqs(ring.read(0, Infinity)), [3])
})

test('after a long life a small ring has the newest chunks', () => {
  const ring = new OutputRing({ bytes: 1e9, chunks: 2000, chunkOverhead: 0 })
  for (let seq = 1; seq <= 30_000; seq++) ring.append(chunk(seq, 1))
  assert.is(ring.length, 2000)
  assert.is(ring.oldest?.seq, 28_001)
})

test.full('a long life in a small ring takes time for each chunk and not for all that were', () => {
  const RING = 20_000
  assertLinear('chunks', 100_000, (count) => () => {
    const ring = new OutputRing({ bytes: 1e9, chunks: RING, chunkOverhead: 0 })
    for (let seq = 1; seq <= count; seq++) ring.append(chunk(seq, 1))
    assert.is(ring.length, RING)
    assert.is(ring.oldest?.seq, count - RING + 1)
  })
  // Nor does a larger ring cost more for each.
  assertLinear('the ring', 5000, (size) => () => {
    const ring = new OutputRing({ bytes: 1e9, chunks: size, chunkOverhead: 0 })
    for (let seq = 1; seq <= 3 * size; seq++) ring.append(chunk(seq, 1))
    assert.is(ring.length, size)
  })
})

test.run()
