/** The file methods through a real server. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'

const test = suite('files')
let server: RunningServer
let client: Client
let folder: string
let counter = 0

test.before(async () => {
  server = await startServer()
  client = await Client.connect(server.url)
})
test.after(async () => {
  await client.close()
  await server.stop()
})
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'exec-server-files-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')
const at = (...names: string[]): string => join(folder, ...names)
const request = (method: string, params: object): Promise<any> => client.request(`fs/${method}`, params)

/** The code, and the system's text at the end of the message. */
async function code(method: string, params: object): Promise<[number | undefined, string | undefined]> {
  const { error } = await client.ask(`fs/${method}`, params)
  return [error?.code, /[^:]+ \(os error \d+\)$/.exec(error?.message ?? '')?.[0].trim() ?? error?.message]
}

const NOT_FOUND = [-32004, 'No such file or directory (os error 2)']

test('a file is written, read and measured, by path and by URI', async () => {
  const data = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 31) % 256))
  assert.equal(await request('writeFile', { path: at('f'), dataBase64: base64(data) }), {})
  assert.ok(readFileSync(at('f')).equals(data))
  for (const path of [at('f'), `file://${at('f')}`, `file:${at('x', '..', 'f')}/`]) {
    assert.ok(Buffer.from((await request('readFile', { path })).dataBase64, 'base64').equals(data))
  }
  const metadata = await request('getMetadata', { path: at('f'), sandbox: null })
  assert.equal(Object.keys(metadata), ['isDirectory', 'isFile', 'isSymlink', 'size', 'createdAtMs', 'modifiedAtMs'])
  assert.equal(
    { ...metadata, createdAtMs: 0 },
    {
      isDirectory: false,
      isFile: true,
      isSymlink: false,
      size: 100_000,
      createdAtMs: 0,
      modifiedAtMs: Math.trunc(statSync(at('f')).mtimeMs),
    },
  )
})

test('writing truncates in place: mode, hard links and symbolic links stay', async () => {
  writeFileSync(at('f'), 'long old content', { mode: 0o750 })
  linkSync(at('f'), at('hard'))
  symlinkSync('f', at('soft'))
  symlinkSync('new', at('dangling'))
  await request('writeFile', { path: at('soft'), dataBase64: base64('new') })
  assert.is(readFileSync(at('hard'), 'utf8'), 'new')
  assert.is(statSync(at('f')).mode & 0o777, 0o750)
  assert.ok(lstatSync(at('soft')).isSymbolicLink())
  await request('writeFile', { path: at('dangling'), dataBase64: base64('made') })
  assert.is(readFileSync(at('new'), 'utf8'), 'made')
})

test("errors have the protocol's codes", async () => {
  mkdirSync(at('d', 'e'), { recursive: true })
  writeFileSync(at('f'), '')
  symlinkSync('loop', at('loop'))
  assert.equal(await code('readFile', { path: at('none') }), NOT_FOUND)
  assert.equal(await code('getMetadata', { path: at('none') }), NOT_FOUND)
  assert.equal(await code('readDirectory', { path: at('none') }), NOT_FOUND)
  assert.equal(await code('canonicalize', { path: at('none') }), NOT_FOUND)
  assert.equal(await code('writeFile', { path: at('none', 'f'), dataBase64: '' }), NOT_FOUND)
  assert.equal(await code('remove', { path: at('none'), force: false }), NOT_FOUND)
  assert.equal(await code('copy', { sourcePath: at('none'), destinationPath: at('x'), recursive: false }), NOT_FOUND)
  assert.equal(await code('createDirectory', { path: at('none', 'x'), recursive: false }), NOT_FOUND)
  assert.is((await code('readFile', { path: at('d') }))[0], -32600)
  assert.equal(await code('writeFile', { path: at('d'), dataBase64: '' }), [-32603, 'Is a directory (os error 21)'])
  assert.equal(await code('createDirectory', { path: at('f') }), [-32603, 'File exists (os error 17)'])
  assert.equal(await code('createDirectory', { path: at('d'), recursive: false }), [
    -32603,
    'File exists (os error 17)',
  ])
  assert.equal(await code('createDirectory', { path: at('f', 'x') }), [-32603, 'Not a directory (os error 20)'])
  assert.equal(await code('readDirectory', { path: at('f') }), [-32603, 'Not a directory (os error 20)'])
  assert.equal(await code('remove', { path: at('d'), recursive: false }), [-32603, 'Directory not empty (os error 39)'])
  assert.equal(await code('remove', { path: at('f', 'x') }), [-32603, 'Not a directory (os error 20)'])
  assert.equal(await code('getMetadata', { path: at('loop') }), [
    -32603,
    'Too many levels of symbolic links (os error 40)',
  ])
  assert.is((await code('remove', { path: '/' }))[0], -32600)
  for (const path of ['relative', '', '~/x', 'http://x/y', 'file:///x?q', 'file:///x#f', 5, null])
    assert.is((await code('readFile', { path }))[0], -32602)
  for (const dataBase64 of ['!', 'YQ', 'YR==', 'YQ==\n', 'Y Q==', '-_8='])
    assert.is((await code('writeFile', { path: at('f'), dataBase64 }))[0], -32600, dataBase64)
})

