/** The user that the server runs as. What it is like without one is shown by test/e2e/odd-devboxes. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isShell, loginShell, temporaryDirectory } from '../../src/host/own-user.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

test('a shell is an executable file with an absolute path', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'shell')
  writeFileSync(file, '')
  assert.is(isShell(file), false)
  chmodSync(file, 0o755)
  assert.is(isShell(file), true)
  mkdirSync(join(folder, 'directory'))
  for (const path of [join(folder, 'directory'), join(folder, 'none'), 'sh', '']) assert.is(isShell(path), false, path)
})

test('what only keeps people from logging in is no shell', () => {
  const folder = temporaryFolder()
  for (const name of ['nologin', 'false', 'git-shell']) {
    const file = join(folder, name)
    writeFileSync(file, '', { mode: 0o755 })
    assert.is(isShell(file), false, name)
  }
})

test('there is always a shell and a temporary directory to tell of, with absolute paths', () => {
  assert.match(loginShell().path, /^\/./)
  assert.match(temporaryDirectory(), /^\/./)
})

test.run()
