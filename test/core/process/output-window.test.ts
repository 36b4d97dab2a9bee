/** The output window of a process: what its client has not acknowledged holds it back, and is never dropped. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { Process } from '../../../src/core/process/process.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import { StdinBudget } from '../../../src/core/process/stdin-budget.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { FakeChild, fakeServer } from '../../support/fakes/fake-host.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const KiB = 1024

/** A running process with a window, whose client is gone unless `client` takes its events. */
class Windowed {
  readonly clock = new ManualClock()
  readonly process: Process
  readonly child: FakeChild
  #written = 0
  #isTaking = false

  constructor(
    outputWindow: number | undefined,
    { limits = {}, budget = new RetainedBudget(1e9) }: { limits?: Partial<Limits>; budget?: RetainedBudget } = {},
  ) {
    const options = {
      clock: this.clock,
      limits: { ...defaultLimits, ...limits },
      budget,
      isSandboxed: false,
      totals: silentObserver().totals,
    }
    this.process = new Process('p', { ...options, stdin: new StdinBudget(1), onClosed: () => {}, outputWindow })
    this.child = new FakeChild({ argv: ['p'], cwd: '/', env: new Map(), stdin: 'closed' }, this.process)
    this.process.started(this.child)
    this.process.events.announce(undefined)
  }

  get written(): number {
    return this.#written
  }

  listen(): void {
    this.#isTaking = true
    this.process.events.attach({ eventsReady: () => this.#isTaking && queueMicrotask(() => this.#take()) })
  }

  unlisten(): void {
    this.#isTaking = false
    this.process.events.detach()
  }

  #take(): void {
    while (this.#isTaking && this.process.events.takeEvent() !== undefined);
  }

  /** The child writes; each piece in a turn of its own. Bytes are numbered, so that a gap shows. */
  write(size: number): void {
    this.child.output(
      'stdout',
      Uint8Array.from({ length: size }, (_, index) => (this.#written + index) % 251),
    )
    this.#written += size
    this.clock.turn()
  }

  /** Lets the child go on after an acknowledgement. */
  flow(): void {
    this.child.flow()
    this.clock.turn()
  }

  read(afterSeq = 0): { bytes: Uint8Array; seqs: number[]; lastSeq: number } {
    const { text } = this.process.events.read(afterSeq, undefined)
    const { chunks, nextSeq } = JSON.parse(text) as {
      chunks: { seq: number; chunk: string }[]
      nextSeq: number
    }
    const bytes = Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk, 'base64')))
    return { bytes, seqs: chunks.map(({ seq }) => seq), lastSeq: nextSeq - 1 }
  }
}

test('a child is held back once more is there than its window, and goes on when enough is acknowledged', () => {
  const one = new Windowed(10)
  one.write(10)
  assert.not(one.child.paused)
  one.write(1)
  assert.ok(one.child.paused)
  one.write(100)
  assert.is(one.child.unread, 100)
  one.process.events.acknowledge(0)
  assert.ok(one.child.paused)
  one.process.events.acknowledge(1)
  assert.not(one.child.paused)
  one.flow()
  assert.ok(one.child.paused)
  // Beyond what there is, it is all there is.
  one.process.events.acknowledge(1e9)
  assert.not(one.child.paused)
  one.write(11)
  assert.ok(one.child.paused)
  one.process.events.acknowledge(2)
  assert.ok(one.child.paused, 'an older number takes nothing back')
})

test('without a window a missing listener holds no child back, and acknowledgements do nothing', () => {
  const one = new Windowed(undefined)
  for (let round = 0; round < 100; round++) one.write(64 * KiB)
  assert.not(one.child.paused)
  one.process.events.acknowledge(3)
  assert.is(one.read().bytes.length, 1024 * KiB)
})

test('what is not acknowledged is kept whatever its size and number; what is, is kept as long as there is room', () => {
  const one = new Windowed(100, { limits: { retainedPerProcess: 100, chunksPerProcess: 3 } })
  one.write(60)
  one.process.events.acknowledge(1)
  for (let round = 0; round < 20; round++) one.write(5)
  const { bytes, seqs } = one.read()
  assert.is(bytes.length, 100, 'what was acknowledged made room')
  assert.equal(
    seqs,
    Array.from({ length: 20 }, (_, index) => index + 2),
  )
  one.process.events.acknowledge(21)
  one.write(1)
  assert.equal(one.read().seqs, [20, 21, 22])
})

test('a window is no larger than what is retained', () => {
  const one = new Windowed(1e12, { limits: { retainedPerProcess: 50 } })
  one.write(50)
  assert.not(one.child.paused)
  one.write(1)
  assert.ok(one.child.paused)
})

test('many tiny chunks hold a child back by their number', () => {
  const one = new Windowed(512 * KiB, { limits: { unacknowledgedChunks: 10 } })
  for (let round = 0; round < 10; round++) one.write(1)
  assert.not(one.child.paused)
  // Chunks are counted when they are made, which is after the read.
  for (let round = 0; round < 3; round++) one.write(1)
  assert.equal([one.child.paused, one.child.unread], [true, 1])
  one.process.events.acknowledge(5)
  assert.not(one.child.paused)
})

test('where all retained output together is too much, others make room, and a window counts half', () => {
  const budget = new RetainedBudget(10_000)
  const limits = { chunkOverhead: 0 }
  const other = new Windowed(undefined, { budget, limits })
  const one = new Windowed(8000, { budget, limits })
  other.write(6000)
  one.write(3000)
  one.write(3000)
  assert.equal([other.read().bytes.length, one.read().bytes.length], [0, 6000])
  assert.not(one.child.paused)
  const third = new Windowed(8000, { budget, limits })
  third.write(4001)
  // The bound is passed by what nobody may drop, as the next read shows.
  third.write(1)
  assert.ok(third.child.paused)
  third.process.events.acknowledge(1)
  assert.not(third.child.paused)
  third.write(1)
  assert.equal([one.read().bytes.length, third.read().bytes.length], [6000, 2])
})

test('what a closed process has left is dropped only when nothing else can be', () => {
  const budget = new RetainedBudget(10_000)
  const limits = { chunkOverhead: 0 }
  const [closed, running] = [new Windowed(8000, { budget, limits }), new Windowed(undefined, { budget, limits })]
  closed.write(4000)
  closed.child.exit(0)
  closed.child.end()
  running.write(4000)
  running.write(4000)
  assert.equal([closed.read().bytes.length, running.read().bytes.length], [4000, 4000])
  const last = new Windowed(8000, { budget, limits })
  last.write(6001)
  assert.equal([closed.read().bytes.length, running.read().bytes.length, last.read().bytes.length], [0, 0, 6001])
})

test('one that is held back can be ended, and what it wrote before comes when it is acknowledged', () => {
  const one = new Windowed(10)
  one.write(11)
  one.write(7)
  assert.is(one.process.terminate(), true)
  assert.is(one.child.kills, 1)
  one.child.exit(137)
  one.child.end()
  one.clock.advance(5000)
  assert.equal([one.process.state, one.child.abandoned, one.child.unread], ['exited', false, 7])
  one.process.events.acknowledge(1)
  one.flow()
  assert.is(one.process.state, 'closed')
  assert.is(one.read().bytes.length, 18)
})

test('background children that write on after the exit are held back, too', () => {
  const one = new Windowed(10)
  one.child.exit(0)
  one.write(11)
  one.clock.advance(1)
  assert.ok(one.child.paused)
  one.process.events.acknowledge(one.read().lastSeq)
  assert.not(one.child.paused)
})

type Step = { write: number } | { cut: boolean } | { take: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ write: fc.oneof(fc.nat(3), fc.nat(3000)) }) },
  { weight: 2, arbitrary: fc.record({ cut: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ take: fc.nat(10) }) },
)

