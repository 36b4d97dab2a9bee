/** capabilityRoots/discoverV1 as a method: what is asked of the host for each root, and what is answered. */
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { Capabilities, CapabilityBounds, Discovery } from '../../../src/protocol/schemas/capability-roots.ts'
import { invalidRequest } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

const METHOD = 'capabilityRoots/discoverV1'
const NOTHING: Capabilities = { plugin: null, skills: [], namespaceManifests: [], warnings: [] }

async function setup(
  limits: Partial<Limits> = {},
  answer: (root: string, bounds: CapabilityBounds) => Partial<Discovery> = () => ({}),
) {
  const fake = fakeServer(limits)
  const calls: { root: string; bounds: CapabilityBounds }[] = []
  fake.host.serveFile = async (method, [root, bounds]) => {
    if (method !== 'discover') return {}
    calls.push({ root, bounds })
    return { found: NOTHING, left: bounds.left, ...answer(root, bounds) }
  }
  const client = await MemoryClient.ready(fake.server)
  return { ...fake, calls, client, discover: (roots: unknown) => client.ask(METHOD, { roots }) }
}

test('before the handshake it is named as the reference names it', async () => {
  const { server } = fakeServer()
  const client = new MemoryClient(server)
  const { error } = await client.ask(METHOD, { roots: [] })
  assert.equal(error, {
    code: -32600,
    message: 'client must call initialize before using capability discovery methods',
  })
})

test('roots are answered in the order asked, each by the name and the path that it came with', async () => {
  const { discover, calls } = await setup({}, (root) => ({ found: { ...NOTHING, warnings: [root] } }))
  const { result } = await discover([
    { id: 'b', path: 'file:///b/' },
    { id: '', path: 'file:///a[1]' },
    { id: 'b', path: 'file:///b/', sandbox: null },
  ])
  const answer = (id: string, path: string) => ({ id, path, ...NOTHING, warnings: [path], error: null })
  assert.equal(result, { roots: [answer('b', 'file:///b/'), answer('', 'file:///a[1]'), answer('b', 'file:///b/')] })
  assert.equal(
    calls.map(({ root }) => root),
    ['file:///b/', 'file:///a[1]', 'file:///b/'],
  )
  assert.equal((await discover([])).result, { roots: [] })
})

test('a path in a form that no client uses is answered in the usual one', async () => {
  const { discover } = await setup()
  const forms = {
    '/a b': 'file:///a%20b',
    'file:///a b': 'file:///a%20b',
    'file:///x/../a/.': 'file:///a',
    'file:///a//b': 'file:///a/b',
    'file:///a%2Fb': 'file:///a/b',
    'file://localhost/a': 'file:///a',
    'FILE:/a': 'file:///a',
    'file://': 'file:///',
  }
  const { result } = await discover(Object.keys(forms).map((path) => ({ id: '', path })))
  assert.equal(
    result.roots.map(({ path }: { path: string }) => path),
    Object.values(forms),
  )
})

test('params that are wrong are the fault of the whole call', async () => {
  const { client, discover, calls } = await setup()
  const root = { id: 'a', path: 'file:///a' }
  for (const params of [null, {}, { roots: null }, { roots: {} }])
    assert.is((await client.ask(METHOD, params)).error?.code, -32602)
  const wrongPaths = [null, 'a', 'http://a/b', ''].map((path) => ({ ...root, path }))
  for (const wrong of [null, {}, { id: 'a' }, { path: 'file:///a' }, { ...root, id: null }, ...wrongPaths]) {
    assert.is((await discover([root, wrong])).error?.code, -32602, JSON.stringify(wrong))
  }
  for (const path of ['file:///a?b', 'file:///a#b', 'file:///a%00'])
    assert.is((await discover([{ ...root, path }])).error?.code, -32602)
  for (const sandbox of [{}, [], 5, { permissions: {} }])
    assert.is((await discover([{ ...root, sandbox }])).error?.code, -32602)
  assert.equal(calls, [])
})

test('more roots than a call may have are refused', async () => {
  const { discover, calls } = await setup()
  const roots = Array.from({ length: 129 }, () => ({ id: 'a', path: 'file:///a' }))
  assert.is((await discover(roots)).error?.code, -32600)
  assert.is(calls.length, 0)
  assert.is((await discover(roots.slice(1))).result.roots.length, 128)
})

test('each root is looked through in its own sandbox', async () => {
  const { discover, host } = await setup()
  const sandbox = {
    permissions: { type: 'managed', file_system: { type: 'unrestricted' }, network: 'restricted' },
    cwd: 'file:///w',
  }
  await discover([
    { id: 'a', path: 'file:///a', sandbox },
    { id: 'b', path: 'file:///b' },
  ])
  assert.equal(host.sandboxes, [{ files: { unrestricted: true }, network: 'restricted', cwd: '/w' }, undefined])
})

