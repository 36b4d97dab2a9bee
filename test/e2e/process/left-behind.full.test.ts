/** Whatever the server has started ends with it, however it ends, and with process/terminate, wherever it went. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { scanProcesses } from '../../../src/host/process-tree/proc-scan.ts'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { eventually, isAlive, serverCommand, startServer } from '../../support/server.ts'
import { startStdioServer } from '../../support/stdio-server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const onLinux = process.platform === 'linux' ? test : test.skip
const onLinuxInFull = process.platform === 'linux' ? test.full : test.skip
const canConfine = existsSync('/usr/bin/bwrap')

/** A process that has left its group, its session, its parent and its streams. */
const DAEMON = '(setsid sh -c "trap \\"\\" HUP INT TERM; sleep 600; sleep 600" >/dev/null 2>&1 </dev/null &)'

/** What a stubborn devbox has: sleepers, those that ignore signals, that left their group, daemons, jobs, and programs that have closed. */
const SCRIPTS = [
  'sleep 600',
  'trap "" HUP INT TERM; sleep 600; sleep 600',
  'setsid sleep 600 & sleep 600',
  `${DAEMON}; sleep 600`,
  DAEMON,
  'set -m; sleep 600 & sleep 600 & wait',
  'sleep 600 & exec >/dev/null 2>&1 </dev/null; exec sleep 600',
  'cat; sleep 600',
]

const SANDBOX = {
  permissions: { type: 'managed', file_system: { type: 'unrestricted' }, network: 'restricted' },
  cwd: '/tmp',
}

/** Everything alive on this machine that has the process tag of the server that started this one. */
function familyOf(pid: number): number[] {
  const server = scanProcesses()
    .find((one) => one.pid === pid)
    ?.tag()
    ?.slice(0, 9)
  assert.ok(server, `${pid} is marked`)
  return scanProcesses()
    .filter((one) => !one.isDead && one.tag()?.startsWith(server))
    .map((one) => one.pid)
}

/** Everything alive that bears the same tag as a process, which belongs to it. */
function kinOf(pid: number): ReturnType<typeof scanProcesses> {
  const all = scanProcesses()
  const tag = all.find((one) => one.pid === pid)?.tag()
  return tag === undefined ? [] : all.filter((one) => !one.isDead && one.tag() === tag)
}

/** Processor time that a process has used, in ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const fields = statFields(pid) ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const said = (client: Client, id: string): number | undefined =>
  Number(client.outputOf(id).toString().split('\n')[0]) || undefined

/** Starts so many of all kinds, and settles when all have said who they are. */
async function startMany(client: Client, count: number): Promise<number[]> {
  const ids = Array.from({ length: count }, (_, index) => `p${index}`)
  await Promise.all(
    ids.map((id, index) => {
      const script = `echo $$; ${SCRIPTS[index % SCRIPTS.length] as string}`
      const isConfined = canConfine && index % 16 === 0
      const more = { tty: index % 3 === 0, pipeStdin: true, ...(isConfined ? { sandbox: SANDBOX } : {}) }
      return client.start(id, ['/bin/sh', '-c', script], more)
    }),
  )
  return Promise.all(ids.map((id) => client.until(() => said(client, id), 60_000, `the number of ${id}`)))
}

function watchdogPid(tag: string): number | undefined {
  return scanProcesses().find(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`devbox-warden\0${tag}`)
    } catch {
      return false
    }
  })?.pid
}

for (const [signal, count, define] of [
  ['SIGKILL', 24, onLinux],
  ['SIGTERM', 24, onLinux],
  ['SIGABRT', 24, onLinuxInFull],
  ['SIGHUP', 24, onLinuxInFull],
  ['SIGKILL', 200, onLinuxInFull],
] as const) {
  define(`nothing is alive soon after a server with ${count} mixed processes was ended by ${signal}`, async () => {
    const server = await startServer()
    const client = await Client.connect(server.url)
    const pids = await startMany(client, count)
    const plain = pids.find((_, index) => index % 8 === 1 && index % 3 !== 0) as number
    const tag = scanProcesses()
      .find(({ pid }) => pid === plain)
      ?.tag()
      ?.slice(0, 9) as string
    let family: number[] = []
    // More than one each: the daemons have no other link to the server than their tag.
    await eventually(
      () => (family = familyOf(plain)).length > pids.length * 1.3,
      20_000,
      `more than ${pids.length} processes`,
    )
    process.kill(server.child.pid as number, signal)
    // On a quiet machine it takes a fifth of a second.
    await eventually(() => family.every((pid) => !isAlive(pid)), 20_000, 'the end of all')
    await eventually(() => watchdogPid(tag) === undefined, 10_000, 'the end of the watchdog')
    assert.equal(
      scanProcesses()
        .filter((one) => !one.isDead && one.tag()?.startsWith(tag))
        .map(({ pid }) => pid),
      [],
    )
  })
}

