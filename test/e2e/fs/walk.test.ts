/** fs/walk through a real server, on a real disk. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('fs/walk')
const MAXIMUMS = { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000, followDirectorySymlinks: false }
let server: RunningServer
let client: Client
let root: string

test.before(async () => {
  root = mkdtempSync(join(tmpdir(), 'exec-server-walk-'))
  for (const folder of ['b/x/y/z', 'a/q', 'B', '.h', 'c']) mkdirSync(join(root, folder), { recursive: true })
  for (const file of ['b/1', 'b/x/2', 'b/x/y/3', 'a/q/4', '.h/5', 'é', 'z', 'c/6', 'sp ace'])
    writeFileSync(join(root, file), '')
  symlinkSync('z', join(root, 'link-file'))
  symlinkSync('a', join(root, 'link-dir'))
  symlinkSync('nowhere', join(root, 'dangling'))
  symlinkSync('..', join(root, 'a/up'))
  symlinkSync(join(root, 'b/x'), join(root, 'c/lx'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  server = await startServer()
  client = await Client.connect(server.url)
})
test.after(async () => {
  await client.close()
  await server.stop()
  rmSync(root, { recursive: true })
})

type Walk = { listed: string; truncated: boolean; errors: { path: string; message: string }[] }

async function walk(options: object = {}, below = '', more: object = {}): Promise<Walk> {
  const { entries, errors, truncated } = await client.request('fs/walk', {
    path: `file://${root}${below}`,
    options: { ...MAXIMUMS, ...options },
    ...more,
  })
  const listed = entries.map(
    ({ path, kind }: { path: string; kind: string }) =>
      `${path.replace(`file://${root}/`, '')}${kind === 'directory' ? '/' : ''}`,
  )
  return { listed: listed.join(' '), errors, truncated }
}

const TOP = '.h/ B/ a/ b/ c/ sp%20ace z %C3%A9'
const SECOND = '.h/5 a/q/ b/1 b/x/ c/6'
const ALL = `${TOP} ${SECOND} a/q/4 b/x/2 b/x/y/ b/x/y/3 b/x/y/z/`

test('it goes level by level, by the bytes of the names, and leaves out links, pipes and the root', async () => {
  assert.equal(await walk(), { listed: ALL, errors: [], truncated: false })
})

test('depth is no truncation', async () => {
  assert.equal(await walk({ maxDepth: 0 }), { listed: TOP, errors: [], truncated: false })
  assert.equal(await walk({ maxDepth: 1 }), { listed: `${TOP} ${SECOND}`, errors: [], truncated: false })
})

test('directories count when they are opened, the root first', async () => {
  assert.equal(await walk({ maxDirectories: 1 }), { listed: TOP, errors: [], truncated: true })
  assert.equal(await walk({ maxDirectories: 4 }), { listed: `${TOP} .h/5 a/q/`, errors: [], truncated: true })
  assert.is((await walk({ maxDirectories: 9 })).truncated, true)
  assert.equal(await walk({ maxDirectories: 10 }), { listed: ALL, errors: [], truncated: false })
})

test('every name counts as an entry, listed or not, but links that lead nowhere', async () => {
  assert.equal(await walk({ maxEntries: 2 }), { listed: '.h/ B/', errors: [], truncated: true })
  assert.equal(await walk({ maxEntries: 11 }), { listed: TOP, errors: [], truncated: true })
  assert.equal(await walk({ maxEntries: 19 }), { listed: `${TOP} ${SECOND} a/q/4`, errors: [], truncated: true })
  assert.equal(await walk({ maxEntries: 23 }), { listed: ALL, errors: [], truncated: false })
})

test('links to directories are followed on request, each directory once, so that a loop ends', async () => {
  const { listed, truncated } = await walk({ followDirectorySymlinks: true })
  assert.is(
    listed,
    '.h/ B/ a/ b/ c/ link-dir/ sp%20ace z %C3%A9 .h/5 a/q/ a/up/ b/1 b/x/ c/6 c/lx/ a/q/4 b/x/2 b/x/y/ b/x/y/3 b/x/y/z/',
  )
  assert.is(truncated, false)
})

test('pruneHiddenDirectories lists hidden directories, and links with hidden names, without entering them', async () => {
  assert.equal(await walk({ pruneHiddenDirectories: true }), {
    listed: ALL.replace('.h/5 ', ''),
    errors: [],
    truncated: false,
  })
  assert.is((await walk({ pruneHiddenDirectories: true }, '/.h')).listed, '.h/5')
  // What is not entered does not count as a directory.
  const budget = { pruneHiddenDirectories: true, maxDirectories: 9 }
  assert.equal(await walk(budget), { listed: ALL.replace('.h/5 ', ''), errors: [], truncated: false })
  symlinkSync('../b', join(root, 'c/.hidden-link'))
  symlinkSync('../.h', join(root, 'c/plain-link'))
  try {
    const followed = await walk({ pruneHiddenDirectories: true, followDirectorySymlinks: true, maxDepth: 1 }, '/c')
    assert.is(followed.listed, 'c/.hidden-link/ c/6 c/lx/ c/plain-link/ c/lx/2 c/lx/y/ c/plain-link/5')
  } finally {
    rmSync(join(root, 'c/.hidden-link'))
    rmSync(join(root, 'c/plain-link'))
  }
  for (const value of [null, 'true', 1]) assert.is(await codeOf({ pruneHiddenDirectories: value }), -32602)
})

test('a root that is no directory has nothing below it, and a missing one is an error', async () => {
  const nothing = { listed: '', errors: [], truncated: false }
  assert.equal(await walk({}, '/z'), nothing)
  assert.equal(await walk({}, '/link-dir'), nothing)
  assert.is(
    (await walk({ followDirectorySymlinks: true, maxDepth: 0 }, '/link-dir')).listed,
    'link-dir/q/ link-dir/up/',
  )
  for (const missing of ['/nowhere', '/dangling']) {
    assert.is(
      (await client.ask('fs/walk', { path: `file://${root}${missing}`, options: MAXIMUMS })).error?.code,
      -32004,
    )
  }
})

test('limits that are no limits are refused', async () => {
  const codes = { maxDirectories: 0, maxEntries: 0, maxDepth: 65 }
  for (const [name, value] of Object.entries({ ...codes })) assert.is(await codeOf({ [name]: value }), -32600, name)
  assert.is(await codeOf({ maxDirectories: 10_001 }), -32600)
  assert.is(await codeOf({ maxEntries: 50_001 }), -32600)
  for (const wrong of [
    { maxDepth: -1 },
    { maxDepth: null },
    { maxDepth: 1.5 },
    { maxEntries: '1' },
    { followDirectorySymlinks: null },
  ])
    assert.is(await codeOf(wrong), -32602)
  for (const options of [undefined, null, {}, []])
    assert.is((await client.ask('fs/walk', { path: `file://${root}`, options })).error?.code, -32602)
})

async function codeOf(options: object): Promise<number | undefined> {
  return (await client.ask('fs/walk', { path: `file://${root}`, options: { ...MAXIMUMS, ...options } })).error?.code
}

const cannotMakeBytes = isDeno ? 'file names that are not UTF-8 cannot be reached' : undefined
const skippable = cannotMakeBytes === undefined ? test : test.skip
skippable('a name that is not UTF-8 is returned byte for byte', async () => {
  const folder = join(root, '.h/bytes')
  mkdirSync(folder)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bad`), Buffer.from([0xff])]), '')
  assert.is((await walk({}, '/.h/bytes')).listed, '.h/bytes/bad%FF')
  rmSync(folder, { recursive: true })
})

test('a directory that may not be read is named, and the walk goes on', async () => {
  if (process.getuid?.() === 0) return
  const folder = join(root, 'locked')
  mkdirSync(folder, { mode: 0 })
  const { errors, listed } = await walk()
  assert.equal(errors, [{ path: `file://${folder}`, message: 'Permission denied (os error 13)' }])
  assert.is(listed.split(' ').length, ALL.split(' ').length + 1)
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true })
})

test('a walk of many long names is answered whole', async () => {
  const big = mkdtempSync(join(tmpdir(), 'exec-server-walk-big-'))
  const long = 'n'.repeat(200)
  for (let folder = 0; folder < 4; folder++) {
    mkdirSync(join(big, `${long}${folder}`))
    for (let file = 0; file < 500; file++) writeFileSync(join(big, `${long}${folder}`, `${long}${file}`), '')
  }
  const { entries, truncated } = await client.request('fs/walk', { path: `file://${big}`, options: MAXIMUMS })
  assert.is(entries.length, 2004)
  assert.is(truncated, false)
  rmSync(big, { recursive: true })
})

test.run()
