/** The server is restarted, stopped for a while, or its clock is set; and a client comes back in the very last moment. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { CLOCK_SHIM } from '../../support/faults/fault-clock.ts'
import { listenerCommand } from '../../support/faults/fault-listener.ts'
import { holdingsOf, settled } from '../../support/faults/fault-proc.ts'
import {
  assertSilent,
  follow,
  isLinux,
  killHard,
  needsLinux,
  shownInFull,
  shownUnless,
  startFaultServer,
} from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { eventually, isAlive, sleep } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { isTimerOver } from '../../support/time/timers.ts'
import { Web } from '../../support/web/web.ts'

const test = suite('faults: time')
const shown = shownUnless(needsLinux, test)

const folder = mkdtempSync(join(tmpdir(), 'exec-server-time-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const sh = (script: string): string[] => ['/bin/sh', '-c', script]
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Two processes that say their pids, each on its own line, and then say again what they are told. */
async function startTwo(client: Client): Promise<number[]> {
  await client.start('pipe', sh('echo $$; exec cat'), { pipeStdin: true })
  await client.start('tty', sh('stty -echo; echo $$; exec cat'), { tty: true })
  return Promise.all(
    ['pipe', 'tty'].map((id) =>
      client.until(() => Number(/^(\d+)\r?\n/.exec(client.outputOf(id).toString())?.[1]) || undefined),
    ),
  )
}

const initialize = (client: Client, resumeSessionId: string | null = null): Promise<Answer> =>
  client.ask('initialize', { clientName: 'fault', resumeSessionId })

// ---- restart ----------------------------------------------------------------------------------------------------

for (const [manner, end] of [
  ['stopped', async (server: FaultServer) => assert.is(await server.stop(), 0)],
  ['killed', killHard],
] as const) {
  shown(
    `a server that is ${manner} and started again at its port knows no old session, and no old process is alive`,
    async () => {
      const old = await startFaultServer()
      const client = await Client.connect(old.url)
      const pids = await startTwo(client)
      const read = client.ask('process/read', { processId: 'pipe', afterSeq: 1, waitMs: 60_000 })
      await client.request('environment/status', null)
      await end(old)
      await client.until(() => client.closeCode !== undefined)
      assert.is(client.closeCode, manner === 'stopped' ? 1001 : 1006)
      // Whoever waits is answered before the end, if there is time for one.
      if (manner === 'stopped') assert.ok(await read)
      const server = await startFaultServer({ args: ['--listen', old.url] })
      assert.is(server.url, old.url)
      const again = await Client.open(server.url)
      const { error } = await initialize(again, client.sessionId)
      assert.is(error?.code, -32600)
      assert.match(error?.message ?? '', new RegExp(`^unknown session id ${client.sessionId}`))
      await eventually(() => pids.every((pid) => !isAlive(pid)), 30_000, 'the end of the old processes')
      // Whoever is told so begins anew, on the same connection and under the same names.
      assert.is((await initialize(again)).error, undefined)
      again.notify('initialized', {})
      await startTwo(again)
      await again.drop()
      assert.is(await server.stop(), 0)
      assertSilent(server)
    },
  )
}

// ---- the very last moment ---------------------------------------------------------------------------------------

const TTL_MS = 1000

type Outcome = 'resumed' | 'ended' | 'held'

/** How long a session must be seen to be held that was resumed in its last moment: its timer would be due by then. */
const HELD_MS = 50