test('through any number of cuts a client that reads and acknowledges gets every byte, once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80, size: 'max' }),
      fc.integer({ min: 1, max: 2000 }),
      async (steps, window) => {
        const limits = { retainedPerProcess: 2000, chunksPerProcess: 8, unacknowledgedChunks: 6, retainedTotal: 3000 }
        const one = new Windowed(window, { limits, budget: new RetainedBudget(5000) })
        const got: Uint8Array[] = []
        let seq = 0
        const take = (): void => {
          const { bytes, seqs, lastSeq } = one.read(seq)
          assert.equal(
            seqs,
            Array.from({ length: lastSeq - seq }, (_, index) => seq + 1 + index),
          )
          got.push(bytes)
          seq = lastSeq
          one.process.events.acknowledge(seq)
          one.flow()
        }
        for (const step of steps) {
          if ('write' in step) one.write(step.write)
          else if ('cut' in step) {
            if (step.cut) one.unlisten()
            else one.listen()
          } else for (let round = 0; round < step.take; round++) take()
          await settled()
        }
        one.unlisten()
        for (let round = 0; one.child.unread > 0 || round === 0; round++) take()
        take()
        const all = Buffer.concat(got)
        assert.is(all.length, one.written)
        assert.ok(all.every((byte, index) => byte === index % 251))
      },
    ),
    { numRuns: 300 },
  )
})

// ---- the methods ----

test('a window is asked for with the start, and acknowledged by number', async () => {
  const { server, host, clock } = fakeServer()
  const client = await MemoryClient.ready(server)
  await client.start('p', { outputWindow: 5 })
  host.child.output('stdout', '123456')
  clock.turn()
  await settled()
  assert.ok(host.child.paused)
  assert.is(client.output('p'), '123456')
  client.drop()
  assert.ok(host.child.paused, 'also while nobody is there')
  const heir = await MemoryClient.ready(server, client.sessionId)
  assert.equal((await heir.ask('process/acknowledge', { processId: 'p', seq: 1 })).result, {})
  assert.not(host.child.paused)
  host.child.exit(0)
  host.child.end()
  assert.equal((await heir.ask('process/acknowledge', { processId: 'p', seq: 3 })).result, {})
  clock.advance(80_000)
  assert.is((await heir.ask('process/acknowledge', { processId: 'p', seq: 3 })).error?.code, ErrorCode.InvalidRequest)
})

test('a window has a byte at least, and the session that has started a process acknowledges its output', async () => {
  const { server } = fakeServer()
  const [client, guest] = [await MemoryClient.ready(server), await MemoryClient.ready(server)]
  for (const outputWindow of [0, -1, 1.5, '5'])
    assert.is((await client.start('p', { outputWindow })).error?.code, ErrorCode.InvalidParams, String(outputWindow))
  assert.ok((await client.start('p', { outputWindow: null })).result)
  assert.equal((await client.ask('process/acknowledge', { processId: 'p', seq: 0 })).result, {})
  await guest.ask('process/attach', { run: 1, processId: 'a' })
  assert.is((await guest.ask('process/acknowledge', { processId: 'a', seq: 1 })).error?.code, ErrorCode.InvalidRequest)
})

test.run()
