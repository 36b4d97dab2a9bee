/** Directories for this program's own files. */
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { makeDirectories } from '../../src/base/make-directories.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('directories are made for this user alone, and those that are there stay as they are', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'there'), { mode: 0o755 })
  symlinkSync('there', join(folder, 'link'))
  const path = join(folder, 'link', 'one', 'two')
  makeDirectories(path)
  makeDirectories(path)
  const modes = [path, join(path, '..'), join(folder, 'there')].map((made) => statSync(made).mode & 0o777)
  assert.equal(modes, [0o700, 0o700, 0o755])
})

test('below /proc, where the runtime would try without end, it is an error', () => {
  assert.throws(() => makeDirectories('/proc/exec-server/one'), /^ENOENT/)
})

test('a file in the way is an error, and so is a link that leads nowhere', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('nowhere', join(folder, 'link'))
  assert.throws(() => makeDirectories(join(folder, 'file')), /^EEXIST/)
  assert.throws(() => makeDirectories(join(folder, 'file', 'below')), /^ENOTDIR/)
  assert.throws(() => makeDirectories(join(folder, 'link')), /^EEXIST/)
})

test.run()