test('a FIFO hangs nothing: reading, writing and copying refuse it', async () => {
  execFileSync('mkfifo', [at('fifo')])
  writeFileSync(at('f'), 'x')
  assert.is((await code('readFile', { path: at('fifo') }))[0], -32600)
  assert.equal(await code('writeFile', { path: at('fifo'), dataBase64: '' }), [
    -32603,
    'No such device or address (os error 6)',
  ])
  assert.is((await code('copy', { sourcePath: at('fifo'), destinationPath: at('x'), recursive: false }))[0], -32600)
  assert.is((await code('copy', { sourcePath: at('f'), destinationPath: at('fifo'), recursive: false }))[0], -32600)
  const metadata = await request('getMetadata', { path: at('fifo') })
  assert.equal([metadata.isFile, metadata.isDirectory], [false, false])
  assert.equal(await request('remove', { path: at('fifo') }), {})
})

test('files of /proc, which give no size, are read whole', async () => {
  const { dataBase64 } = await request('readFile', { path: '/proc/self/status' })
  assert.match(Buffer.from(dataBase64, 'base64').toString(), /^Name:[^]*nonvoluntary_ctxt_switches/)
})

test.full('a file is read up to what fits a message', async () => {
  execFileSync('truncate', ['-s', '40M', at('fits')])
  assert.is((await request('readFile', { path: at('fits') })).dataBase64.length, Math.ceil((40 * 1024 * 1024) / 3) * 4)
  client.messages.length = 0
})

test('a file that does not fit a message is refused before it is read', async () => {
  execFileSync('truncate', ['-s', '1M', at('fits')])
  execFileSync('truncate', ['-s', '100G', at('huge')])
  assert.is((await request('readFile', { path: at('fits') })).dataBase64.length, Math.ceil((1024 * 1024) / 3) * 4)
  const [number, message] = await code('readFile', { path: at('huge') })
  assert.is(number, -32600)
  assert.match(message as string, /too large .* limit is \d+ bytes/)
})

test('copying a file onto itself is refused and loses nothing', async () => {
  writeFileSync(at('f'), 'precious')
  linkSync(at('f'), at('hard'))
  symlinkSync('f', at('soft'))
  for (const destination of ['f', 'hard', 'soft']) {
    assert.is(
      (await code('copy', { sourcePath: at('f'), destinationPath: at(destination), recursive: false }))[0],
      -32600,
    )
  }
  assert.is(readFileSync(at('f'), 'utf8'), 'precious')
})

test('a tree is copied with its links and modes, merged into what is there, and can be copied again', async () => {
  mkdirSync(at('tree', 'sub'), { recursive: true })
  writeFileSync(at('tree', 'sub', 'f'), 'f')
  chmodSync(at('tree', 'sub', 'f'), 0o711)
  symlinkSync('nowhere', at('tree', 'dangling'))
  execFileSync('mkfifo', [at('tree', 'fifo')])
  mkdirSync(at('copy'))
  writeFileSync(at('copy', 'mine'), 'kept')
  for (let round = 0; round < 2; round++) {
    assert.equal(await request('copy', { sourcePath: at('tree'), destinationPath: at('copy'), recursive: true }), {})
  }
  assert.is(readFileSync(at('copy', 'sub', 'f'), 'utf8'), 'f')
  assert.is(statSync(at('copy', 'sub', 'f')).mode & 0o777, 0o711)
  assert.is(readlinkSync(at('copy', 'dangling')), 'nowhere')
  assert.is(readFileSync(at('copy', 'mine'), 'utf8'), 'kept')
  assert.not(existsSync(at('copy', 'fifo')))
  assert.is((await code('copy', { sourcePath: at('tree'), destinationPath: at('x'), recursive: false }))[0], -32600)
  assert.is((await code('copy', { sourcePath: at('tree'), destinationPath: at('x') }))[0], -32602)
  writeFileSync(at('file'), '')
  assert.equal(await code('copy', { sourcePath: at('tree'), destinationPath: at('file'), recursive: true }), [
    -32603,
    'File exists (os error 17)',
  ])
  assert.equal(await code('copy', { sourcePath: at('file'), destinationPath: at('tree'), recursive: false }), [
    -32603,
    'Is a directory (os error 21)',
  ])
})

