/** Out of processes: a start works or says why not, and works again when there is room; a fork bomb is ended whole. */
import { once } from 'node:events'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { holdingsOf, limitOf, processesOf, setLimit, settled, tasksOf } from '../../support/faults/fault-proc.ts'
import {
  asOwnUser,
  assertSilent,
  isRoot,
  needsLinux,
  ownUser,
  shownUnless,
  startFaultServer,
} from '../../support/faults/fault-server.ts'
import { whyNoOwnUser, whyNoSandbox, works } from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { managed, READ_ALL } from '../../support/sandbox.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('faults: out of processes')

const needsPrlimit = works(['prlimit', '--version']) ? undefined : 'there is no prlimit'
/** Root may have as many processes as there can be, so the server is another user's. */
const needsUser = isRoot ? whyNoOwnUser() : undefined
const under = isRoot ? asOwnUser : []
const needsSandbox = whyNoSandbox(under)
const shown = shownUnless(needsLinux ?? needsPrlimit ?? needsUser, test)
const shownConfined = shownUnless(needsLinux ?? needsPrlimit ?? needsUser ?? needsSandbox, test)
/** Where all that a user runs is ours, it can be said how many more there may be. */
const shownAlone = shownUnless(
  needsLinux ?? needsPrlimit ?? (isRoot ? needsUser : 'only root can become a user of its own'),
  test,
)

let server: FaultServer
let client: Client
let usual: number
let round = 0

// A server of its own for each row: a first use is another thing than a second.
test.before.each(async () => {
  server = await startFaultServer({ under, env: { ...process.env, HOME: '/' } })
  usual = limitOf(server.pid, 'Max processes')
  client = await Client.connect(server.url)
})
test.after.each(async () => {
  await client.drop()
  await server.stop()
})

const limit = (soft: number | 'unlimited'): void => setLimit(server.pid, 'nproc', soft, under)
/** The user's processes are more than that already. */
const exhaust = (): void => limit(1)
const giveBack = (): void => limit(usual === Infinity ? 'unlimited' : usual)

const MODES = [
  { name: 'pipes', more: { pipeStdin: true } },
  { name: 'a terminal', more: { tty: true } },
]

const ENV = { PATH: '/bin:/usr/bin' }
const ask = (id: string, more: object, script = 'echo out; exit 3') =>
  client.ask('process/start', {
    processId: id,
    argv: ['/bin/sh', '-c', script],
    cwd: '/',
    env: ENV,
    tty: false,
    ...more,
  })

async function mustRun(more: object): Promise<void> {
  const id = `p${++round}`
  const { error } = await ask(id, more)
  assert.is(error, undefined, error?.message)
  assert.is(await client.closed(id), 3)
  assert.is(client.outputOf(id).toString().trim(), 'out')
}

const CLEAR = /Resource temporarily unavailable \(os error 11\)|cannot open a terminal/

for (const { name, more } of MODES) {
  shown(
    `a start on ${name} that finds no room is a clear error, frees its id, leaks nothing, and works when there is room`,
    async () => {
      await mustRun(more)
      const before = holdingsOf(server.pid)
      exhaust()
      for (let count = 0; count < 20; count++) {
        const { error } = await ask('again', more)
        assert.is(error?.code, -32603)
        assert.match(error?.message ?? '', CLEAR)
      }
      giveBack()
      const { error } = await ask('again', more)
      assert.is(error, undefined, error?.message)
      assert.is(await client.closed('again'), 3)
      await settled(server.pid, before)
      assertSilent(server)
    },
  )
}

shown(
  'a server that never did anything yet survives the want of processes, and does everything afterwards',
  async () => {
    exhaust()
    const calls: [string, object][] = [
      ['fs/readFile', { path: '/etc/hosts' }],
      ['fs/getMetadata', { path: '/' }],
      [
        'fs/walk',
        { path: '/etc', options: { maxDepth: 1, maxDirectories: 10, maxEntries: 100, followDirectorySymlinks: false } },
      ],
      ['http/request', { method: 'GET', url: 'http://127.0.0.1:9/', requestId: 'r' }],
      ['http/request', { method: 'GET', url: 'http://localhost:9/', requestId: 'n' }],
    ]
    const ended = once(server.child, 'exit').then(([code, signal]): never => {
      throw new Error(`the server ended with ${code ?? signal}: ${server.stderr()}`)
    })
    for (const [method, params] of calls) {
      const { error } = await Promise.race([client.ask(method, params), ended])
      if (error !== undefined) assert.is(error.code, -32603, error.message)
    }
    for (const { more } of MODES) assert.is((await ask(`p${++round}`, more)).error?.code, -32603)
    assert.ok(isAlive(server.pid))
    giveBack()
    for (const [method, params] of calls.slice(0, 3))
      assert.is((await client.ask(method, params)).error, undefined, method)
    for (const { more } of MODES) await mustRun(more)
    assertSilent(server)
  },
)

