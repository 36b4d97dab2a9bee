/** Who belongs to a child: what must die dies, and strangers live. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { syncBuiltinESMExports } from 'node:module'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { scanProcesses, scanYielding } from '../../../src/host/process-tree/proc-scan.ts'
import { killAllGroups, trackGroup } from '../../../src/host/process-tree/process-tracker.ts'
import { kill, terminate } from '../../../src/host/process-tree/kill-tree.ts'
import { processTagOf, withProcessTag } from '../../../src/host/process-tree/process-tag.ts'
import { endWithTest } from '../../support/child.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive, isDeno } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

type Leader = { pid: number; tag: string | undefined; printed: number[]; exit: Promise<unknown> }

/** A session leader, with a tag or without, and what its script prints. */
async function leader(script: string, isTagged = true): Promise<Leader> {
  const run = (tag?: string) => ({
    tag,
    child: spawn('/bin/bash', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] }),
  })
  const { tag, child } = isTagged ? withProcessTag(run) : run()
  endWithTest(child, 'SIGKILL')
  const exit = once(child, 'exit')
  const [bytes] = (await once(child.stdout, 'data')) as [Buffer]
  child.stdout.destroy()
  return { pid: child.pid as number, tag, printed: bytes.toString().trim().split(/\s+/).map(Number), exit }
}

const dies = (pid: number): Promise<void> => eventually(() => !isAlive(pid), 20_000, `the death of ${pid}`)

/** Tells its number, and has lost its parent, its group, its session and its streams by then. */
const DAEMON = `(setsid sh -c 'echo $$ >&3; exec sleep 60' 3>&1 >/dev/null </dev/null &)`

/** Kill loops run one after the other: when the daemon of another target is dead, an earlier loop is over. */
async function anotherIsHunted(): Promise<void> {
  const { pid, tag, printed } = await leader(`${DAEMON}; sleep 60`)
  kill({ pid, tag, isReaped: false })
  await dies(printed[0] as number)
}

for (const isTagged of [true, false]) {
  const by = isTagged ? 'by its tag' : 'without tags'

  test(`what a reaped leader has left is killed ${by}`, async () => {
    const { pid, tag, printed, exit } = await leader('sleep 60 > /dev/null & echo $!', isTagged)
    await exit
    assert.ok(isAlive(printed[0] as number))
    kill({ pid, tag, isReaped: true })
    await dies(printed[0] as number)
  })

  test(`the job-control groups of a session are killed with it ${by}`, async () => {
    const { pid, tag, printed } = await leader('set -m; sleep 60 > /dev/null & echo $!; wait', isTagged)
    kill({ pid, tag, isReaped: false })
    await dies(pid)
    await dies(printed[0] as number)
  })

  test(`a child that has left the session is killed with its parent ${by}`, async () => {
    const { pid, tag, printed } = await leader('setsid sh -c "echo \\$\\$; exec sleep 60" & wait', isTagged)
    assert.is.not(printed[0], pid)
    // The group is killed at once, and the scan comes after: a stopped parent keeps its child, and can still be killed.
    terminate({ pid, tag, isReaped: false })
    await dies(printed[0] as number)
    await dies(pid)
  })
}

test('a daemon is killed, which has left the session and lost its parent', async () => {
  const { pid, tag, printed } = await leader(`${DAEMON}; sleep 60`)
  const [daemon] = printed as [number]
  assert.is(processTagOf(daemon), tag)
  kill({ pid, tag, isReaped: false })
  await dies(daemon)
  await dies(pid)
})

test('a daemon of one child survives the end of another', async () => {
  const one = await leader(`${DAEMON}; sleep 60`)
  const other = await leader(`${DAEMON}; sleep 60`)
  kill({ ...one, isReaped: false })
  await dies(one.printed[0] as number)
  await dies(one.pid)
  await anotherIsHunted()
  assert.ok(isAlive(other.pid))
  assert.ok(isAlive(other.printed[0] as number))
  kill({ ...other, isReaped: false })
  await dies(other.printed[0] as number)
})

test('a stranger whose session has the number of a process that was reaped is left alone', async () => {
  const { pid, printed } = await leader('sleep 60 > /dev/null & echo $!; sleep 60', false)
  kill({ pid, tag: undefined, isReaped: true })
  await anotherIsHunted()
  assert.ok(isAlive(pid))
  assert.ok(isAlive(printed[0] as number))
  kill({ pid, tag: undefined, isReaped: false })
  await dies(pid)
  await dies(printed[0] as number)
})

