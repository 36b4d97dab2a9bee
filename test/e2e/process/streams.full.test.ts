/** Files that stay open, with and without a sandbox. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { eventually, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const MiB = 1024 * 1024

/** 2 GiB by hand: EXEC_SERVER_TEST_BYTES=2147483648. */
const LARGE_BYTES = Number(process.env['EXEC_SERVER_TEST_BYTES'] ?? 96 * MiB)

const anonymousBytes = async ({ child }: RunningServer): Promise<number> =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, 'latin1'))?.[1]) * 1024

const canConfine =
  spawnSync('bwrap', [
    '--ro-bind',
    '/',
    '/',
    '--unshare-user',
    '--unshare-pid',
    '--unshare-net',
    '--proc',
    '/proc',
    'true',
  ]).status === 0

for (const confined of [false, true]) {
  const test = suite(`file streams, ${confined ? 'in a sandbox' : 'open'}`)
  const unless = confined && !canConfine
  const passOver = (title: string): void => test.skip(`${title} (no sandbox on this machine)`)
  const row: Pick<typeof test, 'full'> & ((title: string, body: () => Promise<void>) => void) = unless
    ? Object.assign(passOver, { full: passOver })
    : test

  let server: RunningServer
  let client: Client
  let folder: string
  const at = (name: string): string => join(folder, name)
  // Reads under it are not direct, since something is denied.
  const sandbox = () =>
    !confined
      ? null
      : {
          permissions: {
            type: 'managed',
            file_system: {
              type: 'restricted',
              entries: [
                { path: { type: 'special', value: { kind: 'root' } }, access: 'read' },
                { path: { type: 'path', path: at('w') }, access: 'write' },
                { path: { type: 'path', path: at('w/denied') }, access: 'deny' },
              ],
            },
            network: 'restricted',
          },
        }
  const open = (handleId: string, path: string, more: object = {}) =>
    client.ask('fs/open', { handleId, path: at(path), sandbox: sandbox(), ...more })
  const read = (handleId: string, offset: number, len: number) => client.ask('fs/readBlock', { handleId, offset, len })
  const write = (handleId: string, offset: number, text: string) =>
    client.ask('fs/writeBlock', { handleId, offset, chunk: btoa(text) })
  const close = (handleId: string) => client.ask('fs/close', { handleId })
  const descriptors = (): number =>
    readdirSync(`/proc/${server.child.pid}/fd`).filter((fd) => {
      try {
        const path = realpathSync(`/proc/${server.child.pid}/fd/${fd}`)
        // A helper that is kept has the folders that it has mounted held open.
        return path.startsWith(folder) && statSync(path).isFile()
      } catch {
        return false
      }
    }).length

  test.before(async () => {
    if (unless) return
    server = await startServer()
    client = await Client.connect(server.url)
  })
  test.after(async () => {
    if (unless) return
    await client.close()
    await server.stop()
  })
  test.before.each(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'streams-')))
    mkdirSync(at('w/denied'), { recursive: true })
    writeFileSync(at('w/denied/secret'), 'secret')
    writeFileSync(at('w/f'), '0123456789')
    writeFileSync(at('outside'), 'outside')
  })
  test.after.each(() => rmSync(folder, { recursive: true }))

  row('blocks are read at the requested offset, and a short one marks the end', async () => {
    assert.equal((await open('h', 'w/f')).result, { handleId: 'h' })
    assert.equal((await read('h', 2, 3)).result, { chunk: btoa('234'), eof: false })
    assert.equal((await read('h', 0, 10)).result, { chunk: btoa('0123456789'), eof: false })
    assert.equal((await read('h', 10, 5)).result, { chunk: '', eof: true })
    assert.equal((await read('h', 8, 1_048_576)).result, { chunk: btoa('89'), eof: true })
    assert.equal((await read('h', 2 ** 60, 5)).result, { chunk: '', eof: true })
    assert.equal((await close('h')).result, {})
    assert.equal((await close('h')).result, {})
    assert.is((await read('h', 0, 1)).error?.code, -32004)
  })

  row('random offsets and lengths give what the file has there', async () => {
    const data = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 256))
    writeFileSync(at('w/data'), data)
    await open('r', 'w/data')
    await fc.assert(
      fc.asyncProperty(fc.nat(110_000), fc.integer({ min: 1, max: 60_000 }), async (offset, len) => {
        const { result } = await read('r', offset, len)
        const expected = data.subarray(offset, offset + len)
        assert.ok(Buffer.from(result.chunk, 'base64').equals(expected))
        assert.is(result.eof, expected.length < len)
      }),
      { numRuns: 40 },
    )
    await close('r')
  })

  row('an open file stays the file that it was when its path is given to another', async () => {
    await open('h', 'w/f')
    writeFileSync(at('w/new'), 'another')
    renameSync(at('w/new'), at('w/f'))
    assert.equal((await read('h', 0, 4)).result, { chunk: btoa('0123'), eof: false })
    await close('h')
  })

  row('a file is replaced block by block, in any order, gaps being zeros', async () => {
    await open('w', 'w/f', { mode: 'replace' })
    assert.is(readFileSync(at('w/f'), 'utf8'), '')
    assert.equal((await write('w', 5, 'fgh')).result, {})
    assert.equal((await write('w', 1, 'bc')).result, {})
    await close('w')
    assert.is(readFileSync(at('w/f'), 'utf8'), '\0bc\0\0fgh')
    assert.equal((await open('n', 'w/new', { mode: 'replace' })).result, { handleId: 'n' })
    await write('n', 0, 'new')
    await close('n')
    assert.is(readFileSync(at('w/new'), 'utf8'), 'new')
  })

  row('many writes that are sent at once all land, and close comes after them', async () => {
    await open('w', 'w/big', { mode: 'replace' })
    const block = 'x'.repeat(64 * 1024)
    const answers = Promise.all([
      ...Array.from({ length: 64 }, (_, index) => write('w', index * block.length, block)),
      close('w'),
    ])
    assert.equal(
      (await answers).filter(({ error }) => error !== undefined),
      [],
    )
    assert.is(statSync(at('w/big')).size, 64 * block.length)
  })

  const readLarge = async (bytes: number): Promise<void> => {
    const blocks = bytes / MiB
    const block = (index: number): Buffer => Buffer.alloc(MiB, `block ${index}\n`)
    const before = await anonymousBytes(server)
    let most = 0
    /** A few requests at a time, as a client that is in a hurry sends them. */
    const inTurns = async (each: (index: number) => Promise<void>): Promise<void> => {
      for (let first = 0; first < blocks; first += 4) {
        await Promise.all(Array.from({ length: Math.min(4, blocks - first) }, (_, offset) => each(first + offset)))
        most = Math.max(most, await anonymousBytes(server))
        client.messages.length = 0
      }
    }
    await open('w', 'w/large', { mode: 'replace' })
    await inTurns(async (index) =>
      assert.equal(
        (
          await client.ask('fs/writeBlock', {
            handleId: 'w',
            offset: index * MiB,
            chunk: block(index).toString('base64'),
          })
        ).result,
        {},
      ),
    )
    await close('w')
    assert.is(statSync(at('w/large')).size, bytes)
    await open('r', 'w/large')
    await inTurns(async (index) => {
      const { chunk, eof } = (await read('r', index * MiB, MiB)).result
      assert.is(eof, false)
      assert.ok(Buffer.from(chunk, 'base64').equals(block(index)), `block ${index}`)
    })
    await close('r')
    assert.ok(most - before < 64 * MiB, `${(most - before) / MiB} MiB`)
  }

  row('a file of many blocks is written and read', () => readLarge(8 * MiB))
  row.full('a large file is written and read in bounded memory', () => readLarge(LARGE_BYTES))

  row('what is no regular file, is missing, or has no parent is refused at once', async () => {
    spawnSync('mkfifo', [at('w/fifo')])
    assert.is((await open('x', 'w/fifo')).error?.code, -32600)
    assert.is((await open('x', 'w/fifo', { mode: 'replace' })).error?.code, -32603)
    assert.is((await open('x', 'w')).error?.code, -32600)
    assert.is((await open('x', 'w', { mode: 'replace' })).error?.code, -32603)
    assert.is((await open('x', 'w/missing')).error?.code, -32004)
    assert.is((await open('x', 'w/no/parent', { mode: 'replace' })).error?.code, -32004)
    assert.is((await open('x', 'w/f', { mode: 'append' })).error?.code, -32602)
    assert.is(descriptors(), 0)
  })

  row('ids and lengths have their bounds, and a refused block leaves the handle be', async () => {
    assert.is((await open('é'.repeat(17), 'w/f')).error?.code, -32600)
    await open('', 'w/f')
    assert.match((await open('', 'w/f')).error?.message as string, /already exists/)
    for (const len of [0, 1_048_577]) assert.is((await read('', 0, len)).error?.code, -32600)
    assert.is((await client.ask('fs/readBlock', { handleId: '', offset: -1, len: 1 })).error?.code, -32602)
    assert.equal((await read('', 0, 1)).result, { chunk: btoa('0'), eof: false })
    await close('')
  })

  row('a read handle refuses writes, and a write handle reads', async () => {
    await open('r', 'w/f')
    assert.match((await write('r', 0, 'x')).error?.message as string, /os error 9/)
    await open('w', 'w/g', { mode: 'replace' })
    assert.match((await read('w', 0, 1)).error?.message as string, /os error 9/)
    await close('r')
    await close('w')
    assert.is(descriptors(), 0)
  })

  row(
    '128 files are open at most, one after the other as many as one likes, and none after the connection',
    async () => {
      const other = await Client.connect(server.url)
      const ask = (index: number) =>
        other.ask('fs/open', { handleId: `h${index}`, path: at('w/f'), sandbox: sandbox() })
      const answers = await Promise.all(Array.from({ length: 129 }, (_, index) => ask(index)))
      assert.is(answers.filter(({ error }) => error === undefined).length, 128)
      assert.match(answers.find(({ error }) => error !== undefined)?.error?.message as string, /at most 128/)
      assert.is(descriptors(), 128)
      await other.ask('fs/close', { handleId: 'h0' })
      assert.equal((await ask(500)).error, undefined)
      await other.close()
      await eventually(() => descriptors() === 0, 5000, 'no open file')
    },
  )

  if (confined) {
    row('what the sandbox denies is not opened, by no path', async () => {
      symlinkSync('denied/secret', at('w/link'))
      symlinkSync('../outside', at('w/out'))
      assert.ok((await open('x', 'w/denied/secret')).error)
      assert.ok((await open('x', 'w/link')).error)
      assert.match((await open('x', 'outside', { mode: 'replace' })).error?.message as string, /os error 30/)
      assert.match((await open('x', 'w/out', { mode: 'replace' })).error?.message as string, /os error 30/)
      assert.match((await open('x', 'w/.git', { mode: 'replace' })).error?.message as string, /os error 30/)
      symlinkSync('.git', at('w/dangling'))
      assert.match((await open('x', 'w/dangling', { mode: 'replace' })).error?.message as string, /os error 30/)
      assert.not(existsSync(at('w/.git')))
      assert.is(readFileSync(at('outside'), 'utf8'), 'outside')
      assert.equal((await open('o', 'outside')).result, { handleId: 'o' })
      await close('o')
      assert.is(descriptors(), 0)
    })
  }

  test.run()
}