onLinux('a server on stdio that is killed leaves nothing either', async () => {
  const { child, lines, exit } = startStdioServer()
  const say = (message: object): void => void child.stdin.write(`${JSON.stringify(message)}\n`)
  say({ id: 1, method: 'initialize', params: { clientName: 'test' } })
  say({ method: 'initialized', params: {} })
  say({
    id: 2,
    method: 'process/start',
    params: {
      processId: 'p',
      argv: ['sh', '-c', `${DAEMON}; echo ready; sleep 600`],
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      tty: false,
    },
  })
  await eventually(() => lines.some((line) => line.includes('process/output')), 10_000)
  const [one] = scanProcesses()
    .filter(({ parent }) => parent === child.pid)
    .filter((seen) => seen.tag() !== undefined)
  const family = familyOf(one?.pid as number)
  assert.ok(family.length >= 3)
  child.kill('SIGKILL')
  assert.is(await exit, 'SIGKILL')
  await eventually(() => family.every((pid) => !isAlive(pid)), 10_000)
})

onLinux('a watchdog that was killed is replaced, and the new one does its work', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const [plain] = (await startMany(client, 2)).slice(1) as [number]
  const family = familyOf(plain)
  const tag = scanProcesses()
    .find(({ pid }) => pid === plain)
    ?.tag()
    ?.slice(0, 9) as string
  const first = watchdogPid(tag) as number
  process.kill(first, 'SIGKILL')
  await eventually(() => ![undefined, first].includes(watchdogPid(tag)), 10_000, 'a new watchdog')
  assert.ok(family.every(isAlive))
  process.kill(server.child.pid as number, 'SIGKILL')
  await eventually(() => family.every((pid) => !isAlive(pid)), 10_000)
})

const asFirst =
  process.getuid?.() === 0 && spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0
const asFirstProcess = onLinux === test && asFirst ? test : test.skip

asFirstProcess(
  'as PID 1 of a container the server reaps orphans, and reports the exits of its own children correctly',
  async () => {
    const [command, args] = serverCommand([])
    // A namespace's first process is what unshare forks.
    const child = endWithTest(
      spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', command, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
      'SIGKILL',
    )
    const client = await Client.connect(await firstLine(child))
    await client.start('orphans', [
      '/bin/sh',
      '-c',
      'for i in 1 2 3 4 5 6 7 8; do (setsid sleep 0.2 >/dev/null 2>&1 </dev/null &); done; exit 7',
    ])
    assert.is(await client.closed('orphans'), 7)
    // A dead one that nobody has buried is still in the list.
    const state = async (id: string): Promise<string[]> =>
      (await client.run(id, ['/bin/sh', '-c', 'echo $PPID; ps -e -o comm= | grep -c sleep; true'])).output.split('\n')
    assert.is((await state('first'))[0], '1')
    let looks = 0
    await eventually(async () => (await state(`look${++looks}`))[1] === '0', 10_000, 'the burial of all')
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await client.start(`exit${index}`, ['/bin/sh', '-c', `sleep 0.${index}; exit ${index}`], {
          tty: index % 2 === 0,
        })
        assert.is(await client.closed(`exit${index}`), index)
      }),
    )
    await client.drop()
  },
)

