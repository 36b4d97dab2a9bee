import * as assert from 'uvu/assert'
import { describePorts } from '../../../src/core/net/ports.ts'
import type { PortHolder } from '../../../src/core/net/net-host.ts'
import { test } from '../../support/suite.ts'

const at = { address: '127.0.0.1', port: 80, uid: 5, user: undefined }
const holder = (pid: number, ancestors: number[], argv = ['x']): PortHolder => ({
  ...at,
  process: { pid, ancestors, argv, startedAtMs: 0.4 },
})

test('a port belongs to the run whose root is nearest', () => {
  const runs = new Map([
    [10, 1],
    [20, 2],
  ])
  const found = describePorts([holder(30, [20, 10, 1]), holder(10, [1]), holder(40, [1])], runs, 10)
  assert.equal(
    found.map(({ run }) => run),
    [2, 1, null],
  )
})

test('what cannot be seen is null, and what is long is cut', () => {
  assert.equal(describePorts([{ ...at, process: undefined }], new Map(), 10), [
    { ...at, user: null, pid: null, argv: null, startedAtMs: null, run: null },
  ])
  const [long] = describePorts(
    [holder(1, [], ['x'.repeat(100_000), ...Array<string>(10_000).fill('y')])],
    new Map(),
    10,
  )
  assert.ok(JSON.stringify(long).length < 5000)
  assert.is(describePorts(Array<PortHolder>(5).fill(holder(1, [])), new Map(), 3).length, 3)
})

test.run()
