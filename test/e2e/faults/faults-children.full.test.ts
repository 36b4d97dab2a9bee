/** Children that behave badly: their output arrives as it was, and they end when they are told to. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { holdingsOf, settled } from '../../support/faults/fault-proc.ts'
import {
  assertSilent,
  isLinux,
  needsLinux,
  shownInFull,
  shownUnless,
  startFaultServer,
} from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { suite } from '../../support/suite.ts'

const test = suite('faults: children')
const shown = shownUnless(needsLinux, test)

let server: FaultServer
let client: Client
let folder: string

test.before(async () => {
  if (!isLinux) return
  folder = mkdtempSync(join(tmpdir(), 'exec-server-children-'))
  server = await startFaultServer()
  client = await Client.connect(server.url)
  await client.run('warm', ['/bin/true'])
  await client.run('warm-terminal', ['/bin/true'], { tty: true })
})
test.after(async () => {
  await client?.close()
  await server?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

const sh = (script: string): string[] => ['/bin/sh', '-c', script]
const MODES = [
  { name: 'pipes', more: {}, newline: '\n' },
  { name: 'a terminal', more: { tty: true }, newline: '\r\n' },
]

/** Whether an interrupt waits for a process, and whether it ignores it. */
function interruptOf(pid: number): { pending: boolean; ignored: boolean } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const has = (set: string): boolean =>
    (Number.parseInt(new RegExp(`^${set}:\\t(.*)`, 'm').exec(status)?.[1]?.slice(-8) ?? '', 16) & (1 << 1)) !== 0
  return { pending: has('SigPnd') || has('ShdPnd'), ignored: has('SigIgn') }
}

const closedYet = (id: string): boolean => client.eventsOf(id).some(({ method }) => method === 'process/closed')

/** Every event has the next number, and the last two are the exit and the close. */
function assertSequence(id: string): void {
  const events = client.eventsOf(id)
  assert.equal(
    events.map(({ params }) => params.seq),
    events.map((_, index) => index + 1),
  )
  assert.equal(
    events.map(({ method }) => method).filter((method) => method !== 'process/output'),
    ['process/exited', 'process/closed'],
  )
}

/** Every byte, as printf reads it. */
const OCTALS = Array.from({ length: 256 }, (_, byte) => `\\0${byte.toString(8)}`)

/** For each byte: that byte, and all 256 after it. */
const EVERY_PAIR = [
  'test -t 1 && stty raw',
  `all='${OCTALS.join('')}'`,
  `for byte in ${OCTALS.map((byte) => `'${byte}'`).join(' ')}; do printf "%b" "$byte$all"; done`,
].join('; ')

/** Settles when a process has none of its three streams any more. */
const closesAll = (pid: number): Promise<void> =>
  eventually(() => [0, 1, 2].every((fd) => !existsSync(`/proc/${pid}/fd/${fd}`)), 30_000, 'the closing of its streams')

/** The first line that a process says, as a number. */
const pidOf = (id: string): Promise<number> =>
  client.until(() => Number(/^(\d+)\r?\n/.exec(client.outputOf(id).toString())?.[1]) || undefined)

