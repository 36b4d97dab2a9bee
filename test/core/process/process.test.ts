import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { jsonText } from '../../support/json-text.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { EventSource } from '../../../src/core/base/outbound-scheduler.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { Process } from '../../../src/core/process/process.ts'
import type { ProcessOptions } from '../../../src/core/process/process.ts'
import type { Listener } from '../../../src/core/process/process-events.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import { StdinBudget } from '../../../src/core/process/stdin-budget.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import type { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { OutputStream } from '../../../src/protocol/schemas/process.ts'
import { FakeChild } from '../../support/fakes/fake-host.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Event = {
  method: string
  params: { processId: string; seq: number; stream: OutputStream; chunk: string; exitCode: number }
}
type Read = {
  chunks: { seq: number; stream: OutputStream; chunk: string }[]
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
}

const sizeOf = (chunk: string): number => Buffer.from(chunk, 'base64').length
const isOutput = ({ method }: Event): boolean => method === 'process/output'

/** A client that takes events only when the test says so. */
class FakeClient implements Listener {
  readonly events: Event[] = []
  #ready: EventSource | undefined

  eventsReady(source: EventSource): void {
    this.#ready = source
  }

  /** Takes as many events as there are, or that many. Without having been told of any it takes none. */
  take(count = Infinity): void {
    for (; count > 0 && this.#ready !== undefined; count--) {
      const event = this.#ready.takeEvent()
      if (event === undefined) this.#ready = undefined
      else this.events.push(JSON.parse(jsonText(event.json())))
    }
  }

  get output(): string {
    return this.events.map(({ params }) => Buffer.from(params.chunk ?? '', 'base64').toString()).join('')
  }

  get seqs(): number[] {
    return this.events.map(({ params }) => params.seq)
  }
}

class Setup {
  readonly clock = new ManualClock()
  readonly limits: Limits
  readonly budget: RetainedBudget
  readonly options: ProcessOptions
  readonly process: Process
  readonly child: FakeChild
  readonly client = new FakeClient()
  closings = 0

  /** A running process whose start has been answered, to a client unless `alone`. */
  constructor({
    limits = {},
    budget = new RetainedBudget(1e9),
    alone = false,
    announced = true,
    confined = false,
    stdin = 'closed' as 'closed' | 'pipe',
  } = {}) {
    this.limits = { ...defaultLimits, ...limits }
    this.budget = budget
    this.options = {
      clock: this.clock,
      limits: this.limits,
      budget,
      isSandboxed: confined,
      totals: silentObserver().totals,
      stdin: new StdinBudget(this.limits.stdinTotal),
      onClosed: () => void this.closings++,
    }
    this.process = new Process('p', this.options)
    this.child = new FakeChild({ argv: ['p'], cwd: '/', env: new Map(), stdin }, this.process)
    this.process.started(this.child)
    if (announced) this.process.events.announce(alone ? undefined : this.client)
  }

  read(afterSeq = 0, maxBytes?: number): Read {
    return JSON.parse(this.process.events.read(afterSeq, maxBytes).text)
  }

  /** Lets everything happen that can without time passing. */
  run(): void {
    for (let round = 0; round < 4; round++) {
      this.child.flow()
      this.clock.turn()
      this.client.take()
    }
  }
}

// ---- random lives ----

type Step =
  | { do: 'output'; stream: 'stdout' | 'stderr'; size: number }
  | { do: 'take'; count: number }
  | { do: 'read'; back: number; maxBytes: number | undefined }
  | { do: 'turn' | 'attach' | 'detach' | 'exit' | 'end' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('output' as const),
      stream: fc.constantFrom('stdout' as const, 'stdout' as const, 'stderr' as const),
      size: fc.oneof(fc.nat(5), fc.nat(50)),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      back: fc.nat(12),
      maxBytes: fc.constantFrom(undefined, 0, 1, 16, 40, 1000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('attach' as const, 'detach' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('exit' as const, 'end' as const) }) },
)

const SMALL = { chunkBytes: 16, unsentPerProcess: 64, retainedPerProcess: 1e6 }

/** One client's stay, from its attaching until it is gone. */
type Stay = { client: FakeClient; from: number; cut: boolean }

