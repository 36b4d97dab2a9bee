/** The C library calls: they are optional, and they work where they are. */
import { spawnSync } from 'node:child_process'
import { closeSync, readFileSync, readlinkSync, readSync, writeFileSync, writeSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { closeDescriptor, closeOnExec, openMemoryFile, openPipe } from '../../../src/host/ffi/libc.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('a pipe carries bytes and is not inherited', () => {
  const pipe = openPipe()
  // Deno's file calls do not know descriptors that it has not made.
  if (isDeno) return assert.is(pipe, undefined)
  assert.ok(pipe)
  const [read, write] = pipe
  assert.match(readlinkSync(`/proc/self/fd/${read}`), /^pipe:/)
  assert.match(readFileSync(`/proc/self/fdinfo/${read}`, 'utf8'), /^flags:\s+02000000$/m)
  assert.match(readFileSync(`/proc/self/fdinfo/${write}`, 'utf8'), /^flags:\s+02000001$/m)
  writeSync(write, 'x')
  assert.is(readSync(read, new Uint8Array(4)), 1)
  const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })
  assert.not.match(stdout, new RegExp(` ${read} ->`))
  closeSync(read)
  closeSync(write)
})

test('a memory file holds what is written to it', () => {
  const fd = openMemoryFile('test')
  assert.ok(fd)
  // By its name: Deno knows only the descriptors that it opened itself.
  writeFileSync(`/proc/self/fd/${fd}`, 'contents')
  assert.is(readFileSync(`/proc/self/fd/${fd}`, 'utf8'), 'contents')
  closeDescriptor(fd)
})

test('a descriptor that is none cannot be kept from children', () => {
  assert.is(closeOnExec(-1), false)
})

test.run()