onLinux('a bubblewrap that hangs while it is tried out ends with the server', async () => {
  const folder = temporaryFolder('left-behind-')
  const hanging = join(folder, 'bwrap')
  writeFileSync(hanging, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
  const server = await startServer(['--bwrap', hanging])
  const client = await Client.connect(server.url)
  void client.ask('process/start', { processId: 'p', argv: ['true'], cwd: '/', env: {}, tty: false, sandbox: SANDBOX })
  const probe = (): number | undefined =>
    scanProcesses().find(({ parent, tag }) => parent === server.child.pid && tag() !== undefined)?.pid
  await eventually(() => probe() !== undefined, 10_000, 'the probe')
  const pid = probe() as number
  assert.is(await server.stop(), 0)
  await eventually(() => !isAlive(pid), 5000, 'the end of the probe')
})

onLinux(
  'the tag is in no environment and on no command line, and a server ended in peace leaves no watchdog',
  async () => {
    const server = await startServer()
    const client = await Client.connect(server.url)
    const { output } = await client.run('env', [
      '/bin/sh',
      '-c',
      'cat /proc/self/limits | grep real; tr "\\0" "\\n" < /proc/self/environ; tr "\\0" " " < /proc/self/cmdline',
    ])
    const tag = /timeout +(4\d{8})\d{9} /.exec(output)?.[1] as string
    assert.ok(tag)
    assert.is(output.split(tag).length, 2)
    assert.ok(watchdogPid(tag))
    assert.is(await server.stop(), 0)
    await eventually(() => watchdogPid(tag) === undefined, 5000, 'the end of the watchdog')
  },
)

// ---- terminate ----

const GRACE_MS = 300
/** So long that a process which ends in time has been told of before it is over. */
const LONG_GRACE_MS = 2000
/** Timers and clocks may be off by this much. */
const ROUNDING_MS = 10

let server: Awaited<ReturnType<typeof startServer>>
let client: Client

test.before(async () => {
  server = await startServer(['--session-ttl-seconds', '1'])
  client = await Client.connect(server.url)
})

test.after(async () => {
  await server.stop()
})

for (const tty of [false, true]) {
  const name = tty ? 'a terminal' : 'pipes'

  onLinux(`terminate finds those that left the group, the session and their parent, with ${name}`, async () => {
    const id = `fled-${name}`
    await client.start(id, ['/bin/sh', '-c', `${DAEMON}; setsid sleep 600 & echo $$; sleep 600`], { tty })
    const pid = await client.until(() => said(client, id))
    let family: number[] = []
    await eventually(() => (family = kinOf(pid).map((one) => one.pid)).length >= 4, 10_000, 'four of them')
    assert.equal(await client.request('process/terminate', { processId: id }), { running: true })
    await client.closed(id)
    await eventually(() => family.every((one) => !isAlive(one)), 5000)
  })

  test(`terminate with a grace lets a process tidy up and tell its own exit code, with ${name}`, async () => {
    const id = `tidy-${name}`
    await client.start(
      id,
      ['/bin/sh', '-c', 'trap "echo tidied; exit 3" TERM; echo $$; while :; do sleep 0.05; done'],
      { tty },
    )
    await client.until(() => said(client, id))
    assert.equal(await client.request('process/terminate', { processId: id, graceMs: 20_000 }), { running: true })
    assert.is(await client.closed(id), 3)
    assert.match(client.outputOf(id).toString(), /tidied/)
  })

  test(`a process that ignores SIGTERM is killed when its grace is over, and not before, with ${name}`, async () => {
    const id = `stubborn-${name}`
    await client.start(id, ['/bin/sh', '-c', 'trap "" TERM HUP; echo $$; sleep 600; sleep 600'], { tty })
    const pid = await client.until(() => said(client, id))
    const before = performance.now()
    assert.equal(await client.request('process/terminate', { processId: id, graceMs: GRACE_MS }), { running: true })
    assert.is(await client.closed(id), 137)
    assert.ok(performance.now() - before >= GRACE_MS - ROUNDING_MS)
    assert.not(isAlive(pid))
  })

  onLinux(
    `a daemon that ignores SIGTERM dies when the grace of its process is over, which itself ended in time, with ${name}`,
    async () => {
      const id = `daemon-${name}`
      await client.start(
        id,
        ['/bin/sh', '-c', `trap "exit 4" TERM; ${DAEMON}; echo $$; while :; do sleep 0.05; done`],
        { tty },
      )
      const pid = await client.until(() => said(client, id))
      let daemons: number[] = []
      // Once the shell has its first sleep it ignores the signals.
      await eventually(
        () =>
          (daemons = kinOf(pid)
            .filter((one) => one.session !== pid)
            .map((one) => one.pid)).length >= 2,
        10_000,
        'the daemon and its sleep',
      )
      await client.request('process/terminate', { processId: id, graceMs: LONG_GRACE_MS })
      assert.is(await client.closed(id), 4)
      assert.ok(daemons.some(isAlive))
      await eventually(() => daemons.every((one) => !isAlive(one)), 5000)
    },
  )
}

/** Has processes started and terminated in one breath. */
async function terminateAtOnce(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const tty = round % 3 !== 0
    const [behind, after] = [`behind${rounds}-${round}`, `after${rounds}-${round}`]
    const started = client.start(behind, ['/bin/sleep', '600'], { tty })
    await Promise.all([started, client.request('process/terminate', { processId: behind })])
    await client.start(after, ['/bin/sleep', '600'], { tty })
    await client.request('process/terminate', { processId: after })
    for (const id of [behind, after]) {
      assert.is(await client.closed(id), 137, id)
    }
  }
}