test('whatever happens, a client gets each event once, in order, with every byte, and the close last', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.nat(255), (steps, exitCode) => {
      const setup = new Setup({ limits: SMALL, announced: false })
      const { process, child, clock } = setup
      const written: Record<string, string> = { stdout: '', stderr: '' }
      let letters = 0
      const stays: Stay[] = []
      let stay: Stay | undefined
      let announced = false
      /** Bytes that the process had been handed when the stay began. */
      let before = 0
      const done = { exit: false, end: false }
      const handed = (): number => (written['stdout'] + (written['stderr'] ?? '')).length - child.unread

      const acts: { [K in Step['do']]: (step: Step & { do: K }) => void } = {
        output({ stream, size }) {
          if (done.end) return
          const text = String.fromCharCode(...Array.from({ length: size }, () => 0x41 + (letters++ % 57)))
          written[stream] += text
          child.output(stream, text)
        },
        turn: () => clock.turn(),
        take({ count }) {
          stay?.client.take(count)
          child.flow()
        },
        attach() {
          if (stay !== undefined) return
          stay = { client: new FakeClient(), from: 1, cut: false }
          stays.push(stay)
          if (announced) {
            process.events.attach(stay.client)
            stay.from = setup.read().nextSeq
            before = handed()
          } else process.events.announce(stay.client)
          announced = true
        },
        detach() {
          if (!announced) process.events.announce(undefined)
          else process.events.detach()
          announced = true
          if (stay !== undefined) stay.cut = true
          stay = undefined
          child.flow()
        },
        exit() {
          if (!done.exit) child.exit(exitCode)
          done.exit = true
        },
        end() {
          if (!done.end) child.end()
          done.end = true
        },
        read({ back, maxBytes }) {
          const all = setup.read()
          const afterSeq = Math.max(0, all.nextSeq - back)
          const expected = all.chunks.filter(({ seq }) => seq > afterSeq)
          let total = 0
          const fitting = expected.filter(
            ({ chunk }, index) => (total += sizeOf(chunk)) <= (maxBytes ?? Infinity) || index === 0,
          )
          const { chunks, nextSeq } = setup.read(afterSeq, maxBytes)
          assert.equal(chunks, fitting)
          assert.is(
            nextSeq,
            maxBytes === undefined || fitting.length === 0 ? all.nextSeq : (fitting.at(-1)?.seq ?? 0) + 1,
          )
          const hasNews = all.closed || expected.length > 0 || (all.exited && afterSeq < all.nextSeq - 1)
          assert.is(process.events.hasNewsAfter(afterSeq), hasNews)
        },
      }

      const check = (): void => {
        const taken = stay?.client.events.reduce((sum, { params }) => sum + sizeOf(params.chunk ?? ''), 0) ?? 0
        const unsent = handed() - before - taken
        if (stay !== undefined && unsent > SMALL.unsentPerProcess)
          assert.ok(child.paused, `${unsent} bytes unsent and not paused`)
        if ((stay !== undefined && unsent === 0) || (stay === undefined && announced))
          assert.not(child.paused, 'paused without need')
      }

      for (const step of steps) {
        acts[step.do](step as never)
        check()
      }
      acts.attach({ do: 'attach' })
      acts.exit({ do: 'exit' })
      acts.end({ do: 'end' })
      for (let round = 0; !process.closed && round < 2000; round++) {
        stay?.client.take(1)
        child.flow()
        clock.turn()
        check()
      }
      stay?.client.take()

      const { chunks, nextSeq, exited, closed, ...last } = setup.read()
      assert.equal({ exited, closed, exitCode: last.exitCode }, { exited: true, closed: true, exitCode })
      assert.is(setup.closings, 1)
      for (const stream of ['stdout', 'stderr']) {
        assert.is(
          chunks
            .filter((chunk) => chunk.stream === stream)
            .map(({ chunk }) => atob(chunk))
            .join(''),
          written[stream],
          stream,
        )
      }
      assert.ok(chunks.every(({ chunk }) => sizeOf(chunk) > 0 && sizeOf(chunk) <= SMALL.chunkBytes))
      // Output, one exit and one close have used up every number.
      assert.is(nextSeq - 1, chunks.length + 2)
      const bySeq = new Map(chunks.map((chunk) => [chunk.seq, chunk]))

      for (const { client, from, cut } of stays) {
        assert.equal(
          client.seqs,
          client.seqs.map((_, index) => from + index),
          'seqs are not dense',
        )
        for (const { method, params } of client.events) {
          const { seq } = params
          const chunk = bySeq.get(seq)
          const expected =
            chunk !== undefined ? 'process/output' : seq === nextSeq - 1 ? 'process/closed' : 'process/exited'
          assert.is(method, expected)
          if (chunk !== undefined) assert.equal([params.stream, params.chunk], [chunk.stream, chunk.chunk])
        }
        if (!cut) assert.is(client.seqs.at(-1) ?? from - 1, nextSeq - 1, 'the stay does not reach the close')
      }
      const numbers = stays.flatMap(({ client }) => client.seqs)
      assert.is(new Set(numbers).size, numbers.length, 'something was sent twice')
    }),
    { numRuns: 400 },
  )
})

