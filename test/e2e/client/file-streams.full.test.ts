import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/connect.ts'
import {
  DisconnectedError,
  ErrorCode,
  ProtocolError,
  RpcError,
  UnsupportedError,
} from '../../../src/client/base/errors.ts'
import { scrape } from '../../support/prometheus.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { startMisbehavingServer } from './support/misbehaving-server.ts'
import { startProxy } from './support/proxy.ts'
import { sharing } from './support/shared-server.ts'
import { roundTrip } from './support/when-idle.ts'
import { oursOnly, subjects } from './support/subject.ts'
import { failure, isSame, pattern, withClient } from './support/with-client.ts'

const MiB = 1024 * 1024

async function gathered(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())
}

const openFiles = async (url: string): Promise<number> => (await scrape(url))('exec_server_open_file_handles')
const noOpenFiles = (url: string): Promise<void> =>
  eventually(async () => (await openFiles(url)) === 0, 30_000, 'a server without open files')
const asked = async (url: string, method: string): Promise<number> =>
  (await scrape(url))('exec_server_requests_total', `method="${method}"`)
const blocksRead = (url: string): Promise<number> => asked(url, 'fs/readBlock')

for (const subject of subjects.map((each) => sharing(test, each))) {
  const { name, faults } = subject
  const hasBlocks = !faults.has('noBlocks')

  const ofLengths =
    (...lengths: number[]) =>
    (): Promise<void> =>
      withClient(subject, async ({ client: { fs }, folder }) => {
        const path = join(folder, 'f')
        for (const length of lengths) {
          const bytes = pattern(length)
          writeFileSync(path, bytes)
          assert.ok(isSame(await gathered(fs.readStream(path)), bytes), `${length} bytes`)
          const offset = Math.floor(length / 3)
          assert.ok(
            isSame(await gathered(fs.readStream(path, { offset })), bytes.subarray(offset)),
            `${length} bytes from ${offset} on`,
          )
        }
        assert.is((await gathered(fs.readStream(path, { offset: 100 * MiB }))).length, 0)
        assert.throws(
          () => fs.readStream(path, { offset: -1 }),
          (error: Error) => error instanceof RangeError,
        )
      })
  test(
    `${name}: a stream gives what is in the file, whatever its length, and from any offset on`,
    ofLengths(0, MiB, 5 * MiB + 3),
  )
  test.full(
    `${name}: a stream gives what is in the file, around the lengths of blocks`,
    ofLengths(0, 1, MiB - 1, MiB, MiB + 1, 7 * MiB, 7 * MiB + 3),
  )

  test(`${name}: what is written to a stream replaces the file, in pieces of any size`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const path = join(folder, 'f')
      writeFileSync(path, pattern(12 * MiB))
      const bytes = pattern(9 * MiB + 5)
      const writer = fs.writeStream(path).getWriter()
      const piece = new Uint8Array(3 * MiB)
      let at = 0
      for (const size of [1, 2, 3, 100_000, MiB - 7, MiB, 3 * MiB - 1, 17, 2 * MiB, Infinity]) {
        while (at < bytes.length) {
          const part = bytes.subarray(at, Math.min(at + size, at + piece.length))
          piece.set(part)
          at += part.length
          await writer.write(piece.subarray(0, part.length))
          // Whoever writes may use its memory again.
          piece.fill(0)
          if (size !== Infinity) break
        }
      }
      await writer.close()
      assert.ok(isSame(readFileSync(path), bytes))
      await fs.writeStream(path).close()
      assert.is(readFileSync(path).length, 0)
    }))

  test(`${name}: streams can be piped into each other`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const bytes = pattern(5 * MiB + 1)
      writeFileSync(join(folder, 'a'), bytes)
      await fs.readStream(join(folder, 'a')).pipeTo(fs.writeStream(join(folder, 'b')))
      assert.ok(isSame(readFileSync(join(folder, 'b')), bytes))
    }))

  test(`${name}: a file that is not there fails the first read, a place that is not there the first write`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      assert.is((await failure(gathered(fs.readStream(join(folder, 'missing'))))).code, ErrorCode.NotFound)
      const writer = fs.writeStream(join(folder, 'missing', 'f')).getWriter()
      writer.closed.catch(() => {})
      // Without blocks it is the end that writes.
      const writing = hasBlocks
        ? writer.write(new Uint8Array(1))
        : writer.write(new Uint8Array(1)).then(() => writer.close())
      assert.is((await failure(writing)).code, ErrorCode.NotFound)
      assert.is((await failure(fs.writeStream(join(folder, 'missing', 'f')).close())).code, ErrorCode.NotFound)
      assert.instance(await failure(fs.readStream('relative').getReader().read()), TypeError)
    }))

  test(`${name}: 150 streams that are cancelled early leave no file open`, () =>
    withClient(subject, async ({ client: { fs }, folder, url }) => {
      const path = join(folder, 'f')
      writeFileSync(path, pattern(MiB + 1))
      for (let turn = 0; turn < 50; turn++) {
        for await (const bytes of fs.readStream(path)) if (bytes.length > 0) break
        const reader = fs.readStream(path).getReader()
        await reader.read()
        await reader.cancel()
        const controller = new AbortController()
        const aborted = fs.readStream(path, { signal: controller.signal }).getReader()
        await aborted.read()
        controller.abort(new Error('enough'))
        assert.is((await failure(aborted.read())).message, 'enough')
        const writer = fs.writeStream(join(folder, 'g')).getWriter()
        writer.closed.catch(() => {})
        await writer.write(new Uint8Array(1))
        await writer.abort()
      }
      // A server takes 128 open files at most.
      assert.is((await gathered(fs.readStream(path))).length, MiB + 1)
      if (subject.isOurs) await noOpenFiles(url)
    }))

  test(`${name}: an abort ends a stream at once, with its reason`, () =>
    withClient(subject, async ({ client: { fs }, folder }) => {
      const path = join(folder, 'f')
      writeFileSync(path, pattern(3 * MiB))
      const reason = new Error('enough')
      assert.is(await failure(gathered(fs.readStream(path, { signal: AbortSignal.abort(reason) }))), reason)
      const controller = new AbortController()
      const { signal } = controller
      const reader = fs.readStream(path, { signal }).getReader()
      const writer = fs.writeStream(join(folder, 'g'), { signal }).getWriter()
      writer.closed.catch(() => {})
      const reading = failure(reader.read())
      controller.abort(reason)
      assert.is(await reading, reason)
      assert.is(await failure(writer.write(new Uint8Array(1))), reason)
      assert.is(existsSync(join(folder, 'g')), false)
    }))

  if (hasBlocks) {
    test(`${name}: a stream reads the file that it has opened, also when another takes its name`, () =>
      withClient(subject, async ({ client: { fs }, folder }) => {
        const bytes = pattern(8 * MiB)
        writeFileSync(join(folder, 'f'), bytes)
        writeFileSync(join(folder, 'g'), new Uint8Array(8 * MiB))
        const reader = fs.readStream(join(folder, 'f')).getReader()
        await reader.read()
        renameSync(join(folder, 'g'), join(folder, 'f'))
        let total = MiB
        for (let read = await reader.read(); read.done !== true; read = await reader.read()) {
          assert.ok(isSame(read.value, bytes.subarray(total, total + read.value.length)))
          total += read.value.length
        }
        assert.is(total, bytes.length)
      }))

    test(`${name}: streams end with the connection that they were opened on, with the reason, and later ones work`, async () => {
      let cut = (): void => {}
      const via = async (url: string) => {
        const proxy = await startProxy(url)
        cut = () => proxy.cut(1)
        return proxy
      }
      await withClient(
        subject,
        async ({ client, folder }) => {
          const { fs } = client
          const path = join(folder, 'f')
          writeFileSync(path, pattern(8 * MiB))
          const reader = fs.readStream(path).getReader()
          await reader.read()
          const writer = fs.writeStream(join(folder, 'g')).getWriter()
          writer.closed.catch(() => {})
          await writer.write(new Uint8Array(10))
          const written = (): boolean => existsSync(join(folder, 'g')) && readFileSync(join(folder, 'g')).length === 10
          await eventually(written, 30_000, 'both files open')
          cut()
          await eventually(() => client.state !== 'connected')
          await eventually(() => client.state === 'connected')
          const lostReading = await failure(
            (async () => {
              while ((await reader.read()).done !== true);
            })(),
          )
          // A write is told of what failed before it, and the end of everything.
          const lostWriting = await failure(writer.write(new Uint8Array(10)).then(() => writer.close()))
          for (const lost of [lostReading, lostWriting]) {
            assert.instance(lost, DisconnectedError)
            assert.not.match(lost.message, 'went with it')
          }
          assert.is((await gathered(fs.readStream(path))).length, 8 * MiB)
        },
        { via },
      )
    })
  } else {
    test(`${name}: without blocks a stream writes with its end, and takes no more than a message holds`, () =>
      withClient(subject, async ({ client: { fs }, folder }) => {
        const path = join(folder, 'f')
        const writer = fs.writeStream(path).getWriter()
        writer.closed.catch(() => {})
        await writer.write(new Uint8Array(40 * MiB))
        assert.is(existsSync(path), false)
        assert.instance(await failure(writer.write(new Uint8Array(10 * MiB))), UnsupportedError)
        assert.is(existsSync(path), false)
      }))
  }
}

