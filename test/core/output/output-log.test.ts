/** The numbered events of one process, without a process. */
import fc from 'fast-check'
import { Buffer } from 'node:buffer'
import * as assert from 'uvu/assert'
import { jsonText } from '../../support/json-text.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { OutputLog } from '../../../src/core/output/output-log.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import type { OutputStream } from '../../../src/protocol/schemas/process.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Options = { limits?: Partial<Limits>; budget?: RetainedBudget; outputWindow?: number | undefined }
type Read = {
  chunks: { seq: number; stream: OutputStream; chunk: string }[]
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
  droppedBytes?: number
  droppedChunks?: number
}
type Event = {
  method: string
  params: { seq: number; stream?: OutputStream; chunk?: string; exitCode?: number; sandboxDenied?: boolean }
}

function setup({ limits = {}, budget = new RetainedBudget(1e9), outputWindow }: Options = {}) {
  const clock = new ManualClock()
  const { totals } = silentObserver()
  const calls = { chunks: 0 }
  const options = { clock, limits: { ...defaultLimits, ...limits }, budget, totals, outputWindow }
  const log = new OutputLog('p', options, () => calls.chunks++)
  const append = (text: string, stream: OutputStream = 'stdout'): void => log.append(stream, Buffer.from(text))
  /** Appends a chunk of its own. */
  const chunk = (size: number): void => {
    log.append('stdout', new Uint8Array(size))
    log.seal()
  }
  const take = (): Event | undefined => {
    const event = log.takeEvent()
    return event === undefined ? undefined : JSON.parse(jsonText(event.json()))
  }
  const takeAll = (): Event[] => {
    const events: Event[] = []
    for (let event = take(); event !== undefined; event = take()) events.push(event)
    return events
  }
  const read = (afterSeq = 0, maxBytes?: number): Read => JSON.parse(log.read(afterSeq, maxBytes).text)
  const seqs = (): number[] => read().chunks.map(({ seq }) => seq)
  return { clock, totals, calls, log, budget, append, chunk, take, takeAll, read, seqs }
}

test('output, the exit and the close are numbered in the order in which they come, and sent in that order', () => {
  const { log, append, takeAll } = setup()
  append('one')
  append('two', 'stderr')
  log.addExit(3, true)
  append('late')
  log.addClose()
  assert.equal(
    takeAll().map(({ method, params: { chunk, ...rest } }) => [method, { ...rest, text: chunk && atob(chunk) }]),
    [
      ['process/output', { processId: 'p', seq: 1, stream: 'stdout', text: 'one' }],
      ['process/output', { processId: 'p', seq: 2, stream: 'stderr', text: 'two' }],
      ['process/exited', { processId: 'p', seq: 3, exitCode: 3, sandboxDenied: true, text: undefined }],
      ['process/output', { processId: 'p', seq: 4, stream: 'stdout', text: 'late' }],
      ['process/closed', { processId: 'p', seq: 5, text: undefined }],
    ],
  )
})

test('output becomes a chunk at the end of the turn, or earlier when somebody needs it', () => {
  for (const need of ['turn', 'seal', 'read', 'retained', 'addExit'] as const) {
    const { clock, calls, log, append, take, read } = setup()
    append('a')
    append('b')
    assert.is(take(), undefined)
    assert.equal([calls.chunks, log.isSent], [0, true])
    if (need === 'turn') clock.turn()
    else if (need === 'read') read()
    else if (need === 'addExit') log.addExit(0, false)
    else log[need]()
    assert.equal([calls.chunks, log.isSent], [1, false], need)
    assert.is(atob(take()?.params.chunk ?? ''), 'ab')
    clock.turn()
    assert.is(calls.chunks, 1, 'what was taken early does not come again')
  }
})

test('output is counted when it is read and when it is sent', () => {
  const { log, totals, append, takeAll } = setup()
  append('12345')
  assert.equal([log.outputBytes, totals.outputRead, totals.outputSent], [5, 5, 0])
  log.seal()
  takeAll()
  assert.is(totals.outputSent, 5)
})

test('before the exit and the close are numbered nothing tells of them', () => {
  const { log, append, read } = setup()
  assert.equal([log.hasExit, log.isClosed], [false, false])
  append('x')
  const { chunks: _, ...before } = read()
  assert.equal(before, {
    nextSeq: 2,
    exited: false,
    exitCode: null,
    closed: false,
    failure: null,
    sandboxDenied: false,
  } as never)
  log.addExit(7, false)
  assert.equal([log.hasExit, log.isClosed], [true, false])
  assert.equal([read().exited, read().exitCode, read().closed], [true, 7, false])
  log.addClose()
  assert.equal([read().nextSeq, read().closed], [4, true])
})