test('processes that share a small budget lose nothing that is unsent, and hold no more than they must', () => {
  const limits = { chunkBytes: 16, unsentPerProcess: 64, retainedPerProcess: 200, chunkOverhead: 8 }
  const BOUND = 300
  const act = fc.record({
    who: fc.nat(3),
    what: fc.constantFrom(
      'output',
      'output',
      'output',
      'turn',
      'take',
      'takeAll',
      'detach',
      'attach',
      'close',
      'dispose',
    ),
    size: fc.nat(40),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120, size: 'max' }), (acts) => {
      const budget = new RetainedBudget(BOUND)
      const setups = Array.from({ length: 4 }, () => ({
        setup: new Setup({ limits, budget }),
        client: undefined as FakeClient | undefined,
        closed: false,
        disposed: false,
      }))
      for (const each of setups) each.client = each.setup.client
      for (const { who, what, size } of acts) {
        const each = setups[who] as (typeof setups)[number]
        const { setup } = each
        if (what === 'output' && !each.closed && !each.disposed)
          setup.child.output(size % 2 === 0 ? 'stdout' : 'stderr', 'x'.repeat(size))
        else if (what === 'turn') for (const { setup } of setups) setup.clock.turn()
        else if (what === 'take') each.client?.take(1)
        else if (what === 'takeAll') each.client?.take()
        else if (what === 'detach' && !each.disposed) {
          setup.process.events.detach()
          each.client = undefined
        } else if (what === 'attach' && !each.disposed && each.client === undefined) {
          each.client = new FakeClient()
          setup.process.events.attach(each.client)
        } else if (what === 'close' && !each.closed && !each.disposed) {
          each.closed = true
          setup.child.exit(0)
          setup.child.end()
        } else if (what === 'dispose') {
          each.disposed = true
          each.client = undefined
          setup.process.dispose()
        }
        for (const { setup } of setups) setup.child.flow()
        assert.ok(budget.total >= 0)
      }
      // Taking throws if a chunk that had not been sent is gone.
      for (let round = 0; round < 50; round++) {
        for (const { setup, client } of setups) {
          setup.child.flow()
          setup.clock.turn()
          client?.take()
        }
      }
      for (const { client } of setups) {
        const seqs = client?.seqs ?? []
        assert.equal(
          seqs,
          seqs.map((_, index) => (seqs[0] as number) + index),
        )
      }
      assert.is(
        setups.some(({ setup, disposed }) => !disposed && setup.child.paused),
        false,
      )
      budget.charge(0)
      assert.ok(budget.total <= BOUND)
      for (const { setup } of setups) setup.process.dispose()
      assert.is(budget.total, 0)
    }),
    { numRuns: 300 },
  )
})

// ---- chunks ----

test('pieces of one stream that come in one turn are one chunk', () => {
  const { process, child, clock, client } = new Setup()
  for (const piece of ['a', 'b', '', 'c']) child.output('stdout', piece)
  client.take()
  assert.equal(client.events, [])
  clock.turn()
  client.take()
  assert.equal(
    client.events.map(({ params }) => params),
    [{ processId: 'p', seq: 1, stream: 'stdout', chunk: btoa('abc') }],
  )
  assert.not(process.closed)
})

test('a piece of another stream begins another chunk, so that order is kept', () => {
  const { child, clock, client } = new Setup()
  for (const [stream, text] of [
    ['stdout', 'a'],
    ['stdout', 'b'],
    ['stderr', 'c'],
    ['stdout', 'd'],
  ] as const)
    child.output(stream, text)
  clock.turn()
  client.take()
  assert.equal(
    client.events.map(({ params }) => [params.stream, atob(params.chunk)]),
    [
      ['stdout', 'ab'],
      ['stderr', 'c'],
      ['stdout', 'd'],
    ],
  )
})

test('a chunk holds 64 KiB at most and never splits what is smaller', () => {
  const { child, clock, client } = new Setup()
  for (const size of [60_000, 5536, 1, 65_536, 30_000, 40_000, 200_000]) child.output('stdout', new Uint8Array(size))
  clock.turn()
  client.take()
  assert.equal(
    client.events.map(({ params }) => sizeOf(params.chunk)),
    [65_536, 1, 65_536, 30_000, 40_000, 65_536, 65_536, 65_536, 3392],
  )
})

test('a few bytes of a large read buffer do not keep the buffer', () => {
  const { process, child, clock, client } = new Setup()
  const buffer = new Uint8Array(65_536).fill(0x61)
  child.output('stdout', buffer.subarray(10, 13))
  clock.turn()
  buffer.fill(0x62)
  client.take()
  assert.is(client.output, 'aaa')
  assert.ok(process.events.readBytes(0) < 1000)
})

test('a read takes what has come in this very turn', () => {
  const setup = new Setup()
  setup.child.output('stdout', 'now')
  assert.is(atob(setup.read().chunks[0]?.chunk ?? ''), 'now')
  setup.child.output('stdout', 'then')
  assert.not(setup.process.events.hasNewsAfter(1))
  const cancel = setup.process.events.watch(() => {})
  assert.ok(setup.process.events.hasNewsAfter(1))
  cancel()
})

