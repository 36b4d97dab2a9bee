import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import type { SpawnSpec } from '../../../src/core/base/host.ts'
import { spawnError } from '../../../src/host/os-error.ts'
import { loginShell } from '../../../src/host/own-user.ts'
import { resolveExecutable } from '../../../src/host/process/resolve-executable.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const spec = (argv: readonly string[], more: Partial<SpawnSpec> = {}): SpawnSpec => ({
  argv: [...argv],
  cwd: '/',
  env: new Map([['PATH', '/usr/bin:/bin']]),
  stdin: 'closed',
  ...more,
})

/** The message that the client gets, and its code. */
function refusal(argv: readonly string[], more?: Partial<SpawnSpec>): string {
  try {
    return resolveExecutable(spec(argv, more)).path
  } catch (error) {
    const { code, message } = spawnError(error)
    assert.is(code, -32603)
    return message
  }
}

const MISSING = 'No such file or directory (os error 2)'

test('a working directory that cannot be used is named as such, before the program', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  const at = (cwd: string): string => refusal(['no-such-program'], { cwd })
  assert.is(at('/Users/me/app'), `working directory /Users/me/app does not exist on this devbox: ${MISSING}`)
  assert.is(
    at(join(folder, 'file')),
    `working directory ${folder}/file is not a directory: Not a directory (os error 20)`,
  )
  assert.match(at(join(folder, 'file/x')), / \(os error 20\)$/)
})

test('a program that is missing is named with where it was looked for', () => {
  assert.is(refusal(['/opt/foo']), `program /opt/foo does not exist on this devbox: ${MISSING}`)
  assert.is(refusal(['./foo'], { cwd: '/usr' }), `program /usr/./foo does not exist on this devbox: ${MISSING}`)
  assert.is(refusal(['no-such']), `program no-such was not found in PATH /usr/bin:/bin: ${MISSING}`)
  assert.is(refusal(['no-such'], { env: new Map() }), `program no-such was not found in PATH /bin:/usr/bin: ${MISSING}`)
})

test('for a shell that is missing, the one that there is is named', () => {
  const hint = `; this devbox's shell is ${loginShell().path}: ${MISSING}`
  assert.is(refusal(['/nowhere/zsh', '-lc', 'ls']), `program /nowhere/zsh does not exist on this devbox${hint}`)
  const env = new Map([['PATH', '/nowhere']])
  assert.is(refusal(['bash', '-lc', 'ls'], { env }), `program bash was not found in PATH /nowhere${hint}`)
})

test('a script names the interpreter that it needs, through other scripts', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'inner'), '#!/nowhere/python3 -u\n', { mode: 0o755 })
  writeFileSync(join(folder, 'outer'), `#!${folder}/inner\n`, { mode: 0o755 })
  const needs = `needs the interpreter /nowhere/python3, which does not exist on this devbox: ${MISSING}`
  assert.is(refusal([join(folder, 'outer')]), `program ${folder}/outer ${needs}`)
  assert.is(refusal(['inner'], { env: new Map([['PATH', folder]]) }), `program ${folder}/inner ${needs}`)
})

test('a program that may not be executed, or has another format, fails otherwise than a missing one', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'directory'))
  writeFileSync(join(folder, 'text'), 'echo\n', { mode: 0o644 })
  for (const name of ['directory', 'text'])
    assert.match(
      refusal([join(folder, name)]),
      /^program \S+ is not a file that may .*: Permission denied \(os error 13\)$/,
    )
  assert.match(refusal(['text'], { env: new Map([['PATH', folder]]) }), /^program text is in PATH .* \(os error 13\)$/)
  chmodSync(join(folder, 'text'), 0o755)
  assert.match(refusal([join(folder, 'text')]), /^program \S+ has a format that .*: Exec format error \(os error 8\)$/)
})

test('a directory that may not be entered is no missing one', () => {
  if (process.getuid?.() === 0) skip('root may enter every directory')
  const folder = join(temporaryFolder(), 'closed')
  mkdirSync(folder, { mode: 0o600 })
  assert.match(refusal(['/bin/sh'], { cwd: folder }), /^working directory \S+ cannot be entered .* \(os error 13\)$/)
})

test('a message is one line of bounded length, whatever the path', () => {
  const message = refusal(['ls'], { cwd: `/nowhere\n\x1b[31m/${'x'.repeat(4000)}` })
  assert.match(
    message,
    /^working directory \/nowhere\\x0a\\x1b\[31m\/x+… does not exist on this devbox: .* \(os error 2\)$/,
  )
  assert.ok(message.length < 500)
  assert.ok(refusal(['no-such'], { env: new Map([['PATH', '/x:'.repeat(4000)]]) }).length < 500)
})

test.run()
