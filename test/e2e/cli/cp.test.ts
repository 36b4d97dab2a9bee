/** `exec-server cp`. The devbox is this machine, so that both sides can be looked at. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parsePath } from '../../../src/cli/devbox/cp/cp-arguments.ts'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { eventually, isDeno, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { startPlainRelay } from '../client/support/plain-relay.ts'
import type { PlainRelay } from '../client/support/plain-relay.ts'
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
  assert.equal(parsePath(':~/a'), { isRemote: true, path: '~/a' })
  assert.equal(parsePath(':.'), { isRemote: true, path: '.' })
  assert.equal(parsePath('/a:b'), { isRemote: false, path: '/a:b' })
  assert.equal(parsePath('./:/a'), { isRemote: false, path: './:/a' })
})

test('arguments that cannot be followed exit 2 with one line on stderr', async () => {
  const bad = [[], ['a'], [':/a'], ['a', 'b'], ['a', ':/b', ':/c'], ['a', ':'], ['a', ''], ['--bogus', 'a', ':/b']]
  const outcomes = await Promise.all(bad.map(async (args) => ({ args, ...(await command(['cp', ...args])) })))
  for (const { args, code, stdout, stderr } of outcomes) {
    assert.is(code, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)+$/)
  }
  assert.match((await command(['cp', '--help'])).stdout, /^Usage: exec-server cp /m)
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
test('a file goes there and back, of several blocks', thereAndBack(1_000_001))
test.full('a file goes there and back, empty, small and of many blocks', thereAndBack(0, 1, 30_000_001))

test.full("paths there begin at the home, or at the server's directory", async () => {
  const { url, stop } = await startServer([], { ...process.env, HOME: folder })
  const copy = (...args: string[]) => command(['cp', '--url', url, ...args])
  mkdirSync(at('sub'))
  writeFileSync(at('a'), 'a')
  assert.match((await copy(at('a'), ':~')).stderr, /is the same file/)
  assert.equal(await copy(at('a'), ':~/b'), fine)
  assert.equal(await copy(':~/b', ':~/[a]', at('sub')), fine)
  assert.equal(readdirSync(at('sub')).sort(), ['a', 'b'])
  const here = relative(process.cwd(), at('sub'))
  assert.equal(await copy('-r', `:${here}/.`, at('c')), fine)
  assert.equal(await copy(':./package.json', `:${here}`), fine)
  assert.equal(readdirSync(at('c')).sort(), ['a', 'b'])
  assert.is(readFileSync(at('sub', 'package.json'), 'utf8'), readFileSync('package.json', 'utf8'))
  assert.is((await command(['run', '--url', url, '-w', '~/sub', 'pwd'])).stdout, `${at('sub')}\n`)
  assert.is((await command(['run', '--url', url, '-w', '.', 'pwd'])).stdout, `${process.cwd()}\n`)
  await stop()
})

test.full('what is longer is cut to what replaces it', async () => {
  writeFileSync(at('a'), 'short')
  for (const name of ['b', 'c']) writeFileSync(at(name), 'something longer')
  assert.equal(await call(['cp', '--url', server.url, at('a'), there('b')]), fine)
  assert.equal(await cp(there('a'), at('c')), fine)
  assert.is(readFileSync(at('b'), 'utf8') + readFileSync(at('c'), 'utf8'), 'shortshort')
})

test.full('into a directory things go by their own names, and several go nowhere else', async () => {
  mkdirSync(at('into'))
  for (const name of ['a', 'b']) writeFileSync(at(name), name)
  assert.equal(await cp(at('a'), there('b'), there('into')).then(({ code }) => code), 2)
  assert.equal(await cp(there('a'), there('b'), there('into')), fine)
  assert.is(readFileSync(at('into', 'a'), 'utf8') + readFileSync(at('into', 'b'), 'utf8'), 'ab')
  const { code, stderr } = await cp(at('a'), at('b'), there('nowhere'))
  assert.is(code, 1)
  assert.match(stderr, /^exec-server: [^\n]*nowhere is no directory\n$/)
  assert.is((await cp(at('a'), there('nowhere/'))).code, 1)
  assert.not(existsSync(at('nowhere')))
})

test('a directory goes with all that is in it', async () => {
  makeTree()
  assert.equal(await cp('-r', at('tree'), there('up')), fine)
  assert.equal(treeModes('up'), treeModes('tree'))
  execFileSync('diff', ['-r', '--no-dereference', at('tree'), at('up')])
})

test.full('a directory goes both ways, and on the devbox', async () => {
  makeTree()
  assert.equal(await cp('-r', at('tree'), there('up')), fine)
  assert.equal(await cp('-R', there('up'), at('down')), fine)
  assert.equal(await cp('-r', there('tree'), there('copied')), fine)
  for (const name of ['up', 'down', 'copied']) {
    execFileSync('diff', ['-r', '--no-dereference', at('tree'), at(name)])
    assert.equal(treeModes(name), treeModes('tree'))
  }
  mkdirSync(at('into'))
  assert.equal(await cp('-r', at('tree'), there('into')), fine)
  execFileSync('diff', ['-r', '--no-dereference', at('tree'), at('into', 'tree')])
})

function makeTree(): void {
  mkdirSync(at('tree', 'sub', 'empty'), { recursive: true })
  for (const name of ['a', 'sub/b c', 'sub/ä\n']) writeFileSync(at('tree', name), name)
  writeFileSync(at('tree', 'program'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(at('tree', 'secret'), 'secret', { mode: 0o600 })
  symlinkSync('program', at('tree', 'link'))
  symlinkSync('nowhere', at('tree', 'dangling'))
}

const treeModes = (tree: string): number[] =>
  ['', 'sub', 'sub/empty', 'a', 'program', 'secret'].map((name) => statSync(at(tree, name)).mode)

test.full('what cannot be copied is named with its side and its path, and the rest is copied', async () => {
  mkdirSync(at('tree'))
  writeFileSync(at('tree', 'fine'), 'fine')
  spawnSync('mkfifo', [at('tree', 'fifo')])
  for (const [source, destination, side] of [
    [at('tree'), there('one'), 'on this machine'],
    [there('tree'), at('two'), 'on the devbox'],
    [there('tree'), there('three'), 'on the devbox'],
  ] as const) {
    const words = 'is neither a file, a directory nor a link'
    const stderr = `exec-server: ${side}: ${at('tree', 'fifo')}: ${words}\n`
    assert.equal(await cp('-r', source, destination), { code: 1, stdout: '', stderr })
  }
  for (const name of ['one', 'two', 'three']) assert.is(readFileSync(at(name, 'fine'), 'utf8'), 'fine')
})

test.full('a source that is not there or is a directory is an error, and the others are copied', async () => {
  mkdirSync(at('directory'))
  mkdirSync(at('into'))
  writeFileSync(at('a'), 'a')
  for (const side of [at, there]) {
    const { code, stderr } = await cp(side('nothing'), side('directory'), side('a'), there('into'))
    assert.is(code, 1)
    assert.match(
      stderr,
      /^exec-server: on [^\n]+nothing: No such file or directory\nexec-server: on [^\n]+directory: is a directory; -r copies it\n$/,
    )
    assert.is(readFileSync(at('into', 'a'), 'utf8'), 'a')
    rmSync(at('into', 'a'))
  }
})

test.full('what a signal interrupts leaves nothing, and what was there', async () => {
  for (const [source, destination] of [
    ['/dev/zero', there('target')],
    [':/dev/zero', at('target')],
    [':/dev/zero', there('target')],
  ] as const) {
    writeFileSync(at('target'), 'before')
    const { child, ended, stop } = begin(serverCommand(['cp', '--url', server.url, source, destination]).flat())
    try {
      const temporary = (): string | undefined =>
        readdirSync(folder).find((name) => name.startsWith('.exec-server-cp-'))
      const size = (name: string | undefined): number => (name === undefined ? 0 : statSync(at(name)).size)
      await eventually(() => size(temporary()) > 1_000_000, 20_000, 'some of it')
      child.kill('SIGINT')
      assert.equal(await ended, { code: 130, stdout: '', stderr: '' })
      assert.equal(readdirSync(folder).sort(), ['target'], destination)
      assert.is(readFileSync(at('target'), 'utf8'), 'before')
    } finally {
      stop()
    }
  }
})

test.full('a device that takes no more is no file to remove', async () => {
  writeFileSync(at('a'), pattern(100_000))
  const { code, stderr } = await cp(there('a'), '/dev/full')
  assert.is(code, 1)
  assert.match(
    stderr,
    /^exec-server: on this machine: \/dev\/full: is written where it is: it is no regular file\nexec-server: on this machine: \/dev\/full: No space left on device\n$/,
  )
  assert.ok(existsSync('/dev/full'))
})

test.full('a server that refuses is quoted in one line', async () => {
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
      assert.match(stderr, /exec-server: [^\n]*sandbox[^\n]*\n$/)
    }
    assert.not(existsSync(at('b')))
  } finally {
    await strict.stop()
  }
})

const plain = suite('exec-server cp with a server that has no copy agent')
let relay: PlainRelay
plain.before(async () => {
  server = await startServer()
  command = programRunner()
  relay = await startPlainRelay(server.url)
})
plain.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'cp-'))
})
plain.after.each(() => rmSync(folder, { recursive: true }))

const SLOWER = 'exec-server: this server has no copy agent: the copy is slower, one file at a time, and follows links\n'

plain.full('files go by the methods of the protocol, with their modes', async () => {
  writeFileSync(at('a'), pattern(3_000_001), { mode: 0o640 })
  for (const [source, destination] of [
    [at('a'), there('b')],
    [there('b'), at('c')],
    [there('c'), there('d')],
  ] as const)
    assert.equal(await command(['cp', '--url', relay.url, source, destination]), fine)
  for (const name of ['b', 'c', 'd']) {
    assert.ok(isSame(readFileSync(at(name)), readFileSync(at('a'))), name)
    assert.is(statSync(at(name)).mode & 0o777, 0o640, name)
  }
  assert.equal(readdirSync(folder).sort(), ['a', 'b', 'c', 'd'])
})

plain.full('directories go one file at a time, which is said', async () => {
  makeTree()
  rmSync(at('tree', 'dangling'))
  for (const [source, destination] of [
    [at('tree'), there('up')],
    [there('tree'), at('down')],
  ] as const) {
    assert.equal(await command(['cp', '--url', relay.url, '-r', source, destination]), { ...fine, stderr: SLOWER })
    execFileSync('diff', ['-r', at('tree'), at(source === at('tree') ? 'up' : 'down')])
  }
  for (const name of ['up', 'down']) assert.is(statSync(at(name, 'secret')).mode & 0o777, 0o600)
})

plain.full('what it replaces keeps its mode, and a link to it stays one', async () => {
  writeFileSync(at('a'), 'new')
  writeFileSync(at('target'), 'before', { mode: 0o604 })
  symlinkSync('target', at('link'))
  assert.equal(await command(['cp', '--url', relay.url, at('a'), there('link')]), fine)
  assert.is(readFileSync(at('target'), 'utf8'), 'new')
  assert.is(statSync(at('target')).mode & 0o777, 0o604)
  assert.ok(lstatSync(at('link')).isSymbolicLink())
})

plain.full('what it cannot do is refused', async () => {
  writeFileSync(at('a'), 'a')
  const { code, stderr } = await command(['cp', '--url', relay.url, '-p', at('a'), there('b')])
  assert.equal([code, existsSync(at('b'))], [1, false])
  assert.match(stderr, /^exec-server: this server has no copy agent, which -p and -a need[^\n]*\n$/)
})

plain.full(
  'without a shell on the devbox files are written where they are, and it is said what is missing',
  async () => {
    const bare = await startServer([], { ...process.env, PATH: '/nowhere' })
    const bareRelay = await startPlainRelay(bare.url)
    try {
      for (const name of ['a', 'b']) writeFileSync(at(name), name, { mode: 0o755 })
      const { code, stdout, stderr } = await command(['cp', '--url', bareRelay.url, at('a'), there('up')])
      assert.equal([code, stdout, readFileSync(at('up'), 'utf8')], [0, '', 'a'])
      assert.match(stderr, /^exec-server: the devbox has no shell: [^\n]+\n$/)
      assert.is((await command(['cp', '--url', bareRelay.url, there('b'), at('down')])).code, 0)
      assert.is(readFileSync(at('down'), 'utf8'), 'b')
    } finally {
      bareRelay.close()
      await bare.stop()
    }
  },
)

if (!isDeno)
  test.full('a person who has to wait sees how far it is', async () => {
    if (!hasProgram('tmux')) skip('there is no tmux')
    const screen = openScreen(serverCommand(['cp', '--url', server.url, ':/dev/zero', at('copy')]).flat())
    const line = /^zero +[\d.]+ [kMG]B +[\d.]+ [kMG]B\/s$/m
    await eventually(() => line.test(screen.text()), 20_000, 'the progress')
    screen.keys('C-c')
    await screen.until(/^\[exit code 130\]\n\[terminal as before\]/m)
    assert.not(existsSync(at('copy')))
    screen.end()
  })

test.run()
plain.run()
