import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

async function setup(answer: unknown = undefined) {
  const fake = fakeServer()
  const calls: { method: string; args: unknown[] }[] = []
  fake.host.serveFile = async (method, args) => {
    calls.push({ method, args })
    return answer
  }
  return { ...fake, calls, client: await MemoryClient.ready(fake.server) }
}

test('what a request leaves out or sets to null is as in the reference: follow, recursive, forced', async () => {
  const { client, calls } = await setup()
  const expected: [string, object, unknown[]][] = [
    ['fs/writeFile', { path: '/a', dataBase64: '' }, ['/a', new Uint8Array(), { followSymlinks: true }]],
    ['fs/createDirectory', { path: '/a' }, ['/a', { recursive: true, followSymlinks: true }]],
    [
      'fs/createDirectory',
      { path: '/a', recursive: null, followSymlinks: null },
      ['/a', { recursive: true, followSymlinks: true }],
    ],
    [
      'fs/createDirectory',
      { path: '/a', recursive: false, followSymlinks: false },
      ['/a', { recursive: false, followSymlinks: false }],
    ],
    ['fs/remove', { path: '/a' }, ['/a', { recursive: true, force: true, followSymlinks: true }]],
    [
      'fs/remove',
      { path: '/a', recursive: false, force: false, followSymlinks: false },
      ['/a', { recursive: false, force: false, followSymlinks: false }],
    ],
    [
      'fs/copy',
      { sourcePath: '/a', destinationPath: 'file:///b%20c', recursive: false },
      ['/a', '/b c', { recursive: false }],
    ],
    [
      'fs/writeFile',
      { path: '/a', dataBase64: 'QUI=', followSymlinks: false },
      ['/a', Uint8Array.of(0x41, 0x42), { followSymlinks: false }],
    ],
  ]
  for (const [method, params, args] of expected) {
    assert.equal((await client.ask(method, params)).result, {}, method)
    const call = calls.at(-1)
    assert.is(`fs/${call?.method}`, method)
    assert.equal(call?.args, args, method)
  }
})

test('look-ups answer with what the host found', async () => {
  const metadata = { isDirectory: false, isFile: true, isSymlink: false, size: 5, createdAtMs: 0, modifiedAtMs: 1 }
  const looked = await setup(metadata)
  assert.equal((await looked.client.ask('fs/getMetadata', { path: '/a', followSymlinks: false })).result, metadata)
  assert.equal(looked.calls[0]?.args, ['/a', { followSymlinks: false }])

  const entries = [{ fileName: 'é', isDirectory: true, isFile: false }]
  assert.equal((await (await setup(entries)).client.ask('fs/readDirectory', { path: '/' })).result, { entries })

  const canonical = await setup('/x y\udcff')
  assert.equal((await canonical.client.ask('fs/canonicalize', { path: '/a' })).result, { path: 'file:///x%20y%FF' })
})

test('a file is read up to the largest that an answer can hold', async () => {
  const { client, calls } = await setup(new TextEncoder().encode('hello'))
  assert.equal((await client.ask('fs/readFile', { path: '/a' })).result, { dataBase64: btoa('hello') })
  const [path, { reserve, ...options }] = calls[0]!.args as [string, { reserve: unknown }]
  assert.equal([path, options], ['/a', { followSymlinks: true, maxBytes: 47 * 1024 * 1024 }])
  assert.type(reserve, 'function')
})

test('data that is not strict base64 is an invalid request, and nothing is written', async () => {
  const { client, calls } = await setup()
  for (const dataBase64 of ['QQ', 'Q!==', ' QQ==', 'QR==', '_-==']) {
    assert.is(
      (await client.ask('fs/writeFile', { path: '/a', dataBase64 })).error?.code,
      ErrorCode.InvalidRequest,
      dataBase64,
    )
  }
  assert.equal(calls, [])
})