test('terminate signals every process, and kills none', async () => {
  const asked = join(temporaryFolder(), 'asked')
  const { pid, tag, printed } = await leader(
    `trap 'asked=1; : > ${asked}' TERM; (trap '' TERM; exec sleep 60) & sleep 0.3; echo $!; while [ -z "$asked" ]; do sleep 0.02; done; sleep 60`,
  )
  terminate({ pid, tag, isReaped: false })
  await eventually(() => existsSync(asked))
  await anotherIsHunted()
  assert.ok(isAlive(printed[0] as number))
  kill({ pid, tag, isReaped: false })
  await dies(printed[0] as number)
})

/** So many empty scans in a row mean that there is nothing. */
const SCANS = 10

test('a process that forks faster than the scan is killed nevertheless', async () => {
  // Each lives for a moment and leaves a follower in a session of its own.
  const { pid, tag } = await leader(`echo 1; f() { setsid bash -c "$(declare -f f); sleep 0.005; f" & }; f; sleep 60`)
  const family = (): number[] =>
    scanProcesses()
      .filter((one) => !one.isDead && one.tag() === tag)
      .map((one) => one.pid)
  const seen = new Set<number>()
  await eventually(() => {
    for (const one of family()) seen.add(one)
    return seen.size > 10
  }, 10_000)
  kill({ pid, tag, isReaped: false })
  await dies(pid)
  await anotherIsHunted()
  // All have been signalled. A busy machine takes its time until they are dead, and one scan may miss what was just forked.
  let empty = 0
  await eventually(() => (empty = family().length === 0 ? empty + 1 : 0) === SCANS, 20_000, 'the end of the last')
})

test('a target added during a kill loop is killed by the next scan, not after that loop', async () => {
  if (isDeno) skip('Deno has no hook for reads of files')
  const killed = await leader(`${DAEMON}; sleep 60`)
  const late = await leader(`${DAEMON}; sleep 60`)
  const [daemon] = late.printed as [number]
  const { readFileSync } = fs
  const signal = process.kill.bind(process)
  let reads = 0
  let killedAfter: number | undefined
  atEnd(() => {
    Object.assign(fs, { readFileSync })
    syncBuiltinESMExports()
    process.kill = signal
  })
  // Each scan reads this before and after. The loop sees a new process with each, so it scans as often as it ever does.
  const read = (path: string, ...rest: unknown[]): unknown => {
    if (path !== '/proc/loadavg') return Reflect.apply(readFileSync, fs, [path, ...rest])
    if (++reads === LATE_KILL_AT) kill({ ...late, isReaped: false })
    return `0 0 0 1/1 ${reads}`
  }
  Object.assign(fs, { readFileSync: read })
  syncBuiltinESMExports()
  process.kill = (pid, name) => {
    if (pid === daemon && name === 'SIGKILL') killedAfter ??= reads - LATE_KILL_AT
    return signal(pid, name)
  }
  kill({ ...killed, isReaped: false })
  await dies(killed.printed[0] as number)
  await dies(daemon)
  assert.ok((killedAfter ?? Infinity) <= 2, `killed after ${killedAfter} reads`)
})

/** In the second scan of a loop that has eight more to come. */
const LATE_KILL_AT = 3

test('a yielding scan takes few turns, though each takes longer than its time on a busy machine', async () => {
  const { now } = performance
  let [ms, turns] = [now.call(performance), 0]
  performance.now = () => (ms += 1000)
  atEnd(() => void (performance.now = now))
  let isOver = false
  const scan = scanYielding().finally(() => (isOver = true))
  for (; !isOver; turns++) await setImmediate()
  await scan
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length
  // Some may have ended or begun since.
  assert.ok(turns <= 2 + (2 * processes) / 32, `${turns} turns for ${processes} processes`)
})

test('at the end everything is killed: what runs, what was forgotten, daemons of both', async () => {
  const running = await leader(`${DAEMON}; sleep 60`)
  const ended = await leader(DAEMON)
  const untagged = await leader('sleep 60 > /dev/null & echo $!', false)
  trackGroup(running.pid, running.tag)
  for (const { pid, tag, exit } of [ended, untagged]) {
    const group = trackGroup(pid, tag)
    await exit
    group.reaped()
    group.forget()
  }
  const all = [running, ended, untagged].flatMap(({ printed }) => printed)
  assert.ok(all.every(isAlive))
  killAllGroups()
  for (const pid of [running.pid, ...all]) await dies(pid)
})

test('the tag is gone from this process as soon as the child has it', async () => {
  const { tag, pid } = await leader('echo 1; sleep 60')
  assert.ok(tag)
  assert.is(processTagOf(pid), tag)
  assert.is(processTagOf(process.pid), undefined)
  await setImmediate()
  kill({ pid, tag, isReaped: false })
  await dies(pid)
})

test.run()