test('what is skipped is not sent, and still read', () => {
  const { log, append, take, read } = setup()
  append('skipped')
  log.seal()
  log.skipUnsent()
  assert.ok(log.isSent)
  append('sent')
  log.seal()
  assert.not(log.isSent)
  assert.is(atob(take()?.params.chunk ?? ''), 'sent')
  assert.ok(log.isSent)
  assert.is(read().chunks.length, 2)
})

test('unsent bytes above the limit pause a child whose output is awaited, pending ones included', () => {
  const { log, append, take } = setup({ limits: { unsentPerProcess: 10 } })
  append('x'.repeat(10))
  assert.not(log.shouldPause(true))
  append('x')
  assert.equal([log.shouldPause(true), log.shouldPause(false)], [true, false])
  log.seal()
  assert.ok(log.shouldPause(true))
  take()
  assert.not(log.shouldPause(true))
})

test('the number of unsent events pauses only while output is among them', () => {
  const { log, chunk, take } = setup({ limits: { unsentChunks: 0 } })
  assert.not(log.shouldPause(true))
  chunk(1)
  assert.ok(log.shouldPause(true))
  log.addExit(0, false)
  take()
  assert.not(log.shouldPause(true))
})

test('an exhausted budget pauses a child that has unsent output', () => {
  const { log, chunk, take } = setup({ limits: { chunkOverhead: 0 }, budget: new RetainedBudget(10) })
  chunk(11)
  assert.ok(log.shouldPause(true))
  assert.not(log.shouldPause(false))
  take()
  assert.not(log.shouldPause(true))
})

test('a full window pauses whether or not output is awaited, until enough is acknowledged', () => {
  const { log, append, chunk } = setup({ outputWindow: 10 })
  chunk(10)
  log.skipUnsent()
  assert.not(log.shouldPause(false))
  append('x')
  assert.ok(log.shouldPause(false), 'pending output counts')
  log.seal()
  log.acknowledge(0)
  assert.ok(log.shouldPause(false))
  log.acknowledge(1)
  assert.not(log.shouldPause(false))
})

test('the exit counts for no part of a window, and is acknowledged like output', () => {
  const { log, chunk } = setup({ outputWindow: 1000, limits: { unacknowledgedChunks: 1 } })
  chunk(1)
  log.addExit(0, false)
  assert.not(log.shouldPause(false))
  chunk(1)
  assert.ok(log.shouldPause(false))
  log.acknowledge(2)
  assert.not(log.shouldPause(false))
  log.acknowledge(1e9)
  chunk(1)
  assert.not(log.shouldPause(false), 'a number beyond the last one acknowledges nothing that is still to come')
  chunk(1)
  assert.ok(log.shouldPause(false))
})

test('the ring keeps what is unsent or unacknowledged, and drops the oldest of the rest', () => {
  const limits = { retainedPerProcess: 10, chunkOverhead: 0 }
  const sentOnly = setup({ limits })
  for (let count = 0; count < 3; count++) sentOnly.chunk(8)
  assert.equal(sentOnly.seqs(), [1, 2, 3], 'unsent')
  sentOnly.log.skipUnsent()
  sentOnly.chunk(8)
  assert.equal(sentOnly.seqs(), [4])

  const windowed = setup({ limits, outputWindow: 10 })
  for (let count = 0; count < 3; count++) windowed.chunk(8)
  windowed.log.acknowledge(2)
  windowed.chunk(1)
  assert.equal(windowed.seqs(), [1, 2, 3, 4], 'acknowledged, and unsent')
  windowed.log.skipUnsent()
  windowed.chunk(1)
  assert.equal(windowed.seqs(), [3, 4, 5], 'sent, and unacknowledged')
})

