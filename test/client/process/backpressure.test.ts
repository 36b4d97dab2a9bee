import * as assert from 'uvu/assert'
import { throttling } from '../../../src/client/process/backpressure.ts'
import { test } from '../../support/suite.ts'

test('the connection is throttled from a quarter of the buffer until the reader has caught up to an eighth', () => {
  const reports: boolean[] = []
  const log = { total: 0, consumed: { seq: 0, bytes: 0 } }
  const rpc = { throttleReads: (_: object, isBehind: boolean) => void reports.push(isBehind) }
  const update = throttling({ rpc, limits: { unreadBytes: 800 }, log })
  const at = (total: number, read: number): void => {
    log.total = total
    log.consumed.bytes = read
    update()
  }
  at(200, 0)
  assert.equal(reports, [])
  at(201, 0)
  at(300, 150)
  at(300, 200)
  assert.equal(reports, [true, true, true])
  at(300, 201)
  at(300, 300)
  assert.equal(reports, [true, true, true, false])
})

test.run()
