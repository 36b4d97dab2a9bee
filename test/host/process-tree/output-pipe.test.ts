/** Reading pipes through shared memory. */
import { Buffer } from 'node:buffer'
import { closeSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { openPipe } from '../../../src/host/ffi/libc.ts'
import { openOutputPipe } from '../../../src/host/process-tree/output-pipe.ts'
import { startProcess, untilClosed } from '../../../src/host/process-tree/start-process.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('each of many processes gets its own output, of which nothing is lost or mixed up', async () => {
  const BYTES = 1_000_000
  const outputs = Array.from('abcdefgh', (letter) => ({ letter, stdout: '', stderr: '' }))
  const children = outputs.map((output) => {
    const zeros = `head -c ${BYTES} /dev/zero | tr '\\0'`
    const script = `${zeros} ${output.letter} & ${zeros} ${output.letter.toUpperCase()} >&2 & wait`
    return startProcess({
      file: '/bin/sh',
      args: ['-c', script],
      cwd: '/',
      env: new Map([['PATH', '/usr/bin:/bin']]),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      onOutput: (stream, bytes) => (output[stream] += new TextDecoder().decode(bytes)),
    })
  })
  await Promise.all(children.map(untilClosed))
  for (const { letter, stdout, stderr } of outputs) {
    assert.ok(stdout === letter.repeat(BYTES), letter)
    assert.ok(stderr === letter.toUpperCase().repeat(BYTES), letter.toUpperCase())
  }
})

const onNode = isDeno ? test.skip : test

onNode('a pipe that is paused is not read, and goes on where it was', async () => {
  const [read, write] = openPipe() ?? []
  assert.ok(read !== undefined && write !== undefined)
  let text = ''
  const { promise: first, resolve } = Promise.withResolvers<void>()
  const pipe = openOutputPipe(read, (bytes) => {
    text += new TextDecoder().decode(bytes)
    pipe.pause()
    resolve()
  })
  const closed = new Promise<void>((close) => void pipe.once('close', () => close()))
  writeSync(write, 'x'.repeat(100_000))
  await first
  assert.is(text.length, 64 * 1024)
  writeSync(write, 'y')
  closeSync(write)
  pipe.on('pause', () => queueMicrotask(() => pipe.resume()))
  pipe.resume()
  await closed
  assert.is(text, `${'x'.repeat(100_000)}y`)
})

onNode('pipes that are flooded share the turns of the event loop, and none is left out', async () => {
  const KiB = 1024
  const seen = new Map<number, number>()
  const open = Array.from({ length: 20 }, (_, index) => {
    const [read, write] = openPipe() ?? []
    assert.ok(read !== undefined && write !== undefined)
    writeSync(write, Buffer.alloc(256 * KiB))
    closeSync(write)
    const pipe = openOutputPipe(read, ({ length }) => {
      turn += length
      seen.set(index, (seen.get(index) ?? 0) + length)
    })
    return new Promise<void>((close) => void pipe.once('close', () => close()))
  })
  let [turn, most, isOver] = [0, 0, false]
  const watching = (async () => {
    for (; !isOver; turn = 0) {
      await setImmediate()
      most = Math.max(most, turn)
    }
  })()
  await Promise.all(open)
  isOver = true
  await watching
  assert.equal([...new Set(seen.values())], [256 * KiB])
  assert.is(seen.size, 20)
  // In the first turn each is read once, and one more often. Without turns each would be read to its end then.
  assert.ok(most <= (20 * 64 + 256) * KiB, `${most / KiB} KiB`)
})

test.run()
