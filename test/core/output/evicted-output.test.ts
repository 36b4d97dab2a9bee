import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Chunk, TimedChunk } from '../../../src/core/base/chunk.ts'
import { EvictedOutput } from '../../../src/core/output/evicted-output.ts'
import { OutputRing } from '../../../src/core/output/output-ring.ts'
import { streamEnds } from '../../../src/core/output/stream-ends.ts'
import type { StreamEnds } from '../../../src/core/output/stream-ends.ts'
import type { OutputStream } from '../../../src/protocol/schemas/process.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const OVERHEAD = 3

/** A ring with both ends, as an output log has it. */
function retention(ringBytes: number, head: number, tail: number) {
  const evicted = new EvictedOutput({ head, tail, chunkOverhead: OVERHEAD })
  const ring = new OutputRing<TimedChunk>({ bytes: ringBytes, chunks: 1000, chunkOverhead: OVERHEAD }, (chunk) =>
    evicted.evicted(chunk),
  )
  return {
    evicted,
    ring,
    add(given: Chunk): void {
      const chunk = { ...given, atMs: 0, position: evicted.evictedBytes + ring.bytes }
      evicted.added(chunk)
      ring.append(chunk)
    },
    ends(stream: OutputStream): StreamEnds {
      const { head, tail, totalBytes } = evicted.of(stream)
      const inRing = ring.read(0, Infinity).filter((chunk) => chunk.stream === stream)
      return streamEnds(head, [...tail, ...inRing], totalBytes)
    },
  }
}

const startsWith = (all: readonly number[], part: Uint8Array): boolean => part.every((byte, at) => byte === all[at])
const endsWith = (all: readonly number[], part: Uint8Array): boolean =>
  startsWith(all.slice(all.length - part.length), part)

type Step = { stream: 'stdout' | 'stderr'; size: number } | 'shed'

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      size: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>('shed') },
)

test('of each stream the first and the last bytes are kept, without gaps, whatever the other stream does', () => {
  const sizes = fc.record({ ring: fc.integer({ min: 1, max: 80 }), head: fc.nat(30), tail: fc.nat(30) })
  fc.assert(
    fc.property(sizes, fc.array(step, { maxLength: 150, size: 'max' }), ({ ring, head, tail }, steps) => {
      const kept = retention(ring, head, tail)
      const all = { stdout: [] as number[], stderr: [] as number[] }
      let [seq, isShed] = [0, false]
      for (const step of steps) {
        if (step === 'shed') {
          const before = kept.evicted.cost
          const freed = kept.evicted.dropOne()
          assert.is(before - kept.evicted.cost, freed)
          isShed ||= freed > 0
          continue
        }
        // Each byte is its position, so that a part can only come from one place.
        const text = all[step.stream]
        const bytes = Uint8Array.from({ length: step.size }, (_, at) => (text.length + at) % 251)
        text.push(...bytes)
        kept.add({ seq: ++seq, stream: step.stream, bytes })
      }
      let endBytes = 0
      for (const stream of ['stdout', 'stderr'] as const) {
        const text = all[stream]
        const ends = kept.ends(stream)
        const { totalBytes, droppedBytes } = ends
        assert.is(totalBytes, text.length)
        assert.is(ends.head.length + ends.tail.length + droppedBytes, totalBytes)
        assert.ok(startsWith(text, ends.head), 'the head is the beginning')
        assert.ok(endsWith(text, ends.tail), 'the tail is the end')
        if (droppedBytes === 0) assert.is(ends.tail.length, 0)
        else if (!isShed) {
          assert.is(ends.head.length, Math.min(head, totalBytes), 'the head is as long as it may be')
          assert.ok(
            ends.tail.length >= Math.min(tail, totalBytes - ends.head.length),
            'the tail is as long as it has to be',
          )
        }
        const { head: first, tail: last } = kept.evicted.of(stream)
        endBytes += [...first, ...last].reduce((sum, { bytes }) => sum + bytes.length + OVERHEAD, 0)
        const lastBytes = last.reduce((sum, { bytes }) => sum + bytes.length, 0)
        assert.ok(lastBytes <= tail + 20, 'a tail is as long as it must be, and a chunk')
      }
      assert.is(kept.evicted.cost, endBytes)
      assert.is(kept.evicted.evictedBytes + kept.ring.bytes, all.stdout.length + all.stderr.length)
      assert.is(kept.evicted.evictedChunks + kept.ring.length, seq)
    }),
    { numRuns: 400 },
  )
})

test('a flood of one stream displaces neither end of the other', () => {
  const kept = retention(100, 16, 16)
  let seq = 0
  const write = (stream: OutputStream, text: string): void =>
    kept.add({ seq: ++seq, stream, bytes: new TextEncoder().encode(text) })
  write('stderr', 'first problem')
  for (let count = 0; count < 50; count++) write('stdout', 'x'.repeat(20))
  write('stderr', 'last problem')
  for (let count = 0; count < 50; count++) write('stdout', 'y'.repeat(20))
  const { head, tail, droppedBytes } = kept.ends('stderr')
  assert.is(droppedBytes, 0)
  assert.is(new TextDecoder().decode(head), 'first problemlast problem')
  assert.is(tail.length, 0)
  const stdout = kept.ends('stdout')
  assert.is(new TextDecoder().decode(stdout.head), 'x'.repeat(16))
  assert.is(new TextDecoder().decode(stdout.tail), 'y'.repeat(100))
  assert.is(stdout.droppedBytes, 2000 - 116)
})

test('once memory is short, the ends go before anything that process/read returns, and the tail first', () => {
  const kept = retention(10, 4, 4)
  let seq = 0
  for (const [stream, text] of [
    ['stderr', 'abcd'],
    ['stderr', 'efgh'],
    ['stdout', '0123456789'],
  ] as const)
    kept.add({ seq: ++seq, stream, bytes: new TextEncoder().encode(text) })
  const text = (): string => {
    const { head, tail } = kept.evicted.of('stderr')
    return [...head, ...tail].map(({ bytes }) => new TextDecoder().decode(bytes)).join('|')
  }
  assert.is(text(), 'abcd|efgh')
  assert.is(kept.evicted.dropOne(), 4 + OVERHEAD)
  assert.is(text(), 'abcd')
  assert.is(kept.evicted.dropOne(), 4 + OVERHEAD)
  assert.is(kept.evicted.dropOne(), 0)
  kept.add({ seq: ++seq, stream: 'stderr', bytes: new TextEncoder().encode('later') })
  kept.add({ seq: ++seq, stream: 'stdout', bytes: new TextEncoder().encode('0123456789') })
  assert.is(text(), 'later', 'a head that has lost its end gets no more')
  assert.equal(kept.evicted.of('stderr').head, [])
})

test.run()