test('what is wrong with a root is its own error: a foreign folder, a missing one, a sandbox that cannot be enforced', async () => {
  const { discover, host, calls } = await setup({}, (root) => {
    if (root === 'file:///none') throw invalidRequest('No such file')
    return {}
  })
  const enforce = host.files.bind(host)
  host.files = (sandbox) => {
    if (sandbox !== undefined) throw invalidRequest('cannot enforce')
    return enforce(sandbox)
  }
  const sandbox = { permissions: { type: 'disabled' } }
  const foreign = ['file:///C:/x', 'file:///c:', 'file://host/x']
  const { result } = await discover([
    ...foreign.map((path) => ({ id: 'f', path })),
    { id: 'n', path: 'file:///none' },
    { id: 's', path: 'file:///s', sandbox },
    { id: 'g', path: 'file:///good' },
  ])
  assert.equal(
    result.roots.map(({ path, error }: { path: string; error: string | null }) => [path, error]),
    [
      ...foreign.map((path) => [path, `capability root ${path}: it is not on this machine`]),
      ['file:///none', 'capability root file:///none: No such file'],
      ['file:///s', 'capability root file:///s: cannot enforce'],
      ['file:///good', null],
    ],
  )
  assert.equal(
    calls.map(({ root }) => root),
    ['file:///none', 'file:///good'],
  )
  assert.equal(Object.keys(result.roots[0]).sort(), [
    'error',
    'id',
    'namespaceManifests',
    'path',
    'plugin',
    'skills',
    'warnings',
  ])
})

test('a root has the bounds of the reference, and what those before it have left of the answer', async () => {
  const { discover, calls } = await setup({}, (_, { left }) => ({
    left: { files: left.files - 1000, warnings: left.warnings - 10 },
  }))
  await discover(['a', 'b', 'c'].map((id) => ({ id, path: `file:///${id}` })))
  const MiB = 1024 * 1024
  assert.equal(calls[0]?.bounds, {
    walk: { maxDepth: 6, maxDirectories: 2000, maxEntries: 20_000 },
    fileBytes: MiB,
    rootBytes: 16 * MiB,
    left: { files: 48 * MiB, warnings: 4 * MiB },
  })
  assert.equal(calls[2]?.bounds.left, { files: 48 * MiB - 2000, warnings: 4 * MiB - 20 })
})

test('it waits for room for its answer, and asks nothing of the host before', async () => {
  const { host, client } = await setup()
  const { capabilityRootBytes, capabilityAnswerBytes, outboundTotal } = defaultLimits
  const running: (() => void)[] = []
  host.serveFile = async (_, [, { left }]) => {
    await new Promise<void>((resolve) => running.push(resolve))
    return { found: NOTHING, left }
  }
  const roots = (count: number) => ({ roots: Array.from({ length: count }, () => ({ id: 'a', path: 'file:///a' })) })
  const fitting = Math.floor(outboundTotal / capabilityRootBytes)
  for (let index = 0; index <= fitting; index++) client.begin(METHOD, roots(1))
  await settled()
  assert.is(running.length, fitting)
  running[0]?.()
  await settled()
  assert.is(running.length, fitting + 1)
  for (const end of running.splice(0)) end()
  await settled()
  // With many roots it is the room of one answer, not that of so many roots.
  for (let index = 0; index < fitting; index++) client.begin(METHOD, roots(128))
  await settled()
  assert.is(running.length, Math.floor(outboundTotal / capabilityAnswerBytes))
})

test('it runs between the mutations around it', async () => {
  const { host, client } = await setup()
  const order: string[] = []
  const gates = new Map<string, () => void>()
  host.serveFile = async (method, [path]) => {
    order.push(`${method} begins`)
    await new Promise<void>((resolve) => gates.set(method === 'discover' ? method : String(path), resolve))
    order.push(`${method} ends`)
    return method === 'discover' ? { found: NOTHING, left: { files: 0, warnings: 0 } } : undefined
  }
  client.begin('fs/createDirectory', { path: 'file:///1' })
  client.begin(METHOD, { roots: [{ id: 'a', path: 'file:///a' }] })
  client.begin('fs/createDirectory', { path: 'file:///2' })
  for (const gate of ['/1', 'discover', '/2']) {
    await settled()
    gates.get(gate)?.()
  }
  await settled()
  assert.equal(
    order,
    ['createDirectory', 'discover', 'createDirectory'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  )
})

test.run()
