/** fs/watchMissing through a real server, on a real disk. */
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('fs/watchMissing')
let server: RunningServer
test.before(async () => void (server = await startServer()))
test.after(async () => void (await server.stop()))

type Scene = {
  client: Client
  root: string
  watch(id: number, missing: string[], present?: string | null): Promise<boolean>
  told(): number[]
  /** Settles when everything has been told that there was to tell: a change that comes after it all has been told of. */
  settle(): Promise<void>
}

async function inScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const root = temporaryFolder('exec-server-watch-')
  mkdirSync(join(root, 'present'))
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'file'), '')
  const [client, other] = [await Client.connect(server.url), await Client.connect(server.url)]
  let fences = 0
  const uri = (path: string): string => (path.includes(':') ? path : `file://${join(root, path)}`)
  try {
    await run({
      client,
      root,
      watch: async (watchId, missing, present = null) => {
        const { watching } = await client.request('fs/watchMissing', {
          watchId,
          missing: missing.map(uri),
          present: present && uri(present),
        })
        return watching
      },
      told: () =>
        client.notifications
          .filter(({ method }) => method === 'fs/missingChanged')
          .map(({ params }) => Number(params['watchId'])),
      settle: async () => {
        const watchId = ++fences
        const name = `fence-${watchId}`
        assert.is(
          (await other.request('fs/watchMissing', { watchId, missing: [uri(name)], present: null })).watching,
          true,
        )
        writeFileSync(join(root, name), '')
        await other.until(() => other.notifications.some(({ params }) => params['watchId'] === watchId))
        await client.request('environment/status', null)
      },
    })
  } finally {
    await client.close()
    await other.close()
  }
}

const CHANGES: [string, string[], string | null, (root: string) => void][] = [
  ['a missing file appears', ['x'], null, (root) => writeFileSync(join(root, 'x'), '')],
  ['one of several appears', ['w', 'a/b/x'], null, (root) => writeFileSync(join(root, 'a/b/x'), '')],
  ['a link that leads nowhere appears', ['x'], null, (root) => symlinkSync('nowhere', join(root, 'x'))],
  ['a file is moved to the place', ['x'], null, (root) => renameSync(join(root, 'file'), join(root, 'x'))],
  ['a directory on the way appears', ['p/q/x'], null, (root) => mkdirSync(join(root, 'p'))],
  ['the directory is removed', ['a/b/x'], null, (root) => rmSync(join(root, 'a/b'), { recursive: true })],
  ['a directory far above is moved away', ['a/b/x'], null, (root) => renameSync(join(root, 'a'), join(root, 'z'))],
  ['what is present is removed', ['x'], 'present', (root) => rmSync(join(root, 'present'), { recursive: true })],
  ['what is present is renamed', ['x'], 'present', (root) => renameSync(join(root, 'present'), join(root, 'z'))],
  ['what is present gets another mode', ['x'], 'present', (root) => chmodSync(join(root, 'present'), 0o700)],
  ['what is present gets another date', ['x'], 'present', (root) => utimesSync(join(root, 'present'), 1, 1)],
  ['a file that is present is written', ['x'], 'file', (root) => writeFileSync(join(root, 'file'), 'text')],
  ['a name that is not ASCII appears', ['ü%20%25'], null, (root) => writeFileSync(join(root, 'ü %'), '')],
]
for (const [title, missing, present, change] of CHANGES) {
  test(`one notification is sent when ${title}`, () =>
    inScene(async ({ client, root, watch, told, settle }) => {
      assert.is(await watch(1, missing, present), true)
      change(root)
      await client.until(() => told().length > 0)
      writeFileSync(join(root, 'another'), '')
      await settle()
      assert.equal(told(), [1])
    }))
}

const NO_CHANGES: [string, string[], string | null, (root: string) => void][] = [
  ['a sibling appears', ['x'], null, (root) => writeFileSync(join(root, 'y'), '')],
  ['something appears in what is present', ['x'], 'present', (root) => writeFileSync(join(root, 'present/y'), '')],
  ['a file beside it is written', ['a/b/x'], null, (root) => writeFileSync(join(root, 'file'), 'text')],
]
for (const [title, missing, present, change] of NO_CHANGES) {
  test(`no notification is sent when ${title}`, () =>
    inScene(async ({ root, watch, told, settle }) => {
      assert.is(await watch(1, missing, present), true)
      change(root)
      await settle()
      assert.equal(told(), [])
    }))
}

test('nothing is watched where there is nothing to wait for', () =>
  inScene(async ({ watch }) => {
    const cases: [string[], (string | null)?][] = [
      [[]],
      [[], 'present'],
      [['file']],
      [['x', 'file']],
      [['file/x']],
      [['x'], 'nowhere'],
      [['file://elsewhere/x']],
      [['file:///C:/x']],
      [['x'], 'file://elsewhere/x'],
      [Array.from({ length: 65 }, (_, index) => `x${index}`)],
    ]
    let id = 0
    for (const [missing, present] of cases)
      assert.is(await watch(++id, missing, present), false, JSON.stringify(missing).slice(0, 40))
    assert.is(
      await watch(
        ++id,
        Array.from({ length: 64 }, (_, index) => `x${index}`),
      ),
      true,
    )
  }))

test('a newer watch takes the place of the older, an older one is too late, and a refused one leaves none', () =>
  inScene(async ({ client, root, watch, told, settle }) => {
    assert.is(await watch(0, ['a0']), false)
    assert.is(await watch(5, ['a5']), true)
    assert.is(await watch(5, ['b']), false)
    assert.is(await watch(4, ['b']), false)
    assert.is(await watch(7, ['c']), true)
    writeFileSync(join(root, 'a5'), '')
    await settle()
    assert.equal(told(), [])
    writeFileSync(join(root, 'c'), '')
    await client.until(() => told().length === 1)
    assert.is(await watch(9, ['d']), true)
    assert.is(await watch(10, ['a5']), false)
    writeFileSync(join(root, 'd'), '')
    await settle()
    assert.equal(told(), [7])
  }))

test('invalid params are an error', () =>
  inScene(async ({ client }) => {
    for (const params of [
      { watchId: -1, missing: [] },
      { watchId: null, missing: [] },
      { missing: [] },
      { watchId: 1, missing: null },
      { watchId: 1 },
      { watchId: 1, missing: ['x'] },
      { watchId: 1, missing: ['http://x/'] },
      { watchId: 1, missing: [], present: 1 },
    ])
      assert.is((await client.ask('fs/watchMissing', params)).error?.code, -32602, JSON.stringify(params))
  }))

test('a watch ends with its connection, and no file stays open for it', () =>
  inScene(async ({ watch }) => {
    const { readdirSync, readlinkSync } = await import('node:fs')
    const inotify = (): number => {
      const folder = `/proc/${server.child.pid}/fdinfo`
      return readdirSync(folder).filter((fd) => {
        try {
          return readlinkSync(`/proc/${server.child.pid}/fd/${fd}`).includes('inotify')
        } catch {
          return false
        }
      }).length
    }
    const before = inotify()
    for (let round = 0; round < 20; round++)
      await inScene(async (inner) => assert.is(await inner.watch(1, ['x', 'a/b/x'], 'present'), true))
    assert.is(await watch(1, ['x']), true)
    assert.ok(inotify() <= before + 1)
  }))

test.run()
