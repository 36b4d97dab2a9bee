import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { OutputGatherer } from '../../../src/client/process/gathered-output.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const piece = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  size: fc.integer({ min: 1, max: 40 }),
})

test('what fits is kept whole and in order; of more, the beginning and the end of each side', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), fc.array(piece, { maxLength: 60 }), (maxBytes, pieces) => {
      const gatherer = new OutputGatherer(maxBytes)
      const all: { side: 'stdout' | 'stderr'; byte: number }[] = []
      const texts = { stdout: [] as number[], stderr: [] as number[] }
      for (const { stream, size } of pieces) {
        const bytes = Uint8Array.from({ length: size }, (_, at) => (texts[stream].length + at) % 253)
        texts[stream].push(...bytes)
        all.push(...Array.from(bytes, (byte) => ({ side: stream, byte })))
        gatherer.add(stream, bytes)
      }
      const taken = gatherer.take()
      const total = all.length
      assert.is(taken.isTruncated, total > maxBytes)
      assert.is(taken.stdout.length + taken.stderr.length, Math.min(total, maxBytes))
      assert.is(taken.all.length, Math.min(total, maxBytes))
      // What is left out, cut out of the list of all bytes, leaves `all`.
      const seen = { stdout: 0, stderr: 0 }
      const kept = all.filter(({ side }) => {
        const at = seen[side]++
        const gap = taken.omitted[side]
        return gap === undefined || at < gap.at || at >= gap.at + gap.bytes
      })
      assert.equal(
        [...taken.all],
        kept.map(({ byte }) => byte),
      )
      for (const side of ['stdout', 'stderr'] as const)
        assert.equal(
          [...taken[side]],
          kept.filter((each) => each.side === side).map(({ byte }) => byte),
        )
    }),
    { numRuns: 500 },
  )
})

test('a flood of stdout leaves both ends of it, and all of a short stderr', () => {
  const gatherer = new OutputGatherer(1000)
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  gatherer.add('stderr', bytes('first problem, '))
  gatherer.add('stdout', bytes('begin'))
  for (let count = 0; count < 100; count++) gatherer.add('stdout', new Uint8Array(64))
  gatherer.add('stderr', bytes('last problem'))
  gatherer.add('stdout', bytes('end'))
  const { stdout, stderr, omitted, isTruncated } = gatherer.take()
  const text = new TextDecoder().decode(stdout)
  assert.ok(isTruncated && text.startsWith('begin') && text.endsWith('end'))
  assert.is(new TextDecoder().decode(stderr), 'first problem, last problem')
  assert.is(omitted.stderr, undefined)
  assert.equal(omitted.stdout, { at: 250, bytes: 6408 - stdout.length })
  assert.is(stdout.length + stderr.length, 1000)
})

test('two floods share the room', () => {
  const gatherer = new OutputGatherer(1000)
  for (let count = 0; count < 100; count++) {
    gatherer.add('stdout', new Uint8Array(64))
    gatherer.add('stderr', new Uint8Array(30))
  }
  const { stdout, stderr } = gatherer.take()
  assert.ok(Math.abs(stdout.length - stderr.length) <= 64, `${stdout.length} and ${stderr.length}`)
})

test.run()
