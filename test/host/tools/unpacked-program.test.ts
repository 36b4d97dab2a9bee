/** Programs of the executable as files. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { folderName, UnpackedProgram } from '../../../src/host/tools/unpacked-program.ts'
import type { EmbeddedProgram } from '../../../src/host/tools/ripgrep.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const CONTENT = '#!/bin/sh\necho "$1 found"\n'

type Unpacking = { program: UnpackedProgram; path: string; folder: string; reads: () => number }

/** A program that counts how often it is unpacked. */
function unpacking(folder = join(temporaryFolder(), 'own')): Unpacking {
  let reads = 0
  const embedded: EmbeddedProgram = {
    name: 'rg',
    hash: createHash('sha256').update(CONTENT).digest('hex'),
    bytes: () => {
      reads++
      return new TextEncoder().encode(CONTENT)
    },
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return { program: new UnpackedProgram(embedded, folder), path: join(folder, 'rg'), folder, reads: () => reads }
}

test('the program is unpacked once, for its user alone, and can be run', async () => {
  const { program, path, folder, reads } = unpacking()
  await Promise.all([program.provide(), program.provide()])
  await program.provide()
  assert.is(reads(), 1)
  assert.is(statSync(path).mode & 0o777, 0o500)
  assert.equal(readdirSync(folder), ['rg'])
  assert.is(
    spawnSync('rg', ['it'], { env: { PATH: `${folder}:/usr/bin:/bin` }, encoding: 'utf8' }).stdout,
    'it found\n',
  )
})

test('a later server uses it again', async () => {
  const first = unpacking()
  await first.program.provide()
  const second = unpacking(first.folder)
  await second.program.provide()
  assert.is(second.reads(), 0)
})

test('what has been changed meanwhile is replaced', async () => {
  const { program, path, reads } = unpacking()
  await program.provide()
  chmodSync(path, 0o700)
  writeFileSync(path, '#!/bin/sh\necho "$1 other"\n')
  await program.provide()
  assert.is(readFileSync(path, 'utf8'), CONTENT)
  chmodSync(path, 0o722)
  await program.provide()
  assert.is(statSync(path).mode & 0o777, 0o500)
  assert.is(reads(), 3)
})

test('a file that another server has planted under the name is replaced, too', async () => {
  const { program, path, reads } = unpacking()
  writeFileSync(path, CONTENT.replace('found', 'f0und'), { mode: 0o500 })
  await program.provide()
  assert.is(readFileSync(path, 'utf8'), CONTENT)
  assert.is(reads(), 1)
})

test('what a killed server has left half unpacked goes; what is being unpacked stays', async () => {
  const { program, folder } = unpacking()
  for (const name of ['.partial-old', '.partial-new']) writeFileSync(join(folder, name), 'half')
  utimesSync(join(folder, '.partial-old'), 1, 1)
  await program.provide()
  assert.equal(readdirSync(folder).sort(), ['.partial-new', 'rg'])
})

test('a folder that others can write is refused', async () => {
  const { program, folder, reads } = unpacking()
  chmodSync(folder, 0o777)
  const failure = await program.provide().catch((error: Error) => error.message)
  assert.is(failure, `${folder} is not of this user alone`)
  assert.is(reads(), 0)
})

test("a folder's name says what is in it, and needs no quotes", () => {
  assert.is(folderName({ name: 'rg', hash: 'ab'.repeat(32), bytes: () => new Uint8Array() }), 'rg-abababababababab')
})

test.run()