test('nothing is asked for before the first read, then a few blocks at most ahead of the reader', () =>
  withClient(oursOnly, async ({ client, folder, url }) => {
    const { fs } = client
    const path = join(folder, 'f')
    writeFileSync(path, pattern(20 * MiB))
    const reader = fs.readStream(path).getReader()
    await roundTrip(client)
    assert.equal([await asked(url, 'fs/open'), await openFiles(url)], [0, 0])
    for (let read = 1; read <= 10; read++) {
      assert.is((await reader.read()).value?.length, MiB)
      await roundTrip(client)
      assert.ok(
        (await blocksRead(url)) <= read + 4,
        `${await blocksRead(url)} blocks were asked for when ${read} were read`,
      )
    }
    await eventually(async () => (await blocksRead(url)) > 10, 30_000, 'a block ahead of the reader')
    await reader.cancel()
    await noOpenFiles(url)
  }))

test('a small file takes one block', () =>
  withClient(oursOnly, async ({ client: { fs }, folder, url }) => {
    writeFileSync(join(folder, 'f'), 'small')
    assert.is((await gathered(fs.readStream(join(folder, 'f')))).length, 5)
    assert.is(await blocksRead(url), 1)
  }))

test('small pieces that are written while a write is under way are joined', () =>
  withClient(oursOnly, async ({ client: { fs }, folder, url }) => {
    const writer = fs.writeStream(join(folder, 'f')).getWriter()
    const writes = Array.from({ length: 5000 }, () => writer.write(new Uint8Array(100).fill(7)))
    await Promise.all(writes)
    await writer.close()
    assert.is(readFileSync(join(folder, 'f')).filter((byte) => byte === 7).length, 500_000)
    const blocks = await asked(url, 'fs/writeBlock')
    assert.ok(blocks < 1000, `${blocks} writes`)
  }))