// ---- the slow client ----

test('a child is paused when more than 256 KiB are unsent, and goes on when its client has caught up', () => {
  const { child, clock, client } = new Setup()
  const piece = new Uint8Array(64 * 1024)
  for (let count = 0; count < 3; count++) child.output('stdout', piece)
  clock.turn()
  assert.not(child.paused)
  for (let count = 0; count < 3; count++) child.output('stdout', piece)
  assert.ok(child.paused)
  assert.ok(child.unread > 0)
  client.take(3)
  assert.not(child.paused)
  for (let round = 0; round < 3; round++) {
    child.flow()
    clock.turn()
    client.take()
  }
  assert.is(
    client.events.reduce((sum, { params }) => sum + sizeOf(params.chunk), 0),
    6 * piece.length,
  )
})

test('a client that is behind loses nothing of a child that writes little and often', () => {
  const { child, clock, client } = new Setup()
  const lines = 60_000
  for (let line = 0; line < lines; line++) {
    child.output('stdout', `${line % 10}`)
    clock.turn()
  }
  for (let round = 0; round < lines && client.events.length < lines; round++) {
    client.take()
    child.flow()
    clock.turn()
    if (child.unread === 0) break
  }
  client.take()
  assert.equal(client.seqs.slice(0, 2), [1, 2])
  assert.is(client.output.length, lines)
})

test('a child is paused by the number of its unsent chunks, however small, until its client has taken some', () => {
  const { child, clock, client } = new Setup({ limits: { unsentChunks: 10 } })
  const write = (): void => {
    child.output('stdout', 'x')
    clock.turn()
  }
  for (let count = 0; count < 10; count++) write()
  assert.not(child.paused, 'as many as may be unsent')
  write()
  assert.ok(child.paused, 'one more')
  write()
  assert.is(child.unread, 1, 'what comes then stays with the child')
  client.take(2)
  assert.not(child.paused, 'some have been taken')
  child.flow()
  clock.turn()
  client.take()
  assert.equal(
    client.seqs,
    Array.from({ length: 12 }, (_, index) => index + 1),
  )
  // What counts is what is unsent now, not what has ever been written.
  for (let count = 0; count < 10; count++) write()
  assert.not(child.paused, 'as many as may be unsent, again')
})

test('as many bytes may be unsent as the limit says, and not one more', () => {
  const { child, client, clock } = new Setup({ limits: { unsentPerProcess: 100 } })
  child.output('stdout', new Uint8Array(100))
  assert.not(child.paused)
  child.output('stdout', new Uint8Array(1))
  assert.ok(child.paused)
  clock.turn()
  client.take()
  assert.not(child.paused)
})

test('a single byte holds its child back where no chunk may be unsent', () => {
  const { child } = new Setup({ limits: { unsentChunks: 0 } })
  child.output('stdout', 'x')
  assert.ok(child.paused)
})

test('without a listener the number of chunks holds no child back', () => {
  const { child, clock } = new Setup({ alone: true, limits: { unsentChunks: 10 } })
  for (let count = 0; count < 100; count++) {
    child.output('stdout', 'x')
    clock.turn()
  }
  assert.not(child.paused)
})

test('a child is held back before its start is answered, too, and continues if no listener comes', () => {
  const { process, child, clock } = new Setup({ announced: false, limits: { unsentChunks: 10 } })
  for (let count = 0; count < 11; count++) {
    child.output('stdout', 'x')
    clock.turn()
  }
  assert.ok(child.paused)
  process.events.announce(undefined)
  assert.not(child.paused)
})

test('a child is paused as well when all processes together hold too much that is unsent', () => {
  const budget = new RetainedBudget(10_000)
  const [one, other] = [new Setup({ budget }), new Setup({ budget })]
  for (const { child, clock } of [one, other, other]) {
    child.output('stdout', new Uint8Array(6000))
    clock.turn()
  }
  assert.ok(other.child.paused)
  for (const { client } of [one, other]) client.take()
  assert.not(other.child.paused)
})

test('without a client a child is never paused and the newest megabyte is kept', () => {
  const setup = new Setup({ alone: true })
  for (let count = 0; count < 100; count++) {
    setup.child.output('stdout', new Uint8Array(65_536).fill(count))
    setup.clock.turn()
  }
  assert.not(setup.child.paused)
  const { chunks, nextSeq } = setup.read()
  assert.is(nextSeq, 101)
  assert.equal(
    chunks.map(({ seq }) => seq),
    Array.from({ length: 16 }, (_, index) => 85 + index),
  )
})