/** Comes back when `wait` settles, which is given the processes. */
async function comeBackAfter(server: FaultServer, wait: (pids: number[]) => Promise<void>): Promise<Outcome> {
  const client = await Client.connect(server.url)
  const pids = await startTwo(client)
  // Connected in good time, so that only one message has still to be sent.
  const heir = await Client.open(server.url)
  await client.drop()
  await wait(pids)
  const { result, error } = await initialize(heir, client.sessionId)
  if (error?.code === -32010) {
    // The server has not seen the other go.
    await heir.drop()
    return 'held'
  }
  if (error !== undefined) {
    assert.is(error.code, -32600, error.message)
    assert.is(error.message, `unknown session id ${client.sessionId}`)
    await eventually(() => pids.every((pid) => !isAlive(pid)), 30_000, 'the end of the processes')
    assert.is((await initialize(heir, client.sessionId)).error?.code, -32600, 'it is gone for good')
    await heir.drop()
    return 'ended'
  }
  assert.is(result.sessionId, client.sessionId)
  heir.notify('initialized', {})
  for (const [index, id] of ['pipe', 'tty'].entries()) {
    assert.ok(isAlive(pids[index] as number), `${id} is alive`)
    const { chunks, exited } = await heir.request('process/read', { processId: id })
    assert.is(exited, false)
    const said = Buffer.concat(chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64')))
    assert.match(said.toString(), new RegExp(`^${pids[index]}\r?\n$`))
    assert.equal(await heir.request('process/write', { processId: id, chunk: base64('more\n') }), {
      status: 'accepted',
    })
    await heir.until(() => heir.outputOf(id).toString().trim() === 'more')
  }
  // It is there as long as it is held, however close it was.
  await sleep(HELD_MS)
  for (const id of ['pipe', 'tty']) {
    assert.equal(await heir.request('process/terminate', { processId: id }), { running: true })
    assert.is(await heir.closed(id), 137)
  }
  await heir.drop()
  return 'resumed'
}

shown('a session is there whole until the end of its time, and is gone whole after it', async () => {
  const [long, short] = await Promise.all(
    [600, 1].map((seconds) => startFaultServer({ args: ['--session-ttl-seconds', String(seconds)] })),
  )
  for (const [server, expected, wait] of [
    [long, 'resumed', async () => {}],
    [short, 'ended', (pids) => eventually(() => !pids.some(isAlive), 30_000, 'the end of the processes')],
  ] as [FaultServer, Outcome, (pids: number[]) => Promise<void>][]) {
    let outcome: Outcome = 'held'
    while (outcome === 'held') outcome = await comeBackAfter(server, wait)
    assert.is(outcome, expected)
    assert.is(await server.stop(), 0)
    assertSilent(server)
  }
})

// In the full tier: it takes many tries to meet that moment.
shownInFull(needsLinux, test)('at the very end of its time a session is there whole, or is gone whole', async () => {
  const server = await startFaultServer({ args: ['--session-ttl-seconds', String(TTL_MS / 1000)] })
  const warm = await Client.connect(server.url)
  await warm.run('a', ['/bin/true'], { tty: true })
  const before = holdingsOf(server.pid)
  const outcomes = { resumed: 0, ended: 0, held: 0 }
  // Both must be seen. A machine that is busy needs another try for that.
  for (let round = 0; round < 8 && (round < 2 || outcomes.resumed === 0 || outcomes.ended === 0); round++) {
    const spread = Array.from({ length: 20 }, (_, index) => (index - 12) * (1 + 3 * round))
    const comeBack = (offset: number): Promise<Outcome> => comeBackAfter(server, () => sleep(TTL_MS + offset))
    for (const outcome of await Promise.all(spread.map(comeBack))) outcomes[outcome]++
  }
  console.log(`\n  ${outcomes.resumed} resumed, ${outcomes.ended} ended`)
  assert.ok(outcomes.resumed > 0 && outcomes.ended > 0, JSON.stringify(outcomes))
  assert.is(outcomes.held, 0)
  await settled(server.pid, before)
  await warm.close()
  assert.is(await server.stop(), 0)
  assertSilent(server)
})

// ---- clocks -----------------------------------------------------------------------------------------------------

const shim = join(folder, 'clock.so')

/** Puts something between the server and the C library that the wall clock is asked of. */
function whyNoShim(): string | undefined {
  if (!isLinux) return needsLinux
  const source = join(folder, 'clock.c')
  writeFileSync(source, CLOCK_SHIM)
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, source], { stdio: 'ignore' })
  return status === 0 ? undefined : 'there is no C compiler to set the clock with'
}

const DAY = 86_400
const WAIT_MS = 1000