shownAlone('with room for a few more each of sixty starts runs completely or fails with the reason', async () => {
  for (const { more } of MODES) {
    await mustRun(more)
    const before = holdingsOf(server.pid)
    limit(tasksOf(ownUser) + 6)
    const ids = Array.from({ length: 60 }, () => `few${++round}`)
    const answers = await Promise.all(ids.map((id) => ask(id, more, 'read line; echo out; exit 3'))).finally(giveBack)
    const started = ids.filter((_, index) => answers[index]?.error === undefined)
    // More than there was room for: what has ended is counted until its parent, or a slow init, has looked at it.
    assert.ok(started.length > 0 && started.length < ids.length, `${started.length} started`)
    for (const { error } of answers)
      if (error !== undefined) assert.ok(error.code === -32603 && CLEAR.test(error.message), error.message)
    for (const id of started) {
      await client.request('process/write', { processId: id, chunk: Buffer.from('go\n').toString('base64') })
      assert.is(await client.closed(id), 3)
    }
    await settled(server.pid, before)
  }
})

shownConfined(
  'a start in a sandbox that finds no room is an error or a failed command, never one without its sandbox',
  async () => {
    const sandbox = managed(['/'], [READ_ALL])
    for (const { more } of MODES) {
      await mustRun({ ...more, sandbox })
      const before = holdingsOf(server.pid)
      // So many that the sandbox is begun and cannot be completed, in each of its steps.
      const few = isRoot ? [0, 1, 2, 3].map((count) => tasksOf(ownUser) + count) : [1]
      for (const most of few) {
        limit(most)
        const id = `confined${++round}`
        const { error, result } = await ask(
          id,
          { ...more, sandbox },
          'test -e /proc/self || exit 77; echo out; exit 3',
        ).finally(giveBack)
        if (error !== undefined) assert.ok(error.code === -32603 && CLEAR.test(error.message), error.message)
        else {
          assert.is(result.sandboxType, 'linuxSeccomp')
          const code = await client.closed(id)
          assert.ok(code === 3 ? client.outputOf(id).toString().trim() === 'out' : code !== 0, `exit code ${code}`)
        }
        await settled(server.pid, before)
      }
      await mustRun({ ...more, sandbox })
    }
    assertSilent(server)
  },
)

/** Each makes others for as long as it can, and tries again where it cannot. The root is one of them, or is gone before them. */
const BOMB = 'while (1) { defined(fork) or select(undef, undef, undef, 0.01) }'
const BOMBS = [
  { name: 'whose root waits', script: BOMB },
  { name: 'whose root has ended', script: `$SIG{HUP} = "IGNORE"; fork and exit; ${BOMB}` },
]
const bomb = (room: number, script: string): string[] => ['prlimit', `--nproc=${room}`, 'perl', '-e', script]
const shownBomb = works(['perl', '-e', '1']) ? shownAlone : shownUnless('there is no perl', test)

for (const { name: mode, more } of MODES) {
  for (const { name, script } of BOMBS) {
    shownBomb(`a fork bomb on ${mode} ${name} hinders nobody, and terminate leaves none of it`, async () => {
      await mustRun(more)
      const others = processesOf(ownUser).length
      const room = tasksOf(ownUser) + 150
      await client.start('bomb', bomb(room, script), { ...more, env: ENV })
      await eventually(() => processesOf(ownUser).length > others + 40, 30_000, 'the spreading of the bomb')
      assert.equal(await client.request('environment/status', null), { status: 'ready' })
      await client.request('process/terminate', { processId: 'bomb' })
      await eventually(
        () => processesOf(ownUser).length <= others,
        30_000,
        `the end of all (${processesOf(ownUser).length} are left)`,
      )
      await client.closed('bomb')
      await mustRun(more)
    })
  }
}

shownBomb('a server that is stopped takes a fork bomb with it', async () => {
  const room = tasksOf(ownUser) + 150
  for (const [index, { script }] of BOMBS.entries()) {
    await client.start(`bomb${index}`, bomb(room, script), { env: ENV })
  }
  await eventually(() => processesOf(ownUser).length > 60, 30_000, 'the spreading of the bombs')
  assert.is(await server.stop(), 0)
  try {
    await eventually(() => processesOf(ownUser).length === 0, 30_000, 'the end of all')
  } finally {
    endAll()
  }
})

/** So that a test that fails leaves no bomb behind. They are all ours: no other has this user. */
function endAll(): void {
  for (let look = 0; look < 200; look++) {
    const left = processesOf(ownUser)
    if (left.length === 0) return
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGSTOP')
      } catch {
        // Gone meanwhile.
      }
    }
    if (processesOf(ownUser).every((pid) => left.includes(pid))) for (const pid of left) kill(pid)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone meanwhile.
  }
}

test.after(() => {
  if (isRoot) endAll()
})

test.run()
