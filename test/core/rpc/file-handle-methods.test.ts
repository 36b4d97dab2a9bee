/** fs/open, fs/readBlock, fs/writeBlock and fs/close over a connection. */
import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { FakeFile, opening } from '../../support/fakes/fake-file.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

/** Every open is under way until the test ends it. */
async function setup() {
  const fake = fakeServer()
  const files = new Map<string, ReturnType<typeof opening>>()
  fake.host.serveFile = (method, [path]) => {
    assert.is(method, 'open')
    const file = opening()
    files.set(path, file)
    return file.open()
  }
  return { ...fake, files, client: await MemoryClient.ready(fake.server) }
}

for (const mode of ['read', 'replace'] as const) {
  test(`a close that comes while its file is being opened (${mode}) comes behind that, and frees the name`, async () => {
    const { client, files } = await setup()
    const open = client.begin('fs/open', { handleId: 'h', path: '/f', mode })
    const close = client.begin('fs/close', { handleId: 'h' })
    await settled()
    assert.equal([client.answer(open), client.answer(close)], [undefined, undefined])
    const first = files.get('/f')
    first?.succeed()
    await settled()
    assert.equal([client.answer(open)?.result, client.answer(close)?.result], [{ handleId: 'h' }, {}])
    assert.is(first?.file.closes, 1)
    assert.is((await client.ask('fs/readBlock', { handleId: 'h', offset: 0, len: 1 })).error?.code, ErrorCode.NotFound)
    const again = client.begin('fs/open', { handleId: 'h', path: '/other', mode })
    files.get('/other')?.succeed()
    await settled()
    assert.equal(client.answer(again)?.result, { handleId: 'h' })
  })

  test(`a file that is being opened (${mode}) when its client goes is closed as soon as it is open`, async () => {
    const { client, files, host } = await setup()
    client.begin('fs/open', { handleId: 'h', path: '/f', mode })
    client.begin('fs/open', { handleId: 'behind', path: '/behind', mode })
    await settled()
    client.drop()
    for (const path of ['/f', '/behind']) {
      files.get(path)?.succeed()
      await settled()
    }
    assert.equal(
      [...files.values()].map(({ file }) => file.closes),
      [1, 1],
    )
    assert.equal(host.faults, [])
  })
}

test('a file that is opened to be replaced comes behind the calls before it and holds up those after it', async () => {
  const { client, files } = await setup()
  const open = (path: string, mode: 'read' | 'replace'): number =>
    client.begin('fs/open', { handleId: path, path, mode })
  open('/read', 'read')
  open('/beside', 'read')
  open('/replaced', 'replace')
  open('/behind', 'read')
  await settled()
  assert.equal([...files.keys()], ['/read', '/beside'])
  files.get('/beside')?.succeed()
  await settled()
  assert.is(files.size, 2)
  files.get('/read')?.succeed()
  await settled()
  assert.equal([...files.keys()].slice(2), ['/replaced'])
  files.get('/replaced')?.succeed()
  await settled()
  assert.equal([...files.keys()].slice(3), ['/behind'])
})

test('a file is opened under the sandbox that the request names', async () => {
  const { client, host } = await setup()
  const sandbox = {
    permissions: { type: 'managed', file_system: { type: 'restricted', entries: [] }, network: 'enabled' },
    cwd: '/w',
  }
  client.begin('fs/open', { handleId: 'confined', path: '/f', mode: 'read', sandbox })
  client.begin('fs/open', { handleId: 'open', path: '/g', mode: 'read', sandbox: null })
  await settled()
  assert.equal(host.sandboxes, [
    { files: { unrestricted: false, entries: [] }, network: 'enabled', cwd: '/w' },
    undefined,
  ])
})

// ---- blocks ----

