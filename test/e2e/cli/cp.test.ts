/** `exec-server cp`. The devbox is this machine, so that both sides can be looked at. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parsePath } from '../../../src/cli/devbox/cp/cp.ts'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { eventually, isDeno, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { isSame, pattern } from '../client/support/with-client.ts'
import { begin, call } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'

const test = suite('exec-server cp')
let server: RunningServer
let folder: string
let command: ProgramRunner

test.before(async () => {
  server = await startServer()
  command = programRunner()
})
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'cp-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

const cp = (...args: string[]) => command(['cp', '--url', server.url, ...args])
const at = (...names: string[]): string => join(folder, ...names)
const there = (...names: string[]): string => `:${at(...names)}`
const fine = { code: 0, stdout: '', stderr: '' }

test('paths with a colon before them are on the devbox', () => {
  assert.equal(parsePath(':/a'), { isRemote: true, path: '/a' })
  assert.equal(parsePath('/a:b'), { isRemote: false, path: '/a:b' })
  assert.equal(parsePath('./:/a'), { isRemote: false, path: './:/a' })
})

test('arguments that cannot be followed exit 2 with one line on stderr', async () => {
  const bad = [[], ['a'], [':/a'], ['a', 'b'], ['a', 'b', ':/c', 'd'], ['a', ':b'], ['a', ''], ['--bogus', 'a', ':/b']]
  const outcomes = await Promise.all(bad.map(async (args) => ({ args, ...(await command(['cp', ...args])) })))
  for (const { args, code, stdout, stderr } of outcomes) {
    assert.is(code, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^error: [^\n]+\n$/)
  }
  assert.match((await call(['cp', '--help'])).stdout, /^Usage: exec-server cp /m)
})

const thereAndBack =
  (...lengths: number[]) =>
  async (): Promise<void> => {
    for (const length of lengths) {
      const bytes = pattern(length)
      writeFileSync(at('a'), bytes)
      assert.equal(await cp(at('a'), there('b')), fine)
      assert.equal(await cp(there('b'), at('c')), fine)
      assert.equal(await cp(there('c'), there('d')), fine)
      for (const name of ['b', 'c', 'd']) assert.ok(isSame(readFileSync(at(name)), bytes), `${name} of ${length}`)
    }
  }
test('a file goes there and back, empty, and of several blocks', thereAndBack(0, 5_000_001))
test.full('a file goes there and back, empty, small and of many blocks', thereAndBack(0, 1, 30_000_001))

test('what is longer is cut to what replaces it', async () => {
  writeFileSync(at('a'), 'short')
  for (const name of ['b', 'c']) writeFileSync(at(name), 'something longer')
  assert.equal(await call(['cp', '--url', server.url, at('a'), there('b')]), fine)
  assert.equal(await cp(there('a'), at('c')), fine)
  assert.is(readFileSync(at('b'), 'utf8') + readFileSync(at('c'), 'utf8'), 'shortshort')
})

test('into a directory things go by their own names, and several go nowhere else', async () => {
  mkdirSync(at('into'))
  for (const name of ['a', 'b']) writeFileSync(at(name), name)
  assert.equal(await cp(at('a'), there('b'), there('into')), fine)
  assert.is(readFileSync(at('into', 'a'), 'utf8') + readFileSync(at('into', 'b'), 'utf8'), 'ab')
  const { code, stderr } = await cp(at('a'), at('b'), there('nowhere'))
  assert.is(code, 1)
  assert.match(stderr, /^exec-server: [^\n]*nowhere is no directory\n$/)
  assert.is((await cp(at('a'), there('nowhere/'))).code, 1)
  assert.not(existsSync(at('nowhere')))
})

test('a directory goes with all that is in it, both ways', async () => {
  mkdirSync(at('tree', 'sub', 'empty'), { recursive: true })
  for (const name of ['a', 'sub/b c', 'sub/ä\n']) writeFileSync(at('tree', name), name)
  writeFileSync(at('tree', 'program'), '#!/bin/sh\n')
  chmodSync(at('tree', 'program'), 0o755)
  symlinkSync('program', at('tree', 'link'))
  assert.equal(await cp('-r', at('tree'), there('up')), fine)
  assert.equal(await cp('-R', there('up'), at('down')), fine)
  assert.equal(await cp('-r', there('tree'), there('copied')), fine)
  for (const name of ['up', 'down', 'copied']) execFileSync('diff', ['-r', at('tree'), at(name)])
  for (const name of ['up', 'down']) {
    assert.ok(existsSync(at(name, 'sub', 'empty')))
    const modes = ['program', 'link', 'a'].map((each) => (statSync(at(name, each)).mode & 0o111) !== 0)
    assert.equal(modes, [true, true, false])
  }
  mkdirSync(at('into'))
  assert.equal(await cp('-r', at('tree'), there('into')), fine)
  execFileSync('diff', ['-r', at('tree'), at('into', 'tree')])
})

test('what cannot be copied is named, and the rest is copied', async () => {
  mkdirSync(at('tree'))
  writeFileSync(at('tree', 'fine'), 'fine')
  symlinkSync('nowhere', at('tree', 'dangling'))
  symlinkSync('.', at('tree', 'up'))
  spawnSync('mkfifo', [at('tree', 'fifo')])
  for (const [source, destination] of [
    [at('tree'), there('one')],
    [there('tree'), at('two')],
  ] as const) {
    const { code, stderr } = await cp('-r', source, destination)
    assert.is(code, 1)
    // A server does not list links that lead nowhere.
    const isUpload = source === at('tree')
    assert.is(stderr.split('\n').length, isUpload ? 4 : 3, stderr)
    if (isUpload) assert.match(stderr, /dangling is a link that leads nowhere\n/)
    assert.match(stderr, /fifo is neither a file nor a directory\n/)
    assert.match(stderr, /up leads back to /)
  }
  for (const name of ['one', 'two']) assert.is(readFileSync(at(name, 'fine'), 'utf8'), 'fine')
})

test('a source that is not there or is a directory is an error, and the others are copied', async () => {
  mkdirSync(at('directory'))
  mkdirSync(at('into'))
  writeFileSync(at('a'), 'a')
  for (const side of [at, there]) {
    const { code, stderr } = await cp(side('nothing'), side('directory'), side('a'), there('into'))
    assert.is(code, 1)
    assert.match(
      stderr,
      /^exec-server: \S+nothing: No such file or directory\nexec-server: \S+directory is a directory; -r copies it\n$/,
    )
    assert.is(readFileSync(at('into', 'a'), 'utf8'), 'a')
    rmSync(at('into', 'a'))
  }
})

test('a file that breaks off is removed, on either side', async () => {
  for (const [source, destination] of [
    ['/dev/zero', there('up')],
    [there('endless'), at('down')],
  ] as const) {
    // As large as it says, and of no size on the disk.
    if (source !== '/dev/zero') execFileSync('truncate', ['-s', '200G', at('endless')])
    const { child, ended, stop } = begin(serverCommand(['cp', '--url', server.url, source, destination]).flat())
    try {
      const path = destination.replace(/^:/, '')
      await eventually(() => existsSync(path) && statSync(path).size > 1_000_000, 20_000, 'some of it')
      child.kill('SIGINT')
      assert.equal(await ended, { code: 130, stdout: '', stderr: '' })
      assert.not(existsSync(path), path)
    } finally {
      stop()
    }
  }
})

test('a device that takes no more is no file to remove', async () => {
  writeFileSync(at('a'), pattern(100_000))
  const { code, stderr } = await cp(there('a'), '/dev/full')
  assert.is(code, 1)
  assert.match(stderr, /^exec-server: [^\n]+\n$/)
  assert.ok(existsSync('/dev/full'))
})

test('without a shell on the devbox the files are copied, and it is said what is not', async () => {
  const bare = await startServer([], { ...process.env, PATH: '/nowhere' })
  try {
    for (const name of ['a', 'b']) writeFileSync(at(name), name, { mode: 0o755 })
    const { code, stdout, stderr } = await command(['cp', '--url', bare.url, at('a'), there('up')])
    assert.equal([code, stdout, readFileSync(at('up'), 'utf8')], [0, '', 'a'])
    assert.match(stderr, /^exec-server: which files may be executed was not carried over: [^\n]+\n$/)
    assert.is((await command(['cp', '--url', bare.url, there('b'), at('down')])).code, 0)
    assert.is(readFileSync(at('down'), 'utf8'), 'b')
  } finally {
    await bare.stop()
  }
})

test('a server that refuses is quoted in one line', async () => {
  const strict = await startServer(['--require-sandbox'])
  try {
    writeFileSync(at('a'), 'a')
    for (const args of [
      [at('a'), there('b')],
      [there('a'), at('b')],
      [there('a'), there('b')],
    ]) {
      const { code, stderr } = await command(['cp', '--url', strict.url, ...args])
      assert.is(code, 1)
      assert.match(stderr, /^exec-server: [^\n]*sandbox[^\n]*\n$/)
    }
    assert.not(existsSync(at('b')))
  } finally {
    await strict.stop()
  }
})

if (!isDeno)
  test('a person who has to wait sees how far it is', async () => {
    if (!hasProgram('tmux')) skip('there is no tmux')
    execFileSync('truncate', ['-s', '200G', at('endless')])
    const screen = openScreen(serverCommand(['cp', '--url', server.url, there('endless'), at('copy')]).flat())
    await eventually(() => /^endless +\d+% +[\d.]+ MB +[\d.]+ MB\/s$/m.test(screen.text()), 20_000, 'the progress')
    screen.keys('C-c')
    await screen.until(/^\[exit code 130\]\n\[terminal as before\]/m)
    assert.not(existsSync(at('copy')))
    screen.end()
  })

test.run()
