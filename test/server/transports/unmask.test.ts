import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { unmask } from '../../../src/server/transports/unmask.ts'
import { test } from '../../support/suite.ts'

test('each byte is combined with the byte of the mask for its place in the payload, wherever it lies in memory', () => {
  const run = fc.record({
    payload: fc.uint8Array({ maxLength: 40 }),
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    offset: fc.nat(9),
    memoryOffset: fc.nat(9),
  })
  fc.assert(
    fc.property(run, ({ payload, mask, offset, memoryOffset }) => {
      const memory = new Uint8Array(memoryOffset + payload.length + 8).fill(0x55)
      const bytes = memory.subarray(memoryOffset, memoryOffset + payload.length)
      bytes.set(payload)
      unmask(bytes, mask, offset)
      const expected = payload.map((byte, index) => byte ^ (mask[(offset + index) % 4] as number))
      assert.equal(Array.from(bytes), Array.from(expected))
      const around = [...memory.subarray(0, memoryOffset), ...memory.subarray(memoryOffset + payload.length)]
      assert.ok(around.every((byte) => byte === 0x55))
    }),
    { numRuns: 500 },
  )
})

test.run()
