import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { blameFile, readConfig } from '../../../src/cli/config/read-config.ts'
import { serveOptions } from '../../../src/cli/serve/arguments.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

function file(text: string | Uint8Array, mode = 0o600): string {
  const path = join(temporaryFolder(), 'f.toml')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const refusal = (path: string): { message: string; exitCode: number } => {
  try {
    readConfig(path, serveOptions)
  } catch (error) {
    assert.instance(error, UsageError)
    return error as UsageError
  }
  throw new Error(`${path} was accepted`)
}

test('the values of a file come with their lines', () => {
  const path = file('\nmax-sessions = 3\nallow-host = ["a"]\n')
  assert.equal(readConfig(path, serveOptions), {
    file: path,
    values: { 'allow-host': ['a'], 'max-sessions': '3' },
    lines: { 'allow-host': 3, 'max-sessions': 2 },
  })
})

test('a file that others can write is refused with what to do, like other files that the server is given', () => {
  const { message, exitCode } = refusal(file('', 0o666))
  assert.match(message, /^cannot read the configuration .*: .* can be written by .* or by others: chmod go-w /)
  assert.is(exitCode, 1)
})

test('a file that is not there, is a directory, is no text or is too large is refused with the reason', () => {
  assert.match(refusal('/nowhere/f.toml').message, /\/nowhere\/f\.toml: No such file or directory/)
  assert.match(refusal(temporaryFolder()).message, /Is a directory/)
  assert.match(refusal(file(Uint8Array.of(0xff))).message, /utf-8/)
  assert.match(refusal(file('#'.repeat(300_000))).message, /more than 262144 bytes/)
})

test('a wrong value tells its line', () => {
  const path = file('listen = "stdio"\nmax-sessions = "3"\n')
  const { message, exitCode } = refusal(path)
  assert.is(message, `${path}:2: max-sessions takes a whole number, not "3"`)
  assert.is(exitCode, 2)
})

test('what the parser of the command line refuses is traced to the lines that set it', () => {
  const config = {
    file: '/f',
    values: { 'max-sessions': '0', bwrap: 'x' },
    lines: { 'max-sessions': 7, bwrap: undefined },
  }
  const blamed = (message: string, given: readonly string[] = []): string[] => {
    const { message: text, hints } = blameFile(new UsageError(message, 2), config, (key) => given.includes(key))
    return [text, ...hints]
  }
  assert.equal(blamed('--max-sessions takes 1'), ['/f:7: --max-sessions takes 1'])
  assert.equal(blamed('--bwrap takes a path'), ['/f: --bwrap takes a path'])
  assert.equal(blamed('--listen conflicts with `--max-sessions` and --bwrap'), [
    '/f:7: --listen conflicts with `--max-sessions` and --bwrap',
    'bwrap is set in /f',
  ])
  assert.equal(blamed('--max-sessions takes 1', ['max-sessions']), ['--max-sessions takes 1'])
  assert.equal(blamed('something is wrong'), ['something is wrong', '/f sets max-sessions, bwrap'])
})

test.run()
