/** Writes in the background, to files and pipes. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { writeQueue } from '../../src/base/write-queue.ts'
import { atEnd } from '../support/scope.ts'
import { test } from '../support/suite.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

function temporaryFile(flags = 'w+'): { path: string; fd: number } {
  const folder = mkdtempSync(join(tmpdir(), 'write-queue-'))
  const path = join(folder, 'file')
  const fd = openSync(path, flags)
  atEnd(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })
  return { path, fd }
}

test('pieces are written in order, in one write or many', async () => {
  const { path, fd } = temporaryFile()
  const queue = writeQueue(fd, { room: Infinity })
  const pieces = Array.from({ length: 1000 }, (_, index) => `${index},`)
  for (const piece of pieces) assert.is(queue.push(bytes(piece)), undefined)
  await queue.flush()
  assert.is(readFileSync(path, 'latin1'), pieces.join(''))
  assert.is(queue.written, pieces.join('').length)
  assert.is(queue.flush(), undefined)
})

test('bytes are left out where the file shall have a hole', async () => {
  const { path, fd } = temporaryFile()
  const queue = writeQueue(fd, { room: 0, position: 1 })
  await queue.push(bytes('a'))
  await queue.flush()
  queue.skip(3)
  await queue.push(bytes('b'))
  await queue.flush()
  assert.is(readFileSync(path, 'latin1'), '\0a\0\0\0b')
})

test('a queue that is full says when there is room again', async () => {
  const { fd } = temporaryFile()
  const queue = writeQueue(fd, { room: 10 })
  assert.is(queue.push(new Uint8Array(10)), undefined)
  const room = queue.push(new Uint8Array(1))
  assert.instance(room, Promise)
  await room
  assert.ok(queue.written >= 1)
})

test('a failed write is thrown by what follows, and reported at once', async () => {
  const { path } = temporaryFile()
  const readable = openSync(path, 'r')
  atEnd(() => closeSync(readable))
  const failures: unknown[] = []
  const queue = writeQueue(readable, {
    room: 1,
    failed: ({ code }) => {
      failures.push(code)
      return new Error('no room')
    },
  })
  await queue.push(bytes('some'))
  assert.equal(failures, ['EBADF'])
  assert.throws(() => queue.push(bytes('more')), /no room/)
  assert.throws(() => void queue.flush(), /no room/)
})

test('what waits is dropped, and what is being written can be waited for', async () => {
  const { path, fd } = temporaryFile()
  const queue = writeQueue(fd, { room: 0, position: 0 })
  void queue.push(bytes('first'))
  void queue.push(bytes('second'))
  await queue.cancel()
  assert.is(readFileSync(path, 'latin1'), 'first')
  assert.is(queue.cancel(), undefined)
})

test.run()
