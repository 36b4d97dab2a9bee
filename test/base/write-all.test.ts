/** Writes that the operating system takes in parts. */
import { readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { writeAll, writeAllTo } from '../../src/base/write-all.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

const BYTES = new TextEncoder().encode('0123456789')

test('a synchronous write goes on where the one before has stopped', () => {
  const written: string[] = []
  writeAll(7, BYTES, (fd, bytes, at) => {
    written.push(`${fd}:${new TextDecoder().decode(bytes.subarray(at, at + 4))}`)
    return Math.min(4, bytes.length - at)
  })
  assert.equal(written, ['7:0123', '7:4567', '7:89'])
})

/** A file that takes three bytes at a time. */
function slowly(file: FileHandle): FileHandle {
  const write = file.write.bind(file) as (...args: readonly unknown[]) => Promise<{ bytesWritten: number }>
  const short = (bytes: Uint8Array, at: number, length: number, position: number | null): Promise<unknown> =>
    write(bytes, at, Math.min(3, length), position)
  return Object.assign(file, { write: short })
}

test('all bytes are in the file, from the position that is given or else from the current one', async () => {
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, 'abcdefghijklmnop')
  await using file = slowly(await open(path, 'r+'))
  await writeAllTo(file, BYTES, 2)
  assert.is(readFileSync(path, 'utf8'), 'ab0123456789mnop')
  await writeAllTo(file, BYTES)
  await writeAllTo(file, BYTES)
  assert.is(readFileSync(path, 'utf8'), '01234567890123456789')
})

test.run()