test('every call is made under the sandbox that it names, and one that is not understood is refused', async () => {
  const { client, calls, host } = await setup('/')
  const sandbox = {
    permissions: { type: 'managed', file_system: { type: 'restricted', entries: [] }, network: 'enabled' },
    cwd: '/w',
  }
  const requests: [string, object][] = [
    ['fs/readFile', { path: '/a' }],
    ['fs/writeFile', { path: '/a', dataBase64: '' }],
    ['fs/createDirectory', { path: '/a' }],
    ['fs/getMetadata', { path: '/a' }],
    ['fs/readDirectory', { path: '/a' }],
    ['fs/remove', { path: '/a' }],
    ['fs/copy', { sourcePath: '/a', destinationPath: '/b', recursive: true }],
    ['fs/canonicalize', { path: '/a' }],
  ]
  for (const [method, params] of requests) {
    for (const odd of [{}, 'x', { permissions: { type: 'new' } }]) {
      assert.is((await client.ask(method, { ...params, sandbox: odd })).error?.code, ErrorCode.InvalidParams, method)
    }
    assert.equal([calls.length, host.sandboxes.length], [0, 0])
  }
  for (const [method, params] of requests) {
    client.begin(method, { ...params, sandbox })
    await settled()
    assert.equal(host.sandboxes.at(-1), { files: { unrestricted: false, entries: [] }, network: 'enabled', cwd: '/w' })
    client.begin(method, { ...params, sandbox: null })
    await settled()
    assert.is(host.sandboxes.at(-1), undefined)
  }
  assert.is(host.sandboxes.length, 2 * requests.length)
})

test('a sandbox without a word for its workspace gets that of the last command, or of the last look for instructions', async () => {
  const { client, host } = await setup({})
  const sandbox = { sandboxPolicy: { type: 'workspace-write' }, windowsSandboxLevel: 'disabled' }
  await client.ask('fs/remove', { path: '/a', sandbox })
  assert.equal([host.sandboxes.at(-1)?.cwd, host.sandboxes.at(-1)?.cwdImplied], [undefined, true])
  await client.ask('fs/getMetadata', { path: '/repository/AGENTS.md', sandbox: null })
  await client.ask('fs/getMetadata', { path: '/repository/w/AGENTS.override.md', sandbox: null })
  await client.ask('fs/getMetadata', { path: '/elsewhere/AGENTS.md', sandbox })
  await client.ask('fs/getMetadata', { path: '/elsewhere/README.md', sandbox: null })
  await client.ask('fs/remove', { path: '/a', sandbox })
  assert.is(host.sandboxes.at(-1)?.cwd, '/repository/w')
  const argv = [
    '/c/codex-linux-sandbox',
    '--sandbox-policy-cwd',
    '/w',
    '--sandbox-policy',
    '{"type":"read-only"}',
    '--',
    'true',
  ]
  await client.ask('process/start', { processId: 'p', argv, cwd: '/', env: {}, tty: false })
  await client.ask('fs/remove', { path: '/a', sandbox })
  assert.equal([host.sandboxes.at(-1)?.cwd, host.sandboxes.at(-1)?.cwdImplied], ['/w', undefined])
})

test('mutations run one at a time in the order they came, reads between them side by side', async () => {
  const { client, host } = await setup()
  const log: string[] = []
  const running = new Map<string, () => void>()
  host.serveFile = (method, [path]) => {
    log.push(path)
    const { promise, resolve } = Promise.withResolvers<unknown>()
    running.set(path, () => resolve(method === 'canonicalize' ? '/' : undefined))
    return promise
  }
  const write = (path: string): number => client.begin('fs/writeFile', { path, dataBase64: '' })
  const look = (path: string): number => client.begin('fs/canonicalize', { path })
  const finish = async (path: string): Promise<void> => {
    running.get(path)?.()
    await settled()
  }
  for (const [begin, path] of [
    [look, '/r1'],
    [look, '/r2'],
    [write, '/w1'],
    [write, '/w2'],
    [look, '/r3'],
    [look, '/r4'],
  ] as const)
    begin(path)
  await settled()
  assert.equal(log, ['/r1', '/r2'])
  await finish('/r2')
  assert.is(log.length, 2)
  await finish('/r1')
  assert.is(log.at(-1), '/w1')
  await finish('/w1')
  assert.is(log.at(-1), '/w2')
  await finish('/w2')
  assert.equal(log.slice(-2), ['/r3', '/r4'])
})

test('the files of one connection do not wait for those of another', async () => {
  const { client, server, host } = await setup()
  const other = await MemoryClient.ready(server)
  host.serveFile = (_method, [path]) => (path === '/slow' ? new Promise(() => {}) : Promise.resolve(undefined))
  client.begin('fs/remove', { path: '/slow' })
  assert.ok((await other.ask('fs/remove', { path: '/quick' })).result)
})

test.run()
