import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { StoredOutput } from '../../../src/core/base/run-store.ts'
import { parseRecords, recordHeader } from '../../../src/host/runs/record.ts'
import { test } from '../../support/suite.ts'

test('records come back as they were written, and half a record at the end is left out', () => {
  const record = fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const, 'pty' as const),
    atMs: fc.nat(),
    position: fc.maxSafeNat(),
    bytes: fc.uint8Array({ maxLength: 30 }),
  })
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 10 }), fc.nat(20), (records, cut) => {
      const file = Buffer.concat(records.flatMap((each) => [recordHeader(each), each.bytes]))
      const plain = (all: readonly StoredOutput[]): unknown[] =>
        all.map((each) => ({ ...each, bytes: [...each.bytes] }))
      assert.equal(plain(parseRecords(file)), plain(records))
      if (cut > 0)
        assert.equal(
          plain(parseRecords(file.subarray(0, -cut))),
          plain(records.slice(0, parseRecords(file.subarray(0, -cut)).length)),
        )
      if (cut > 0) assert.ok(parseRecords(file.subarray(0, -cut)).length < records.length)
    }),
  )
})

test.run()