test('bytes of a chunk that were handed out stay as they are when more output comes', () => {
  const KiB = 1024
  const limits = { retainedPerProcess: 256 * KiB, retainedEdge: 0 }
  const pattern = (seq: number): Uint8Array => new Uint8Array(64 * KiB).fill(seq)
  const holders: ((log: OutputLog) => Uint8Array[])[] = [
    (log) => (log.read(0, undefined).values() as { chunks: { chunk: Uint8Array }[] }).chunks.map(({ chunk }) => chunk),
    (log) => log.retained().map(({ bytes }) => bytes),
    (log) =>
      log.logs({ position: 0, lastBytes: undefined, sinceMs: 0, maxBytes: 1e9 }).entries.map(({ bytes }) => bytes),
    (log) => [log.after(1)?.bytes ?? new Uint8Array()],
    (log) => [log.ends('stdout')?.head ?? new Uint8Array()],
  ]
  for (const hold of holders) {
    const { log, takeAll } = setup({ limits })
    for (let seq = 1; seq <= 4; seq++) log.append('stdout', pattern(seq))
    const held = hold(log)
    const before = held.map((bytes) => bytes.slice())
    assert.ok(held.length > 0 && held.every(({ length }) => length > 0))
    takeAll()
    for (let seq = 5; seq <= 20; seq++) {
      log.append('stdout', pattern(seq))
      takeAll()
    }
    assert.equal(held, before, `${hold}`)
    assert.equal(
      log.retained().map(({ seq, bytes }) => [seq, bytes.length, bytes.every((byte) => byte === seq)]),
      [17, 18, 19, 20].map((seq) => [seq, 64 * KiB, true]),
    )
  }
})

test('what is written down elsewhere keeps its bytes', () => {
  const { log, takeAll } = setup({ limits: { retainedPerProcess: 1000, retainedEdge: 0 } })
  const written: Uint8Array[] = []
  log.record({ write: ({ bytes }) => void written.push(bytes), isBehind: false })
  for (let seq = 1; seq <= 5; seq++) {
    log.append('stdout', new Uint8Array(64 * 1024).fill(seq))
    takeAll()
  }
  assert.equal(
    written.map((bytes, index) => bytes.length === 64 * 1024 && bytes.every((byte) => byte === index + 1)),
    [true, true, true, true, true],
  )
})

test('the budget drops chunks that were sent and acknowledged, and says what that freed', () => {
  const { log, chunk, take, seqs } = setup({ outputWindow: 1000, limits: { chunkOverhead: 5 } })
  assert.equal([log.dropOldest(), log.dropUnacknowledged(), log.dropAll()], [0, 0, 0], 'there is nothing')
  for (const size of [10, 20, 30, 40]) chunk(size)
  log.acknowledge(1)
  assert.equal([log.dropOldest(), log.dropUnacknowledged()], [0, 0], 'unsent')
  for (let count = 0; count < 3; count++) take()
  assert.is(log.dropOldest(), 15)
  assert.is(log.dropOldest(), 0, 'unacknowledged')
  assert.is(log.dropUnacknowledged(), 25)
  assert.equal(seqs(), [3, 4])
  assert.is(log.dropAll(), 80)
  assert.equal(seqs(), [])
})

test('what a log retains is charged to the budget, which drops closed logs first and forgets those disposed of', () => {
  const budget = new RetainedBudget(100)
  const limits = { chunkOverhead: 10 }
  const [closed, open] = [setup({ budget, limits }), setup({ budget, limits })]
  for (const { log, chunk } of [open, closed]) {
    chunk(30)
    log.skipUnsent()
  }
  assert.is(budget.total, 80)
  closed.log.addClose()
  open.chunk(15)
  assert.equal([closed.seqs(), open.seqs(), budget.total], [[], [1, 2], 65])
  open.append('pending')
  open.log.dispose()
  open.clock.turn()
  assert.equal([budget.total, open.calls.chunks], [0, 2])
})

test('a read has news where there is output or an exit behind the number, and always after the close', () => {
  const { log, chunk } = setup()
  assert.not(log.hasNewsAfter(0))
  chunk(1)
  assert.equal([log.hasNewsAfter(0), log.hasNewsAfter(1)], [true, false])
  log.addExit(0, false)
  assert.equal([log.hasNewsAfter(1), log.hasNewsAfter(2)], [true, false])
  log.addClose()
  assert.ok(log.hasNewsAfter(1e9))
})

test('the estimate of a read is no smaller than its result, and nothing where there is nothing', () => {
  const { log, chunk, read } = setup()
  assert.is(log.readBytes(0), 0)
  for (const size of [1, 2, 3, 1000]) chunk(size)
  const { chunks } = read()
  assert.ok(log.readBytes(0) >= JSON.stringify(chunks).length)
  assert.ok(log.readBytes(0) < 2 * JSON.stringify(chunks).length)
  assert.is(log.readBytes(4), 0)
})

type Step =
  | { write: number; stream: OutputStream }
  | { take: number }
  | { readUpTo: number }
  | 'turn'
  | 'skip'
  | 'exit'
  | 'dropOldest'

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ write: fc.nat(50), stream: fc.constantFrom('stdout' as const, 'stderr' as const) }),
  },
  { weight: 4, arbitrary: fc.record({ take: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ readUpTo: fc.nat(60) }) },
  { weight: 6, arbitrary: fc.constantFrom('turn' as const, 'skip' as const, 'exit' as const, 'dropOldest' as const) },
)

