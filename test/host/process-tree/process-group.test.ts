/** Signals to groups, and what is known of them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { foregroundGroup, groupExists, signalGroup } from '../../../src/host/process-tree/process-group.ts'
import { test } from '../../support/suite.ts'

test('a group is there as long as one of its members, and is signalled as a whole', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 & echo; wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  assert.ok(groupExists(child.pid as number))
  signalGroup(child.pid as number, 'SIGKILL')
  // Only when the background child has let go of the pipe, too.
  await closed
})

test('a process that is gone has no foreground group', () => {
  assert.is(foregroundGroup(2 ** 22 + 1), undefined)
})

test.run()
