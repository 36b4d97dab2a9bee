/** Folders for this program's own files. */
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isPrivate, privateFolder, privateParents } from '../../../src/host/tools/private-folder.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('a folder is made for its user alone, with those above it, and used again', () => {
  const parent = join(temporaryFolder(), 'cache', 'exec-server')
  const folder = join(parent, 'rg-1')
  assert.is(privateFolder('rg-1', [parent]), folder)
  assert.is(statSync(folder).mode & 0o777, 0o700)
  assert.is(privateFolder('rg-1', [parent]), folder)
  assert.equal(readdirSync(folder), [])
})

test('what others can read, write or replace is passed over, and so is a link', () => {
  const folder = temporaryFolder()
  const [readable, writable, linked, good] = ['readable', 'writable', 'linked', 'good'].map((name) => {
    mkdirSync(join(folder, name), { mode: 0o700 })
    return join(folder, name)
  }) as [string, string, string, string]
  mkdirSync(join(readable, 'rg-1'))
  chmodSync(join(readable, 'rg-1'), 0o755)
  chmodSync(writable, 0o777)
  mkdirSync(join(folder, 'target'), { mode: 0o700 })
  symlinkSync(join(folder, 'target'), join(linked, 'rg-1'))
  const missing = join(folder, 'file')
  assert.is(privateFolder('rg-1', [readable, writable, linked, missing, good]), join(missing, 'rg-1'))
  assert.is(privateFolder('rg-1', [readable, writable, linked]), undefined)
  assert.not.ok(isPrivate(join(linked, 'rg-1')))
})

test('a parent that cannot be made is passed over', () => {
  const good = join(temporaryFolder(), 'good')
  assert.is(privateFolder('rg-1', ['/proc/exec-server', good]), join(good, 'rg-1'))
})

test('the cache comes first, then the folder of the login, and never the temporary folder', () => {
  const last = `/var/tmp/exec-server-${process.geteuid?.()}`
  assert.equal(privateParents({ XDG_RUNTIME_DIR: '/run/user/7', TMPDIR: '/t' }, '/home/a'), [
    '/home/a/.cache/exec-server',
    '/run/user/7/exec-server',
    last,
  ])
  assert.equal(privateParents({ XDG_CACHE_HOME: '/cache' }, '/home/a'), ['/cache/exec-server', last])
  assert.equal(privateParents({ XDG_CACHE_HOME: 'relative' }, undefined), [last])
})

test.run()