for (const { name, more, newline } of MODES) {
  shown(
    `a child that closes all its streams on ${name} lives on, can be waited for, and ends with its own code`,
    async () => {
      const id = `closer-${name}`
      // It goes on for as long as the file is there.
      const file = join(folder, id)
      writeFileSync(file, '')
      const script = 'echo $$; exec <&- >&- 2>&-; while test -e "$0"; do sleep 0.05; done; exit 6'
      await client.start(id, [...sh(script), file], more)
      const pid = await pidOf(id)
      await closesAll(pid)
      const { exited, closed } = await client.request('process/read', { processId: id, afterSeq: 1, waitMs: 100 })
      assert.equal([exited, closed, closedYet(id)], [false, false, false])
      assert.ok(isAlive(pid))
      rmSync(file)
      assert.is(await client.closed(id), 6)
      assert.is(client.outputOf(id).toString(), `${pid}${newline}`)
      assertSequence(id)
    },
  )

  shown(`a child that closed all its streams on ${name} and goes on for ever is ended by terminate`, async () => {
    const id = `daemon-${name}`
    const before = holdingsOf(server.pid)
    await client.start(id, sh('trap "" TERM HUP INT; echo $$; exec <&- >&- 2>&-; while :; do sleep 60; done'), more)
    const pid = await pidOf(id)
    await closesAll(pid)
    assert.equal(await client.request('process/terminate', { processId: id }), { running: true })
    assert.is(await client.closed(id), 137)
    assert.not(isAlive(pid))
    await settled(server.pid, before)
  })

  shown(`a child on ${name} that ignores every signal it can, and one that is stopped, end at terminate`, async () => {
    const before = holdingsOf(server.pid)
    for (const script of [
      'trap "" TERM HUP INT QUIT USR1; echo $$; while :; do sleep 1; done',
      'echo $$; kill -STOP $$; sleep 60',
    ]) {
      const id = `${script.slice(0, 4)}-${name}`
      await client.start(id, sh(script), more)
      const pid = await pidOf(id)
      const isStopped = script.includes('STOP')
      if (isStopped) await eventually(() => statFields(pid)?.[0] === 'T', 30_000, 'the stop')
      await client.request('process/signal', { processId: id, signal: 'interrupt' })
      // Sent when the request is answered. It waits for who is stopped, and is thrown away by who ignores it.
      const { pending, ignored } = interruptOf(pid)
      assert.equal([pending, ignored], isStopped ? [true, false] : [false, true])
      assert.ok(isAlive(pid))
      await client.request('process/terminate', { processId: id })
      assert.is(await client.closed(id), 137)
      assert.not(isAlive(pid))
      assertSequence(id)
    }
    await settled(server.pid, before)
  })

  shown(`every byte, and every two that can follow each other, arrive from ${name} as they are`, async () => {
    const id = `bytes-${name}`
    await client.start(id, sh(EVERY_PAIR), more)
    assert.is(await client.closed(id, 50_000), 0)
    const each = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const expected = Buffer.concat(Array.from({ length: 256 }, (_, byte) => Buffer.concat([Buffer.from([byte]), each])))
    assert.ok(client.outputOf(id).equals(expected), `${client.outputOf(id).length} bytes of ${expected.length}`)
    assertSequence(id)
  })

  shown(`characters cut in two by a pause arrive from ${name} as their bytes`, async () => {
    const id = `cut-${name}`
    const pieces = ['\\303', '\\244\\360\\237', '\\230\\200\\355\\240\\200\\377']
    // Each piece is said when the one before it has been heard.
    const script = pieces.map((piece) => `printf "${piece}"; read x`).join('; ')
    await client.start(id, sh(`test -t 0 && stty -echo; ${script}; exit 2`), { pipeStdin: true, ...more })
    for (const length of [1, 4, 10]) {
      await client.until(() => client.outputOf(id).length === length)
      await client.request('process/write', { processId: id, chunk: Buffer.from('\n').toString('base64') })
    }
    assert.is(await client.closed(id), 2)
    assert.is(client.outputOf(id).toString('hex'), 'c3a4f09f9880eda080ff')
    const { chunks } = await client.request('process/read', { processId: id })
    const retained = Buffer.concat(chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64')))
    assert.is(retained.toString('hex'), 'c3a4f09f9880eda080ff')
  })
}

/** So many lines on each of them. */
async function floodBoth(lines: number): Promise<void> {
  const id = `both-${lines}`
  await client.start(id, sh(`seq 1 ${lines} & seq 500001 ${500_000 + lines} >&2 & wait; exit 8`))
  assert.is(await client.closed(id, 50_000), 8)
  assertSequence(id)
  for (const [stream, first] of [
    ['stdout', 1],
    ['stderr', 500_001],
  ] as const) {
    const expected = Array.from({ length: lines }, (_, index) => `${first + index}\n`).join('')
    const heard = client.outputOf(id, stream)
    assert.ok(heard.equals(Buffer.from(expected)), `${stream} has ${heard.length} bytes of ${expected.length}`)
  }
}

const FLOODED = 'a child that floods both its streams is heard whole on each, in order, and ends with its code'
shown(FLOODED, () => floodBoth(50_000))
shownInFull(needsLinux, test)(`${FLOODED}, at length`, () => floodBoth(400_000))

shown(
  'a child that floods while it is terminated ends in order, and what was heard is the beginning of what it said',
  async () => {
    for (let round = 0; round < 8; round++) {
      const id = `flood${round}`
      await client.start(id, sh('seq 1 100000000'), { tty: round % 2 === 0 })
      // At once, and in the midst of it.
      const heard = 100_000 * (round >> 1)
      await client.until(() => client.outputOf(id).length >= heard)
      await client.request('process/terminate', { processId: id })
      assert.is(await client.closed(id), 137)
      assertSequence(id)
      const lines = client.outputOf(id).toString().split(/\r?\n/)
      lines.pop()
      assert.ok(lines.every((line, index) => line === String(index + 1)))
    }
    assertSilent(server)
  },
)

test.run()
