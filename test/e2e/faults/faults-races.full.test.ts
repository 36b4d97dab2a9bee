/**
 * Output racing exit, with every byte counted; and what is left of thousands of processes.
 * EXEC_SERVER_TEST_RACES says how many of each kind there are; ten thousand take some minutes. In the quick tier they are few.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import type { Clock } from '../../../src/core/base/clock.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { Client } from '../../support/client.ts'
import { openFaultListener } from '../../support/faults/fault-listener.ts'
import { holdingsOf, settled, threadsOf } from '../../support/faults/fault-proc.ts'
import type { Holdings } from '../../support/faults/fault-proc.ts'
import { assertSilent, isLinux, needsLinux, shownUnless, startFaultServer } from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { eventually } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const isQuick = process.env['EXEC_SERVER_TEST_TIER'] === 'quick'
const RACES = Number(process.env['EXEC_SERVER_TEST_RACES'] ?? (isQuick ? 80 : 1000))
const CONNECTIONS = 4
const BATCH = 10

// A thousand take a minute where others use the machine, too.
const test = suite('faults: output racing exit', { limitMs: Math.max(60_000, RACES * 240) })
const shown = shownUnless(needsLinux, test)

let server: FaultServer
let folder: string
let temporary: string
let before: Holdings & { threads: number }

/** Letters only, so that a terminal changes none of them; no piece of it is like another. */
const content = Buffer.from(
  Array.from({ length: 160_000 }, (_, index) => 97 + ((index * 7 + (index >> 4) + (index >> 9) * 3) % 26)),
)

test.before(async () => {
  if (!isLinux) return
  folder = mkdtempSync(join(tmpdir(), 'exec-server-races-'))
  temporary = mkdtempSync(join(folder, 'tmp-'))
  writeFileSync(join(folder, 'content'), content)
  // What thousands of processes said need not be kept for all of the time that it could be.
  server = await startFaultServer({ args: ['--retained-mib', '16'], env: { ...process.env, TMPDIR: temporary } })
  const client = await Client.connect(server.url)
  await client.run('warm', ['/bin/true'])
  await client.run('warm-terminal', ['/bin/true'], { tty: true })
  await client.drop()
  await eventually(() => readdirSync(temporary).length === 0)
  before = { ...holdingsOf(server.pid), threads: threadsOf(server.pid) }
})
test.after(async () => {
  await server?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

/** How much a program says: nothing, a little, about what a terminal or a pipe holds, or more than that. */
function lengthOf(index: number): number {
  const edges = [0, 1, 17, 4095, 4096, 4097, 20_000, 65_535, 65_536, 65_537, 131_072, 150_000]
  return (edges[index % edges.length] as number) + ((index * 31) % 7)
}

/** A batch of programs that say something and exit at once; each has said it whole when it is closed. */
async function race(client: Client, first: number, more: object): Promise<number> {
  const runs = Array.from({ length: BATCH }, (_, index) => ({
    id: `r${first + index}`,
    length: lengthOf(first + index),
  }))
  await Promise.all(
    runs.map(async ({ id, length }) => {
      await client.start(id, ['head', '-c', String(length), join(folder, 'content')], {
        env: { PATH: '/bin:/usr/bin' },
        ...more,
      })
      assert.is(await client.closed(id, 50_000), 0)
    }),
  )
  let bytes = 0
  for (const { id, length } of runs) {
    const output = client.outputOf(id)
    assert.ok(output.equals(content.subarray(0, length)), `${id}: ${output.length} bytes of ${length}`)
    const events = client.eventsOf(id)
    assert.equal(
      events.map(({ params }) => params.seq),
      events.map((_, index) => index + 1),
    )
    assert.equal(
      events.map(({ method }) => method).filter((method) => method !== 'process/output'),
      ['process/exited', 'process/closed'],
    )
    assert.is(events.at(-1)?.method, 'process/closed')
    bytes += output.length
  }
  // The client keeps all that it gets, and here that is a lot.
  client.messages.length = 0
  client.notifications.length = 0
  return bytes
}

for (const [name, more] of [
  ['pipes', {}],
  ['terminals', { tty: true }],
] as const) {
  shown(`${RACES} programs on ${name} that exit with their last byte are heard whole`, async () => {
    let [bytes, count] = [0, 0]
    const take = (): number => (count += BATCH) - BATCH
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const client = await Client.connect(server.url)
        for (let first = take(); first < RACES; first = take()) {
          const heard = await race(client, first, more)
          bytes += heard
        }
        await client.close()
      }),
    )
    const rounds = Math.ceil(RACES / BATCH) * BATCH
    const expected = Array.from({ length: rounds }, (_, index) => lengthOf(index)).reduce((sum, each) => sum + each, 0)
    assert.is(bytes, expected)
    console.log(`\n  ${rounds} programs on ${name}: ${bytes} bytes, none lost`)
  })
}

shown(`nothing is left of ${2 * RACES} processes: no zombie, no descriptor, no thread, no temporary file`, async () => {
  await settled(server.pid, before)
  // A pool of threads may grow while there is much to do, and keeps what it has; it is no more than a few.
  assert.ok(
    threadsOf(server.pid) <= before.threads + 8,
    `${threadsOf(server.pid)} threads, and ${before.threads} before`,
  )
  assert.equal(readdirSync(temporary), [])
  assertSilent(server)
})

/** The system's clock, which counts the timers that wait. */
function countingClock(): { clock: Clock; waiting: () => number } {
  const timers = new Set<object>()
  const clock: Clock = {
    ...systemClock,
    after: (ms, call) => {
      const timer = {}
      timers.add(timer)
      const cancel = systemClock.after(ms, () => {
        timers.delete(timer)
        call()
      })
      return () => {
        timers.delete(timer)
        cancel()
      }
    },
  }
  return { clock, waiting: () => timers.size }
}

test('no timer is left of processes, waiting reads and sessions once their time is up', async () => {
  const { clock, waiting } = countingClock()
  const listener = await openFaultListener({ retainEndedMs: 300, sessionTtlMs: 300 }, clock)
  try {
    const idle = waiting()
    const client = await Client.connect(listener.url)
    const ids = Array.from({ length: 60 }, (_, index) => `t${index}`)
    await Promise.all(
      ids.map(async (id, index) => {
        const kind = index % 3
        await client.start(id, ['/bin/sh', '-c', kind === 0 ? 'exit 0' : 'sleep 60'], { tty: index % 2 === 0 })
        void client.ask('process/read', { processId: id, waitMs: 60_000 })
        if (kind === 1) await client.request('process/terminate', { processId: id })
      }),
    )
    assert.ok(waiting() > 20, `${waiting()} timers`)
    await client.drop()
    await eventually(() => waiting() <= idle, 30_000, `the end of all timers (${waiting()} are left)`)
  } finally {
    listener.close()
  }
})

test.run()