shownUnless(whyNoShim(), test)(
  'a clock that is set forward or back ends no session and no wait, and keeps none from ending',
  async () => {
    const file = join(folder, 'offset')
    writeFileSync(file, Buffer.alloc(8))
    const jump = (seconds: number): void => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt(seconds))
      const fd = openSync(file, 'r+')
      writeSync(fd, bytes, 0, 8, 0)
      closeSync(fd)
    }
    const silent = await Web.start(() => {})
    const env = { ...process.env, LD_PRELOAD: shim, FAULT_CLOCK: file }
    const server = await startFaultServer({ args: ['--session-ttl-seconds', '4'], env })
    const health = server.url.replace('ws:', 'http:') + '/readyz'
    /** How far the server's clock is from ours, in days. */
    const days = async (): Promise<number> => {
      const { headers } = await fetch(health)
      return Math.round((Date.parse(headers.get('date') ?? '') - Date.now()) / 1000 / DAY)
    }

    const client = await Client.connect(server.url)
    await client.start('p', sh('sleep 60'))
    for (const [before, after] of [
      [0, 400],
      [400, -400],
    ] as const) {
      assert.is(await days(), before)
      const lost = await Client.connect(server.url)
      const lostPids = after < 0 ? await startTwo(lost) : []
      await lost.drop()
      const left = await Client.connect(server.url)
      const pids = await startTwo(left)
      await left.drop()
      const since = performance.now()
      const read = client.ask('process/read', { processId: 'p', waitMs: WAIT_MS }).then(() => performance.now() - since)
      const request = { method: 'GET', url: silent.url(), requestId: `r${after}`, timeoutMs: WAIT_MS }
      const asked = client.ask('http/request', request).then(({ error }) => {
        assert.is(error?.code, -32603)
        return performance.now() - since
      })
      jump(after * DAY)
      const heir = await Client.connect(server.url, left.sessionId)
      for (const pid of pids) assert.ok(isAlive(pid))
      // And not for as long as the clock was set back.
      for (const ms of [await read, await asked]) assert.ok(isTimerOver(ms, WAIT_MS), `${ms} ms`)
      // The date that it tells is renewed once in a second.
      await eventually(async () => (await days()) === after, 30_000, 'the new date')
      // A session's time runs as it did before, and not from the day that is now far ahead.
      await eventually(() => lostPids.every((pid) => !isAlive(pid)), 30_000, 'the end of a session that was left')
      for (const pid of pids) assert.ok(isAlive(pid))
      assert.equal(await client.request('environment/status', null), { status: 'ready' })
      for (const id of ['pipe', 'tty']) await heir.request('process/terminate', { processId: id })
      await heir.drop()
    }
    await client.close()
    await silent.stop()
    assert.is(await server.stop(), 0)
    assertSilent(server)
  },
)

/** Two of them are what a client may take to answer on a machine that does other things besides. */
const PING_MS = 400

shown(
  'a server that was stopped for many pings and goes on cuts nobody off, and has all output of that time',
  async () => {
    const listener = await follow(listenerCommand({ pingIntervalMs: PING_MS }))
    const client = await Client.connect(listener.url)
    await client.start('p', sh('for i in $(seq 1 20); do echo $i; sleep 0.1; done; exit 3'))
    const read = client.ask('process/read', { processId: 'p', afterSeq: 1000, waitMs: 1000 })
    await client.until(() => client.outputOf('p').toString().includes('2\n'))
    process.kill(listener.pid, 'SIGSTOP')
    // While it is stopped nothing happens that could be waited for.
    await sleep(4 * PING_MS)
    process.kill(listener.pid, 'SIGCONT')
    assert.is(await client.closed('p'), 3)
    assert.is(client.outputOf('p').toString(), Array.from({ length: 20 }, (_, index) => `${index + 1}\n`).join(''))
    assert.equal((await read).result.chunks, [])
    let pings = 0
    client.socket.on('ping', () => pings++)
    await eventually(() => pings > 2 || client.closeCode !== undefined, 30_000, 'pings')
    assert.is(client.closeCode, undefined)
    assert.equal(await client.request('environment/status', null), { status: 'ready' })
    await client.close()
    await listener.stop()
    assertSilent(listener)
  },
)

test.run()