test('a directory is not copied into itself, also not through a link', async () => {
  mkdirSync(at('d', 'sub'), { recursive: true })
  symlinkSync('d', at('link'))
  for (const destination of [at('d'), at('d', 'sub'), at('d', 'new', 'deep'), at('link', 'x')]) {
    assert.is(
      (await code('copy', { sourcePath: at('d'), destinationPath: destination, recursive: true }))[0],
      -32600,
      destination,
    )
  }
})

test('links are removed, never followed', async () => {
  mkdirSync(at('d'))
  writeFileSync(at('d', 'f'), '')
  symlinkSync('d', at('link'))
  await request('remove', { path: `${at('link')}/` })
  assert.ok(existsSync(at('d', 'f')))
  await request('remove', { path: at('d') })
  assert.not(existsSync(at('d')))
  assert.equal(await request('remove', { path: at('d') }), {})
})

test('a directory is listed with what its links lead to, without those that lead nowhere', async () => {
  mkdirSync(at('d'))
  writeFileSync(at('.hidden'), '')
  symlinkSync('d', at('to-directory'))
  symlinkSync('nowhere', at('dangling'))
  const { entries } = await request('readDirectory', { path: folder })
  const sorted = entries.sort((a: { fileName: string }, b: { fileName: string }) => (a.fileName < b.fileName ? -1 : 1))
  assert.equal(sorted, [
    { fileName: '.hidden', isDirectory: false, isFile: true },
    { fileName: 'd', isDirectory: true, isFile: false },
    { fileName: 'to-directory', isDirectory: true, isFile: false },
  ])
})

test('canonicalize answers the real path as a URI', async () => {
  mkdirSync(at('sp ace'))
  symlinkSync('sp ace', at('link'))
  assert.equal(await request('canonicalize', { path: at('link') }), { path: `file://${folder}/sp%20ace` })
})

test('names that are not UTF-8 can be reached by URI', async () => {
  if (isDeno) skip("Deno's file calls take paths as text only")
  execFileSync('sh', ['-c', `printf x > "$(printf '${folder}/bad\\377')"`])
  assert.is((await request('readFile', { path: `file://${folder}/bad%FF` })).dataBase64, base64('x'))
  assert.equal(await request('canonicalize', { path: `file://${folder}/bad%FF` }), { path: `file://${folder}/bad%FF` })
})

test('without following, a link anywhere on the path is refused', async () => {
  mkdirSync(at('d'))
  writeFileSync(at('d', 'f'), 'x')
  symlinkSync('d', at('link'))
  symlinkSync('d/f', at('leaf'))
  assert.equal(await code('readFile', { path: at('leaf'), followSymlinks: false }), [
    -32603,
    'Too many levels of symbolic links (os error 40)',
  ])
  assert.equal(await code('readFile', { path: at('link', 'f'), followSymlinks: false }), [
    -32603,
    'Not a directory (os error 20)',
  ])
  assert.equal(await code('writeFile', { path: at('link', 'f'), dataBase64: '', followSymlinks: false }), [
    -32603,
    'Not a directory (os error 20)',
  ])
  assert.is((await code('getMetadata', { path: at('leaf'), followSymlinks: false }))[0], -32600)
  assert.is((await request('readFile', { path: at('d', 'f'), followSymlinks: false })).dataBase64, base64('x'))
})

const ROUNDS = 60

test('pipelined calls take effect in the order they were sent', async () => {
  const asked: Promise<any>[] = []
  const ask = (method: string, params: object): void => void asked.push(client.ask(`fs/${method}`, params))
  for (let index = 0; index < ROUNDS; index++) {
    const path = at(`f${counter++}`)
    ask('writeFile', { path, dataBase64: base64(String(index)) })
    ask('readFile', { path })
    ask('writeFile', { path, dataBase64: base64('again') })
    ask('copy', { sourcePath: path, destinationPath: `${path}-copy`, recursive: false })
    ask('remove', { path })
    ask('getMetadata', { path })
    ask('readFile', { path: `${path}-copy` })
  }
  const answers = await Promise.all(asked)
  for (let index = 0; index < ROUNDS; index++) {
    const [, read, , , , gone, copied] = answers.slice(index * 7, index * 7 + 7)
    assert.is(Buffer.from(read.result.dataBase64, 'base64').toString(), String(index))
    assert.is(gone.error.code, -32004)
    assert.is(Buffer.from(copied.result.dataBase64, 'base64').toString(), 'again')
  }
})

test('a script that was just written can be run in the same breath', async () => {
  const write = client.ask('fs/writeFile', { path: at('script'), dataBase64: base64('#!/bin/sh\necho ran\n') })
  const start = client.ask('process/start', {
    processId: 'fresh',
    argv: ['/bin/sh', at('script')],
    cwd: '/',
    env: {},
    tty: false,
  })
  assert.is((await write).error, undefined)
  assert.is((await start).error, undefined)
  await client.closed('fresh')
  assert.is(client.outputOf('fresh').toString(), 'ran\n')
})

test.run()