test('a piece that was written is on the disk soon, without a further one or an end', () =>
  withClient(oursOnly, async ({ client: { fs }, folder }) => {
    const writer = fs.writeStream(join(folder, 'f')).getWriter()
    for (let piece = 0; piece < 3; piece++) await writer.write(new Uint8Array(1))
    await eventually(() => existsSync(join(folder, 'f')) && readFileSync(join(folder, 'f')).length === 3)
    await writer.close()
  }))

test('a failed write rejects the next one or close, and closes the file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  // A server whose files may have 2 MiB, and that holds two open.
  const script = `trap '' XFSZ; ulimit -f ${(2 * MiB) / 512}; exec "$@"`
  const command = ['sh', '-c', script, 'sh', ...oursOnly.stdioCommand, '--max-open-files', '2']
  try {
    await using client = await connect({ command })
    for (let turn = 0; turn < 5; turn++) {
      const writer = client.fs.writeStream(join(folder, 'f')).getWriter()
      writer.closed.catch(() => {})
      const writing = async (): Promise<void> => {
        for (let piece = 0; piece < 20; piece++) await writer.write(new Uint8Array(MiB))
        await writer.close()
      }
      const error = await failure(writing())
      assert.instance(error, RpcError)
      assert.match(error.message, 'File too large (os error 27)')
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what is no Uint8Array is not written', () =>
  withClient(oursOnly, async ({ client: { fs }, folder, url }) => {
    const writer = (fs.writeStream(join(folder, 'f')) as WritableStream<unknown>).getWriter()
    writer.closed.catch(() => {})
    assert.instance(await failure(writer.write('text')), TypeError)
    await noOpenFiles(url)
  }))

for (const [title, block] of [
  ['shorter than it says', { chunk: btoa('short'), eof: false }],
  ['longer than was asked for', { chunk: new Uint8Array(MiB + 1).toBase64(), eof: false }],
  ['no base64', { chunk: '!', eof: true }],
  ['nothing', null],
] as const) {
  test(`a block that is ${title} is a ProtocolError, and the file is closed`, async () => {
    const asked: string[] = []
    const server = await startMisbehavingServer(({ method }, { answer }) => {
      asked.push(method)
      answer(method === 'fs/readBlock' ? block : {})
    })
    try {
      await using client = await connect(server.url)
      assert.instance(await failure(gathered(client.fs.readStream('/f'))), ProtocolError)
      await eventually(() => asked.includes('fs/close'))
      assert.equal(asked, ['fs/open', 'fs/readBlock', 'fs/close'])
    } finally {
      server.close()
    }
  })
}

test.run()
