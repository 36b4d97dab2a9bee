/** A CODEX_HOME that differs from the user's in environments.toml only. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openPrivateHome } from '../../../../src/cli/devbox/codex/private-home.ts'
import { test } from '../../../support/suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

/** A home with some files, and what the tests look at. */
function homeWith(files: Readonly<Record<string, string>>): { home: string; read(path: string): string } {
  const home = join(temporaryFolder(), 'codex')
  mkdirSync(home)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text)
  return { home, read: (path) => readFileSync(join(home, path), 'utf8') }
}

test('everything but environments.toml is the user’s, and what is written through it stays', () => {
  const { home, read } = homeWith({ 'config.toml': 'a = 1', 'environments.toml': 'theirs', 'other.json': '{}' })
  const opened = openPrivateHome(home, 'ours')
  const at = (name: string): string => join(opened.path, name)
  assert.equal([readFileSync(at('environments.toml'), 'utf8'), read('environments.toml')], ['ours', 'theirs'])
  assert.is(statSync(at('environments.toml')).mode & 0o777, 0o600)
  assert.equal([readFileSync(at('config.toml'), 'utf8'), readFileSync(at('other.json'), 'utf8')], ['a = 1', '{}'])
  writeFileSync(at('auth.json'), 'through a link to nothing')
  writeFileSync(at('sessions/one'), 'a session')
  opened.close()
  assert.equal([read('auth.json'), read('sessions/one')], ['through a link to nothing', 'a session'])
})

test('a new file, a new directory, and a file that has replaced its link go to the user’s home at the end', () => {
  const { home, read } = homeWith({ 'config.toml': 'old' })
  const opened = openPrivateHome(home, 'ours')
  const at = (name: string): string => join(opened.path, name)
  writeFileSync(at('fresh'), 'new')
  renameSync(at('fresh'), at('config.toml'))
  writeFileSync(at('state.json'), 'state')
  mkdirSync(at('cache'))
  writeFileSync(at('cache/one'), 'one')
  writeFileSync(at('auth.lock'), '')
  opened.close()
  assert.equal([read('config.toml'), read('state.json'), read('cache/one')], ['new', 'state', 'one'])
  assert.not.ok(existsSync(join(home, 'auth.lock')))
  assert.is(readFileSync(at('cache/one'), 'utf8'), 'one')
})

test('what a run that was killed has left is taken over by the next', () => {
  const { home, read } = homeWith({})
  writeFileSync(join(openPrivateHome(home, 'ours').path, 'state.json'), 'state')
  openPrivateHome(home, 'ours').close()
  assert.is(read('state.json'), 'state')
})

test('who logs out in it is logged out', () => {
  const { home } = homeWith({ 'auth.json': 'key' })
  const opened = openPrivateHome(home, 'ours')
  rmSync(join(opened.path, 'auth.json'))
  opened.close()
  assert.not.ok(existsSync(join(home, 'auth.json')))
})

test('two devboxes have homes of their own', () => {
  const { home } = homeWith({})
  assert.is.not(openPrivateHome(home, 'one').path, openPrivateHome(home, 'two').path)
})

test.run()
