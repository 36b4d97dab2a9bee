/** The queue of what one connection sends, into a sink that accepts when it is told to. */
import * as assert from 'uvu/assert'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import { Outgoing } from '../../../src/server/transports/outgoing.ts'
import { decode } from '../../support/frame-reader.ts'
import type { Frame } from '../../support/frame-reader.ts'
import { WRITTEN_AT_ONCE_BYTES } from '../../../src/core/base/limits.ts'
import { test } from '../../support/suite.ts'

const MiB = 1024 * 1024

/** Keeps what it is given, and accepts one write at a time when told to. */
function slowSink() {
  const writes: Buffer[] = []
  const waiting: ((error?: Error) => void)[] = []
  let calls = 0
  const outgoing = new Outgoing(
    {
      write: (bytes, done) => {
        writes.push(Buffer.from(bytes))
        waiting.push(done)
      },
    },
    () => calls++,
  )
  return {
    outgoing,
    writes,
    frames: (): Frame[] => decode(Buffer.concat(writes)),
    /** Whether there was a write to accept. */
    accept: (error?: Error): boolean => {
      const done = waiting.shift()
      done?.(error)
      return done !== undefined
    },
    calls: (): number => calls,
  }
}

/** A turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Accepts everything. Returns the largest number of bytes that were written in one turn. */
async function acceptAll({ accept, writes }: ReturnType<typeof slowSink>): Promise<number> {
  let most = 0
  for (let isQuiet = 0; isQuiet < 2; ) {
    const before = writes.length
    const accepted = accept()
    while (accept());
    const bytes = writes.slice(before).reduce((sum, { length }) => sum + length, 0)
    most = Math.max(most, bytes)
    isQuiet = accepted ? 0 : isQuiet + 1
    await turn()
  }
  return most
}

const texts = (frames: readonly Frame[]): string[] => frames.map(({ payload }) => payload.toString())
const large = (bytes: number): RawJson => new RawJson('{"a":"', new Uint8Array(bytes).fill(7), '"}', true)

test('messages of one turn are one write, and those that come while it is under way the next', async () => {
  const sink = slowSink()
  for (const text of ['1', '2', '3']) sink.outgoing.send(text)
  assert.equal(sink.writes, [], 'nothing before the turn is over')
  await turn()
  sink.outgoing.send('4')
  sink.outgoing.send('5')
  await turn()
  assert.is(sink.writes.length, 1)
  sink.accept()
  assert.is(sink.writes.length, 2)
  assert.equal(texts(sink.frames()), ['1', '2', '3', '4', '5'])
})

test('a message with a chunk of output is written down at once, as its memory is used again', async () => {
  const sink = slowSink()
  const bytes = new Uint8Array((WRITTEN_AT_ONCE_BYTES / 4) * 3).fill(7)
  const message = new RawJson('', bytes, '')
  const { text } = message
  assert.is(message.length, WRITTEN_AT_ONCE_BYTES)
  for (let count = 0; count < 5; count++) sink.outgoing.send(message)
  bytes.fill(0)
  await acceptAll(sink)
  assert.equal(texts(sink.frames()), [text, text, text, text, text])
})

test('a large message goes out in fragments, what was sent before it before them, and later ones behind', async () => {
  const sink = slowSink()
  const message = large(3 * MiB)
  const { text } = message
  sink.outgoing.send('before')
  sink.outgoing.send(message)
  sink.outgoing.send('after')
  await turn()
  assert.ok((await acceptAll(sink)) <= 1.3 * MiB, 'others have their turn')
  const frames = sink.frames()
  assert.is(frames[0]?.payload.toString(), 'before')
  assert.is(frames.at(-1)?.payload.toString(), 'after')
  const fragments = frames.slice(1, -1)
  assert.is(Buffer.concat(fragments.map(({ payload }) => payload)).toString(), text)
  assert.ok(fragments.every(({ payload }) => payload.length <= MiB))
  assert.ok(fragments.slice(1).every(({ opcode }) => opcode === 0))
})

test('a large message is encoded no further than the sink takes it', async () => {
  const sink = slowSink()
  const bytes = new Uint8Array(3 * MiB)
  sink.outgoing.send(new RawJson('', bytes, '', true))
  const whole = sink.outgoing.queued
  await turn()
  await turn()
  const [write] = sink.writes
  assert.is(sink.writes.length, 1)
  assert.ok((write as Buffer).length <= MiB)
  assert.ok(whole - sink.outgoing.queued < (write as Buffer).length, 'the rest counts as queued')
  await acceptAll(sink)
  assert.is(sink.outgoing.queued, 0)
  assert.is(bytes.length, 0, 'its memory is freed with its last use')
})

test('each accepted write makes room, and is announced', async () => {
  const sink = slowSink()
  sink.outgoing.send('x'.repeat(1000))
  assert.ok(sink.outgoing.queued >= 1000)
  await turn()
  assert.is(sink.outgoing.queued, 0)
  assert.is(sink.calls(), 0)
  sink.accept()
  assert.is(sink.calls(), 1)
})

test('the end comes once everything has been accepted, and at once where nothing is queued', async () => {
  const sink = slowSink()
  let ended = 0
  sink.outgoing.send('1')
  sink.outgoing.send(large(MiB))
  sink.outgoing.end(() => ended++)
  await turn()
  assert.is(ended, 0)
  await acceptAll(sink)
  assert.is(ended, 1)
  assert.ok(sink.frames().at(-1)?.fin)
  const idle = slowSink()
  idle.outgoing.end(() => ended++)
  assert.is(ended, 2)
})

test('where it is cut off, encoded messages are still written, a large one is dropped, and nothing follows', async () => {
  const sink = slowSink()
  const bytes = new Uint8Array(MiB)
  sink.outgoing.send('1')
  sink.outgoing.send(new RawJson('', bytes, '', true))
  sink.outgoing.send('2')
  sink.outgoing.cutOff()
  sink.outgoing.send('3')
  await acceptAll(sink)
  assert.equal(texts(sink.frames()), ['1'])
  assert.is(bytes.length, 0)
  assert.is(sink.outgoing.queued, 0)
})

test('when the connection is lost in the middle of a message, its memory is freed and nothing is written any more', async () => {
  const sink = slowSink()
  const bytes = new Uint8Array(3 * MiB)
  let isEnded = false
  sink.outgoing.send(new RawJson('', bytes, '', true))
  sink.outgoing.end(() => (isEnded = true))
  await turn()
  sink.accept()
  sink.accept(new Error('EPIPE'))
  await acceptAll(sink)
  assert.is(sink.writes.length, 2)
  assert.is(bytes.length, 0)
  assert.is(sink.outgoing.queued, 0)
  assert.not.ok(isEnded)
})

test.run()
