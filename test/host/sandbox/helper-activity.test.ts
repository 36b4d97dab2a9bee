import { spawn } from 'node:child_process'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { activityOf, hasWorked } from '../../../src/host/sandbox/helper-activity.ts'
import { endWithTest } from '../../support/child.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const before = { bytes: 1000, cpu: 10, switches: 100 }

test('bytes, CPU time and scheduled threads are work, and what an idle runtime does is none', () => {
  assert.not(hasWorked(before, before))
  assert.ok(hasWorked(before, { ...before, bytes: 1001 }))
  assert.ok(hasWorked(before, { ...before, cpu: 12 }))
  assert.ok(hasWorked(before, { ...before, switches: 104 }))
  // V8 wakes its main thread now and then.
  assert.not(hasWorked(before, { ...before, cpu: 11, switches: 102 }))
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a process that works is seen to, and one that waits is not', async () => {
  const script = 'while read -r line; do /bin/true; done'
  const child = endWithTest(spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'] }))
  const pid = child.pid as number
  let last = activityOf(pid, 0)
  const works = (): boolean => {
    const now = activityOf(pid, 0)
    const worked = now !== undefined && last !== undefined && hasWorked(last, now)
    last = now
    return worked
  }
  await eventually(() => !works() && last !== undefined)
  child.stdin?.write('line\n'.repeat(20))
  const idle = last
  await eventually(() => {
    const now = activityOf(pid, 0)
    return now !== undefined && idle !== undefined && hasWorked(idle, now)
  })
})

test('nothing is known of a process that is gone', () => {
  assert.is(activityOf(2 ** 30, 0), undefined)
})

test.run()