test('when its client goes, a paused child goes on', () => {
  const { process, child } = new Setup()
  child.output('stdout', new Uint8Array(300_000))
  assert.ok(child.paused)
  process.events.detach()
  assert.not(child.paused)
})

test('output without a listener is left to reads, and events continue after it', () => {
  const setup = new Setup({ alone: true })
  setup.child.output('stdout', 'missed')
  setup.clock.turn()
  const client = new FakeClient()
  setup.child.output('stdout', 'also missed')
  setup.process.events.attach(client)
  setup.child.output('stdout', 'heard')
  setup.clock.turn()
  client.take()
  assert.equal(client.seqs, [3])
  assert.is(client.output, 'heard')
  assert.is(
    setup
      .read()
      .chunks.map(({ chunk }) => atob(chunk))
      .join('|'),
    'missed|also missed|heard',
  )
})

test('what a process writes before its start is answered goes out behind the answer', () => {
  const setup = new Setup({ announced: false })
  setup.child.output('stdout', 'early')
  setup.clock.turn()
  setup.child.exit(0)
  setup.child.end()
  assert.equal(setup.client.events, [])
  setup.process.events.announce(setup.client)
  setup.client.take()
  assert.equal(setup.client.seqs, [1, 2, 3])
})

// ---- exit and close ----

test('the exit is numbered behind output that is still to be read when it comes', () => {
  const { child, clock, client } = new Setup()
  child.output('stdout', 'a')
  child.exit(3)
  clock.turn()
  child.output('stdout', 'b')
  clock.turn()
  child.output('stdout', 'late')
  clock.turn()
  child.end()
  client.take()
  assert.equal(
    client.events.map(({ method }) => method.slice(8)),
    ['output', 'output', 'exited', 'output', 'closed'],
  )
  assert.is(client.events[2]?.params.exitCode, 3)
})

test('streams that ended before the exit close the process with it', () => {
  const { process, child, client } = new Setup()
  child.output('stderr', 'x')
  child.end()
  client.take()
  assert.not(process.closed)
  child.exit(137)
  client.take()
  assert.equal(
    client.events.map(({ method }) => method.slice(8)),
    ['output', 'exited', 'closed'],
  )
})

test('exited does not mean closed: the process waits for every holder of its output', () => {
  const setup = new Setup()
  setup.child.exit(0)
  setup.clock.advance(1e9)
  setup.client.take()
  const { exited, closed, exitCode } = setup.read()
  assert.equal([exited, closed, exitCode], [true, false, 0])
  assert.equal(
    setup.client.events.map(({ method }) => method.slice(8)),
    ['exited'],
  )
  assert.is(setup.closings, 0)
  assert.not(setup.child.abandoned)
})

test('output that ends in the turn in which it came still stands before the close', () => {
  const { child, clock, client } = new Setup()
  child.exit(0)
  clock.turn()
  clock.turn()
  child.output('stdout', 'the last words of a background child')
  child.end()
  clock.turn()
  client.take()
  assert.equal(
    client.events.map(({ method }) => method.slice(8)),
    ['exited', 'output', 'closed'],
  )
})

test('before the exit is numbered nothing tells of it', () => {
  const setup = new Setup()
  setup.child.exit(9)
  const { exited, exitCode, nextSeq } = setup.read()
  assert.equal([exited, exitCode, nextSeq], [false, null, 1])
})

// ---- a sandboxed failure ----

/** Two turns of the loop, which is how long the exit of a process without a sandbox waits for its output. */
const twoTurns = ({ clock }: Setup): void => {
  clock.turn()
  clock.turn()
}

const exits = ({ client }: Setup): Event[] => {
  client.take()
  return client.events.filter(({ method }) => method === 'process/exited')
}

test('the exit of a sandboxed failure waits 100 ms for words of a refusal, and tells of them', () => {
  const setup = new Setup({ confined: true })
  setup.child.exit(1)
  setup.clock.advance(99)
  assert.equal(exits(setup), [])
  assert.equal([setup.read().exited, setup.read().exitCode], [false, null])
  setup.child.output('stderr', 'touch: x: Permission denied\n')
  setup.clock.advance(1)
  assert.equal(
    exits(setup).map(({ params }) => params),
    [{ processId: 'p', seq: 2, exitCode: 1, sandboxDenied: true }],
  )
  assert.equal([setup.read().exited, setup.read().sandboxDenied], [true, true])
  setup.child.end()
  setup.client.take()
  assert.is(setup.client.events.at(-1)?.method, 'process/closed')
})

test('words of a refusal count wherever they are in the output of a sandboxed failure', () => {
  const setup = new Setup({ confined: true })
  for (const [stream, text] of [
    ['stdout', 'before'],
    ['stderr', 'Permission denied'],
    ['stdout', 'behind'],
  ] as const)
    setup.child.output(stream, text)
  setup.child.exit(1)
  setup.clock.advance(100)
  assert.equal([exits(setup).length, setup.read().sandboxDenied], [1, true])
})