test('no byte is lost or duplicated: each comes once as an event or was skipped, and in reads that acknowledge', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.integer({ min: 1, max: 100 }), (steps, window) => {
      const limits = { chunkBytes: 16, retainedPerProcess: 100, chunksPerProcess: 5 }
      const { clock, log, take, read } = setup({ limits, outputWindow: window })
      const written: number[] = []
      const sent = new Map<number, string>()
      const got = new Map<number, string>()
      let skippedUpTo = 0
      let readSeq = 0
      let letters = 0
      const takeOne = (): boolean => {
        const event = take()
        if (event === undefined) return false
        assert.not(sent.has(event.params.seq), 'sent twice')
        sent.set(event.params.seq, event.params.chunk ?? '')
        return true
      }
      const readOn = (maxBytes: number): void => {
        const { chunks, nextSeq } = read(readSeq, maxBytes)
        for (const { seq, chunk } of chunks) {
          assert.ok(seq > readSeq && !got.has(seq), 'read twice')
          got.set(seq, chunk)
        }
        readSeq = nextSeq - 1
        log.acknowledge(readSeq)
      }
      for (const step of steps) {
        if (step === 'turn') clock.turn()
        else if (step === 'skip') {
          log.skipUnsent()
          skippedUpTo = read().nextSeq - 1
          log.skipUnsent()
        } else if (step === 'exit') {
          if (!log.hasExit) log.addExit(0, false)
        } else if (step === 'dropOldest') log.dropOldest()
        else if ('take' in step) for (let count = 0; count < step.take && takeOne(); count++);
        else if ('readUpTo' in step) readOn(step.readUpTo)
        else {
          const bytes = Uint8Array.from({ length: step.write }, () => letters++ % 251)
          written.push(...bytes)
          log.append(step.stream, bytes)
        }
      }
      log.addClose()
      while (takeOne());
      while (readSeq < read().nextSeq - 1) readOn(1000)
      assert.is(log.outputBytes, written.length)
      const bytesOf = (chunks: string[]): Buffer => Buffer.concat(chunks.map((chunk) => Buffer.from(chunk, 'base64')))
      assert.ok(bytesOf([...got.values()]).equals(Buffer.from(written)), 'reads')
      for (const [seq, chunk] of sent) assert.is(got.get(seq) ?? '', chunk, `event ${seq}`)
      for (const seq of got.keys()) assert.ok(sent.has(seq) || seq <= skippedUpTo, `event ${seq} is missing`)
    }),
    { numRuns: 300 },
  )
})

test('a read that begins before what is kept says how much of the output is gone, and others say nothing of it', () => {
  const { log, chunk, read } = setup({ limits: { retainedPerProcess: 50 } })
  for (const size of [10, 20, 30]) chunk(size)
  assert.is('droppedBytes' in read(), false, 'unsent chunks are kept')
  log.skipUnsent()
  chunk(5)
  const { chunks, droppedBytes, droppedChunks } = read()
  assert.equal([chunks[0]?.seq, droppedBytes, droppedChunks], [3, 30, 2])
  assert.is(read(1).droppedBytes, 30)
  assert.is('droppedBytes' in read(2), false)
  assert.is('droppedChunks' in read(4), false)
})

test('both ends of each stream are kept beyond what a read returns, and are charged', () => {
  const { log, append, read, budget } = setup({ limits: { retainedPerProcess: 16, chunkOverhead: 0 } })
  const write = (text: string, stream: OutputStream): void => {
    append(text, stream)
    log.seal()
    log.skipUnsent()
  }
  write('error', 'stderr')
  for (let count = 0; count < 10; count++) write(`line ${count}\n`, 'stdout')
  const texts = (stream: OutputStream): unknown[] => {
    const ends = log.ends(stream)
    if (ends === undefined) return []
    const { head, tail, totalBytes, droppedBytes } = ends
    return [Buffer.from(head).toString(), Buffer.from(tail).toString(), totalBytes, droppedBytes]
  }
  assert.equal(texts('stderr'), ['error', '', 5, 0])
  assert.equal(texts('stdout'), ['li', 'line 8\nline 9\n', 70, 54])
  assert.equal(texts('pty'), [])
  const inRing = read().chunks.reduce((sum, { chunk }) => sum + Buffer.from(chunk, 'base64').length, 0)
  assert.equal([inRing, budget.total], [14, 14 + 5 + 2])
  log.dispose()
  assert.is(budget.total, 0)
})

test.run()