const DEAD_AT_ONCE =
  'a process that is terminated in the moment it starts is dead, on a terminal before it has a group of its own too'
test(DEAD_AT_ONCE, () => terminateAtOnce(12))
test.full(`${DEAD_AT_ONCE}, in 60 rounds`, () => terminateAtOnce(60))

test('a second terminate without grace kills at once', async () => {
  await client.start('impatient', ['/bin/sh', '-c', 'trap "" TERM; echo $$; sleep 600; sleep 600'])
  await client.until(() => said(client, 'impatient'))
  await client.request('process/terminate', { processId: 'impatient', graceMs: 60_000 })
  assert.equal(await client.request('process/terminate', { processId: 'impatient' }), { running: true })
  assert.is(await client.closed('impatient'), 137)
})

test('a grace that is no number, or longer than a session may wait, is refused', async () => {
  await client.start('graced', ['/bin/sleep', '600'])
  for (const graceMs of [-1, 1.5, '5', 80_001, 1e300]) {
    assert.is(
      (await client.ask('process/terminate', { processId: 'graced', graceMs })).error?.code,
      -32602,
      String(graceMs),
    )
  }
  await client.request('process/terminate', { processId: 'graced', graceMs: null })
  assert.is(await client.closed('graced'), 137)
})

if (canConfine) {
  test('terminate with a grace reaches the command in a sandbox', async () => {
    await client.start(
      'inside',
      ['/bin/sh', '-c', 'trap "echo tidied; exit 5" TERM; echo 1; while :; do sleep 0.05; done'],
      { sandbox: SANDBOX },
    )
    await client.until(() => said(client, 'inside'))
    await client.request('process/terminate', { processId: 'inside', graceMs: 20_000 })
    assert.is(await client.closed('inside'), 5)
    assert.match(client.outputOf('inside').toString(), /tidied/)
  })
}

onLinux('the end of a session ends its daemons', async () => {
  const other = await Client.connect(server.url)
  await other.start('d', ['/bin/sh', '-c', `${DAEMON}; echo $$; sleep 600`])
  const pid = await other.until(() => said(other, 'd'))
  let family: number[] = []
  await eventually(() => (family = kinOf(pid).map((one) => one.pid)).length >= 3, 10_000, 'the daemon')
  await other.drop()
  await eventually(() => family.every((one) => !isAlive(one)), 10_000)
})

/** Has one of a crowd killed, and then the others. Gives the processor time in ms that the one took the server. */
async function killOneOf(count: number): Promise<number> {
  const ids = Array.from({ length: count }, (_, index) => `crowd${count}-${index}`)
  await Promise.all(ids.map((id) => client.start(id, ['/bin/sleep', '600'])))
  await client.request('process/terminate', { processId: ids[0] })
  await client.closed(ids[0] as string)
  const before = cpuMsOf(server.child.pid as number)
  await client.request('process/terminate', { processId: ids[1] })
  // It stands behind the look at all, which comes at the end of the turn.
  await client.request('environment/status', {})
  const took = cpuMsOf(server.child.pid as number) - before
  await Promise.all(ids.slice(2).map((id) => client.request('process/terminate', { processId: id })))
  await Promise.all(ids.map((id) => client.closed(id)))
  assert.is(
    execFileSync('sh', ['-c', `ps -o stat= --ppid ${server.child.pid} | grep -c Z || true`])
      .toString()
      .trim(),
    '0',
  )
  return took
}

onLinux('one of many processes is killed, and then the others, and no zombie is left', () => killOneOf(30))

onLinuxInFull('the look at all processes is cheap enough to kill one among 200', async () => {
  const took = await killOneOf(200)
  assert.ok(took < 500, `${took} ms of processor time`)
})

test.run()