test('stderr after the announced exit of a sandboxed failure changes nothing', () => {
  const setup = new Setup({ confined: true })
  setup.child.exit(1)
  setup.clock.advance(100)
  assert.equal(
    exits(setup).map(({ params }) => params),
    [{ processId: 'p', seq: 1, exitCode: 1, sandboxDenied: false }],
  )
  setup.child.output('stderr', 'Permission denied')
  setup.child.end()
  setup.clock.advance(1000)
  assert.is(exits(setup).length, 1)
  assert.not(setup.read().sandboxDenied)
})

test('the exit of a sandboxed failure waits as long as the limit says', () => {
  const setup = new Setup({ confined: true, limits: { strayQuietMs: 40 } })
  setup.child.exit(1)
  setup.clock.advance(39)
  assert.equal(exits(setup), [])
  setup.clock.advance(1)
  assert.is(exits(setup).length, 1)
})

test('the exit of a sandboxed failure waits no longer than for the end of the output', () => {
  const setup = new Setup({ confined: true })
  setup.child.exit(1)
  setup.child.output('stdout', 'sandbox: no')
  setup.child.end()
  setup.client.take()
  assert.equal(
    setup.client.events.map(({ method }) => method.slice(8)),
    ['output', 'exited', 'closed'],
  )
  assert.ok(setup.read().sandboxDenied)
  setup.clock.advance(1000)
  assert.equal([exits(setup).length, setup.closings], [1, 1])

  const ended = new Setup({ confined: true })
  ended.child.end()
  ended.child.exit(1)
  assert.is(exits(ended).length, 1, 'the output had ended before')
})

test('a success in a sandbox and a failure outside of one do not wait, and are no refusals', () => {
  for (const [confined, code] of [
    [true, 0],
    [false, 1],
  ] as const) {
    const setup = new Setup({ confined })
    setup.child.output('stderr', 'Permission denied')
    setup.child.exit(code)
    twoTurns(setup)
    assert.equal(
      exits(setup).map(({ params }) => params),
      [{ processId: 'p', seq: 2, exitCode: code, sandboxDenied: false }],
    )
    assert.is(setup.clock.timers, 0)
  }
})

test('a sandboxed failure that is disposed of while its exit waits is never announced', () => {
  const setup = new Setup({ confined: true })
  setup.child.exit(1)
  setup.process.dispose()
  setup.clock.advance(1000)
  assert.equal(exits(setup), [])
  assert.not(setup.read().exited)
})

test('a waiting read has news when the exit or the close lies behind what it has seen, and not before', () => {
  const { process, child, clock } = new Setup()
  let woken = 0
  const cancel = process.events.watch(() => woken++)
  child.output('stdout', 'x')
  clock.turn()
  assert.is(woken, 1)
  assert.ok(process.events.hasNewsAfter(0))
  assert.not(process.events.hasNewsAfter(1))
  child.exit(0)
  clock.turn()
  clock.turn()
  assert.is(woken, 2)
  assert.ok(process.events.hasNewsAfter(1))
  // Exited with its output still open: a client that has seen all that waits.
  assert.not(process.events.hasNewsAfter(2))
  child.end()
  assert.is(woken, 3)
  assert.ok(process.events.hasNewsAfter(3) && process.events.hasNewsAfter(1000))
  cancel()
})

test('nextSeq without maxBytes is the next number to be given, with it the one behind the last chunk', () => {
  const setup = new Setup()
  setup.child.output('stdout', 'a')
  setup.child.output('stderr', 'b')
  setup.child.exit(0)
  setup.child.end()
  assert.is(setup.read(0).nextSeq, 5)
  assert.is(setup.read(2).nextSeq, 5)
  assert.is(setup.read(0, 1000).nextSeq, 3)
  assert.is(setup.read(0, 0).nextSeq, 2)
  assert.is(setup.read(2, 0).nextSeq, 5)
  assert.is(setup.read(1e15).nextSeq, 5)
})

// ---- terminate, interrupt, dispose ----

test('a process starts, runs, exits and closes', async () => {
  const setup = new Setup()
  const { process, child } = setup
  const unstarted = new Process('q', setup.options)
  assert.equal([unstarted.state, unstarted.cancelled, process.state], ['starting', false, 'running'])
  assert.equal([unstarted.closed, unstarted.disposed], [false, false])
  assert.ok(unstarted.terminate(1000))
  assert.equal([unstarted.cancelled, process.cancelled], [true, false])
  unstarted.started(child)
  await unstarted.startup
  assert.is(unstarted.state, 'running')
  child.exit(0)
  assert.is(process.state, 'exited')
  child.end()
  assert.is(process.state, 'closed')
})

