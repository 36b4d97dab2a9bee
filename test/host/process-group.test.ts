/** Signals to groups: what must die dies, and strangers live. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { killAllGroups, trackGroup } from '../../src/host/groups.ts'
import { foregroundGroup, groupExists, killLeftovers, killSession } from '../../src/host/process-group.ts'
import { eventually, isAlive, sleep } from '../support/server.ts'

/** A session leader, as a stranger or a child of ours would be, and what its script prints. */
async function leader(script: string): Promise<{ pid: number; printed: number[]; exit: Promise<unknown> }> {
  const child = spawn('/bin/bash', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  const exit = once(child, 'exit')
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer]
  child.stdout.destroy()
  return { pid: child.pid as number, printed: bytes.toString().trim().split(/\s+/).map(Number), exit }
}

test('leftovers of a reaped leader are killed', async () => {
  const { pid, printed, exit } = await leader('sleep 60 > /dev/null & echo $!')
  await exit
  assert.ok(isAlive(printed[0] as number))
  assert.ok(groupExists(pid))
  killLeftovers([pid])
  await eventually(() => !isAlive(printed[0] as number), 2000)
})

test('a stranger whose session has the number of a process that was reaped is left alone', async () => {
  const { pid, printed } = await leader('sleep 60 > /dev/null & echo $!; sleep 60')
  killLeftovers([pid])
  await sleep(100)
  assert.ok(isAlive(pid))
  assert.ok(isAlive(printed[0] as number))
  killSession(pid)
  await eventually(() => !isAlive(pid) && !isAlive(printed[0] as number), 2000)
})

test('the job-control groups of a session are killed with it', async () => {
  const { pid, printed } = await leader('set -m; sleep 60 > /dev/null & echo $!; wait')
  killSession(pid)
  await eventually(() => !isAlive(pid) && !isAlive(printed[0] as number), 2000)
})

test('what forgotten processes left running is killed at the end', async () => {
  const { pid, printed, exit } = await leader('sleep 60 > /dev/null & echo $!')
  const group = trackGroup(pid)
  await exit
  group.reaped()
  group.forget()
  assert.ok(isAlive(printed[0] as number))
  killAllGroups()
  await eventually(() => !isAlive(printed[0] as number), 2000)
})

test('a process that is gone has no foreground group', () => {
  assert.is(foregroundGroup(2 ** 22 + 1), undefined)
})

test.run()