/** A client that has a file open, of which a read gives `length` bytes. */
async function opened(mode: 'read' | 'replace', limits: object = {}, length = 0) {
  const fake = fakeServer(limits)
  const file = new FakeFile()
  file.length = length
  fake.host.serveFile = async () => file
  const client = await MemoryClient.ready(fake.server)
  assert.equal((await client.ask('fs/open', { handleId: 'h', path: '/f', mode })).result, { handleId: 'h' })
  return {
    file,
    /** With the offset as it is written in JSON, where numbers have no end. */
    readAt: async (offset: string, len: number) => {
      client.say(`{"id":"r","method":"fs/readBlock","params":{"handleId":"h","offset":${offset},"len":${len}}}`)
      await settled()
      return client.answer('r')
    },
    read: (offset: number, len: number) => client.ask('fs/readBlock', { handleId: 'h', offset, len }),
    write: (offset: number, text: string) => client.ask('fs/writeBlock', { handleId: 'h', offset, chunk: btoa(text) }),
  }
}

test('a block that is read has a byte at least and as many as the limit at most, and a short one is the last', async () => {
  const { file, read } = await opened('read', { fileBlock: 4 }, 3)
  for (const len of [0, 5]) {
    const { error } = await read(0, len)
    assert.equal(
      [error?.code, error?.message],
      [ErrorCode.InvalidRequest, 'file read block length must be between 1 and 4'],
    )
  }
  assert.equal(file.reads, [])
  assert.equal((await read(7, 4)).result, { chunk: btoa('\0\0\0'), eof: true })
  assert.equal((await read(7, 3)).result, { chunk: btoa('\0\0\0'), eof: false })
  assert.equal((await read(9, 1)).result, { chunk: btoa('\0'), eof: false })
  assert.equal(file.reads, [7, 7, 9])
  assert.is(file.closes, 0)
})

test('a block that is written has a byte at least and as many as the limit at most', async () => {
  const { file, write } = await opened('replace', { fileBlock: 4 })
  for (const text of ['', 'abcde']) {
    const { error } = await write(0, text)
    assert.equal(
      [error?.code, error?.message],
      [ErrorCode.InvalidRequest, 'file write block length must be between 1 and 4'],
    )
  }
  assert.equal(file.writes, [])
  assert.equal((await write(5, 'a')).result, {})
  assert.equal((await write(9, 'abcd')).result, {})
  assert.equal(file.writes, ['5: a', '9: abcd'])
})

test('a block that ends where offsets cannot is refused, one where files cannot is empty or too large', async () => {
  const reading = await opened('read', {}, 10)
  const beyondOffsets = (await reading.read(2 ** 63, 1)).error
  assert.equal(
    [beyondOffsets?.code, beyondOffsets?.message],
    [ErrorCode.InvalidRequest, 'Invalid argument (os error 22)'],
  )
  assert.is(reading.file.closes, 1, 'which closes it, as every failure does')
  const beyondFiles = await opened('read', {}, 10)
  assert.equal((await beyondFiles.read(2 ** 62, 1)).result, { chunk: '', eof: true })
  assert.equal((await beyondFiles.read(Number.MAX_SAFE_INTEGER - 2 ** 30 + 1, 1)).result, { chunk: '', eof: true })
  assert.equal(beyondFiles.file.reads, [])
  const lastOfFiles = Number.MAX_SAFE_INTEGER - 2 ** 30
  await beyondFiles.read(lastOfFiles, 1)
  assert.equal(beyondFiles.file.reads, [lastOfFiles])

  // The last offset that there is, and the one behind it.
  const last = await opened('read')
  assert.equal((await last.readAt('9223372036854775806', 1))?.result, { chunk: '', eof: true })
  const behind = await opened('read')
  assert.is((await behind.readAt('9223372036854775806', 2))?.error?.message, 'Invalid argument (os error 22)')

  const { file, write } = await opened('replace')
  const errors = [(await write(2 ** 63, 'x')).error, (await write(2 ** 62, 'x')).error]
  assert.equal(
    errors.map((error) => [error?.code, error?.message]),
    [
      [ErrorCode.InvalidRequest, 'file write range exceeds the signed 64-bit file offset limit'],
      [ErrorCode.Internal, 'File too large (os error 27)'],
    ],
  )
  assert.equal([file.writes, file.closes], [[], 0])
})

test.run()