test('a waiter for a start that fails is released', async () => {
  const process = new Process('q', new Setup().options)
  let isSettled = false
  void process.startup.then(() => (isSettled = true))
  await settled()
  assert.not(isSettled)
  process.dispose()
  await settled()
  assert.ok(isSettled)
})

test('stdin before the start is closed, and nothing can be resized or ended', () => {
  const process = new Process('q', new Setup().options)
  assert.is(process.write(new Uint8Array(1), null), 'stdinClosed')
  assert.is(process.stdinBytes, 0)
  assert.throws(() => process.closeStdin())
  assert.throws(() => process.resize({ rows: 1, columns: 1 }))
})

test('terminate kills, and says whether the root was running', () => {
  const { process, child } = new Setup()
  assert.ok(process.terminate())
  assert.is(child.kills, 1)
  child.exit(137)
  // Background children may hold the output: they are killed too.
  assert.not(process.terminate())
  assert.is(child.kills, 2)
  child.end()
  assert.not(process.terminate())
  assert.is(child.kills, 2)
})

test('after terminate a stream that a stray holds is given up once it has been silent', async () => {
  const { process, child, clock, client, limits } = new Setup()
  process.terminate()
  clock.advance(10_000)
  assert.not(child.abandoned, 'the root has not even exited')
  child.exit(137)
  clock.advance(limits.strayQuietMs - 1)
  assert.not(child.abandoned)
  clock.advance(1)
  assert.ok(child.abandoned)
  await settled()
  client.take()
  assert.equal(
    client.events.map(({ method }) => method.slice(8)),
    ['exited', 'closed'],
  )
})

test('a stray that goes on writing is read for a second and no longer', async () => {
  const { process, child, clock, client } = new Setup()
  child.exit(0)
  process.terminate()
  for (let ms = 0; ms < 990; ms += 10) {
    child.output('stdout', '.')
    clock.advance(10)
    client.take()
  }
  assert.not(child.abandoned)
  for (let ms = 0; ms < 200 && !child.abandoned; ms += 10) {
    child.output('stdout', '.')
    clock.advance(10)
    client.take()
  }
  assert.ok(child.abandoned)
  await settled()
  client.take()
  assert.is(client.events.at(-1)?.method, 'process/closed')
  assert.ok(client.output.length >= 99)
})

test('output that waits for a slow client is not given up for the time it waited', () => {
  const { process, child, clock, client } = new Setup()
  child.output('stdout', 'x'.repeat(300_000))
  assert.ok(child.paused)
  // Written before the kill, and still in the pipe.
  child.output('stdout', 'the end')
  process.terminate()
  child.exit(137)
  child.end()
  clock.advance(5099)
  client.take()
  assert.not(child.paused)
  // The pipe is read in a later turn, and a timer may come between.
  clock.advance(1)
  assert.not(child.abandoned)
  child.flow()
  clock.turn()
  client.take()
  assert.ok(client.output.endsWith('the end'))
  assert.is(client.events.at(-1)?.method, 'process/closed')
})

test('to terminate again and again looks after strays once', () => {
  const { process, child, clock } = new Setup()
  child.exit(0)
  clock.turn()
  for (let round = 0; round < 10; round++) process.terminate()
  assert.is(clock.timers, 1)
})

test('a stream that ends by itself after terminate is not abandoned', () => {
  const { process, child, clock } = new Setup()
  process.terminate()
  child.exit(137)
  child.end()
  clock.advance(10_000)
  assert.not(child.abandoned)
  assert.is(clock.timers, 0)
})

test('a grace is a request to end, and a kill when the time is up', () => {
  const { process, child, clock } = new Setup({ stdin: 'pipe' })
  assert.ok(process.terminate(1000))
  assert.equal([child.terminations, child.kills], [1, 0])
  // It may still be told something, such as that it should really quit.
  assert.is(process.write(new Uint8Array(1), null), 'accepted')
  clock.advance(999)
  assert.is(child.kills, 0)
  clock.advance(1)
  assert.equal([child.terminations, child.kills], [1, 1])
  assert.throws(() => process.write(new Uint8Array(1), null))
  child.exit(137)
  child.end()
  clock.advance(1000)
  assert.is(clock.timers, 0)
  assert.is(child.kills, 1)
})

test('a second terminate sets the time anew, asks no second time, and kills at once without a grace', () => {
  const { process, child, clock } = new Setup()
  process.terminate(60_000)
  process.terminate(500)
  assert.equal([child.terminations, clock.timers], [1, 1])
  clock.advance(500)
  assert.is(child.kills, 1)
  process.terminate(500)
  assert.equal([child.terminations, clock.timers], [1, 0], 'it has been killed')
  const other = new Setup()
  other.process.terminate(60_000)
  other.process.terminate()
  assert.equal([other.child.kills, other.clock.timers], [1, 0])
})

test('what a process leaves when it ends within its grace is killed when that is over', () => {
  const { process, child, clock, client } = new Setup()
  process.terminate(1000)
  child.exit(0)
  child.end()
  client.take()
  assert.is(client.events.at(-1)?.method, 'process/closed')
  assert.is(child.kills, 0)
  assert.not(process.terminate(), 'it is over')
  clock.advance(1000)
  assert.is(child.kills, 1)
})

test('what a closed process has left running is ended where a grace is given, and left alone otherwise', () => {
  const { process, child, clock } = new Setup()
  child.exit(0)
  child.end()
  assert.not(process.terminate())
  assert.equal([child.terminations, child.kills], [0, 0])
  assert.not(process.terminate(1000))
  assert.equal([child.terminations, child.kills], [1, 0])
  clock.advance(1000)
  assert.equal([child.terminations, child.kills, clock.timers], [1, 1, 0])
})

test('a process that is let go of within its grace is killed at once, also one that has closed', () => {
  for (const closes of [false, true]) {
    const { process, child, clock } = new Setup()
    process.terminate(1000)
    if (closes) {
      child.exit(0)
      child.end()
    }
    process.dispose()
    assert.is(child.kills, 1)
    clock.advance(5000)
    assert.is(child.kills, 1)
  }
})

test('interrupt reaches a running root only', () => {
  const { process, child } = new Setup()
  process.signal('interrupt')
  assert.equal(child.signals, ['interrupt'])
  child.exit(130)
  process.signal('interrupt')
  assert.equal(child.signals, ['interrupt'])
})

test('input after terminate is an error, input to a closed stdin a status', () => {
  const piped = new Setup({ stdin: 'pipe' })
  assert.is(piped.process.write(new Uint8Array(1), null), 'accepted')
  piped.process.terminate()
  assert.throws(
    () => piped.process.write(new Uint8Array(1), null),
    (error: RpcError) => error.code === ErrorCode.Internal,
  )
  assert.is(new Setup().process.write(new Uint8Array(1), null), 'stdinClosed')
})

test('input that is held back is answered when the process closes', async () => {
  const { process, child } = new Setup({ stdin: 'pipe', limits: { stdinQueue: 4 } })
  process.write(new Uint8Array(4), null)
  const held = process.write(new Uint8Array(4), null)
  child.exit(0)
  child.end()
  assert.is(await held, 'stdinClosed')
})

test('a process that is disposed of is killed, unless it is over, and lets go of all', () => {
  const running = new Setup()
  running.child.output('stdout', 'x')
  running.clock.turn()
  let woken = 0
  running.process.events.watch(() => woken++)
  running.process.dispose()
  running.process.dispose()
  assert.equal([running.child.kills, running.child.abandoned, running.child.forgotten, woken], [1, true, true, 1])
  assert.is(running.budget.total, 0)
  running.child.exit(0)
  running.clock.advance(1000)
  assert.is(running.closings, 0)

  const over = new Setup()
  over.child.exit(0)
  over.child.end()
  over.process.dispose()
  assert.equal([over.child.kills, over.child.abandoned, over.child.forgotten], [0, false, true])
})

test('output that comes after the end of its process counts for nothing', () => {
  const setup = new Setup()
  setup.child.output('stdout', 'in this turn')
  setup.process.dispose()
  setup.process.output('stdout', new Uint8Array(100))
  setup.clock.advance(1000)
  assert.is(setup.budget.total, 0)
  assert.equal(setup.client.events.filter(isOutput), [])
})

test('what ended gives up its output before what runs', () => {
  const budget = new RetainedBudget(10_000)
  const [running, over] = [new Setup({ budget, alone: true }), new Setup({ budget, alone: true })]
  for (const { child, clock } of [running, over]) {
    child.output('stdout', new Uint8Array(4000))
    clock.turn()
  }
  over.child.exit(0)
  over.child.end()
  running.child.output('stdout', new Uint8Array(4000))
  running.clock.turn()
  assert.equal(
    [running, over].map((setup) => setup.read().chunks.length),
    [2, 0],
  )
})

test('evicted output shows as a gap in front of what a read gets', () => {
  const budget = new RetainedBudget(10_000)
  const setup = new Setup({ budget, alone: true, limits: { chunkOverhead: 0 } })
  for (let count = 0; count < 5; count++) {
    setup.child.output('stdout', new Uint8Array(4000))
    setup.clock.turn()
  }
  assert.equal(
    setup.read().chunks.map(({ seq }) => seq),
    [4, 5],
  )
  assert.is(setup.read().nextSeq, 6)
  assert.is(budget.total, 8000)
})

test.run()
