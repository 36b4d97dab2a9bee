/** ripgrep, which comes with the server, for clients that put its folder on the PATH of a command. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { at, managed, special, uri, users } from '../../support/sandbox.ts'
import { startServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('bundled tools')

/** The programs that every sandbox needs. */
const MINIMAL = special('minimal', 'read')

type Devbox = { client: Client; folder: string; ws: string; cache: string; isUnpacked: boolean; stderr: () => string }

/** A server with a cache of its own, a client, and a workspace with a file to search. */
async function open(): Promise<Devbox> {
  const [cache, ws] = [temporaryFolder(), temporaryFolder()]
  writeFileSync(join(ws, 'birds.txt'), 'a grey heron\na white stork\n')
  const server = await startServer([], { ...process.env, XDG_CACHE_HOME: cache })
  const client = await Client.connect(server.url)
  const { prependPathDirs } = await client.request('environment/info', null)
  assert.is(prependPathDirs.length, 1)
  const folder = fileURLToPath(prependPathDirs[0])
  return { client, folder, ws, cache, isUnpacked: folder.startsWith(cache), stderr: server.stderr }
}

let count = 0

/** Output and exit code of a search with this PATH. */
const search = (devbox: Devbox, folder: string, more: object = {}): Promise<{ code: number; output: string }> =>
  devbox.client.run(`p${count++}`, ['/bin/sh', '-c', 'rg --no-config heron . || echo "exit $?"'], {
    cwd: uri(devbox.ws),
    env: { PATH: `${folder}:/nowhere` },
    ...more,
  })

const FOUND = './birds.txt:a grey heron\n'

function needsSandbox(): void {
  const [user] = users()
  const reason = process.platform === 'linux' ? (user?.obstacle ?? user?.unconfined) : 'for Linux'
  if (reason !== undefined) skip(reason)
}

test('a command finds ripgrep where the client puts its folder on the PATH, and nothing is unpacked before', async () => {
  const devbox = await open()
  if (devbox.isUnpacked) assert.equal(readdirSync(devbox.folder), [])
  assert.match((await search(devbox, '/usr/none')).output, /exit 127/)
  if (devbox.isUnpacked) assert.equal(readdirSync(devbox.folder), [])
  assert.is((await search(devbox, devbox.folder)).output, FOUND)
  assert.ok(readdirSync(devbox.folder).includes('rg'))
  await devbox.client.close()
})

test('a command line that names the folder finds it, too', async () => {
  const devbox = await open()
  const argv = ['/bin/sh', '-c', `PATH='${devbox.folder}':$PATH; rg --no-config stork .`]
  const { output } = await devbox.client.run('p', argv, { cwd: uri(devbox.ws), env: { PATH: '/usr/bin:/bin' } })
  assert.is(output, './birds.txt:a white stork\n')
  await devbox.client.close()
})

test('a sandbox that does not name the folder shows it to such a command alone', async () => {
  needsSandbox()
  const devbox = await open()
  const sandbox = managed([devbox.ws], [MINIMAL, special('project_roots', 'read')])
  assert.is((await search(devbox, devbox.folder, { sandbox })).output, FOUND)
  const env = { PATH: '/usr/bin:/bin', FOLDER: devbox.folder }
  const look = ['/bin/sh', '-c', 'ls "$FOLDER" 2>/dev/null || echo hidden']
  const { output } = await devbox.client.run('q', look, { cwd: uri(devbox.ws), sandbox, env })
  assert.is(output, 'hidden\n')
  await devbox.client.close()
})

test('a sandbox that may write everything around the folder cannot change what is in it', async () => {
  needsSandbox()
  const devbox = await open()
  if (!devbox.isUnpacked) skip('from source it is a package like any other')
  const sandbox = managed([devbox.ws], [special('root', 'read'), at(devbox.cache, 'write')])
  const script = [
    `echo evil > '${devbox.folder}/rg'`,
    `mv '${devbox.folder}' '${devbox.folder}-2'`,
    `mv '${devbox.cache}/exec-server' '${devbox.cache}/other'`,
    `touch '${devbox.cache}/written'`,
  ].join('; ')
  const before = await search(devbox, devbox.folder, { sandbox })
  const argv = ['/bin/sh', '-c', `( ${script} ) 2>/dev/null; echo done`]
  await devbox.client.run('evil', argv, { cwd: uri(devbox.ws), sandbox, env: { PATH: '/usr/bin:/bin' } })
  assert.ok(existsSync(join(devbox.cache, 'written')))
  assert.equal(readdirSync(join(devbox.cache, 'exec-server')).length, 1)
  assert.equal([before.output, (await search(devbox, devbox.folder)).output], [FOUND, FOUND])
  await devbox.client.close()
})

test('what somebody has changed is put right before it is used', async () => {
  const devbox = await open()
  if (!devbox.isUnpacked) skip('from source it is a package like any other')
  const path = join(devbox.folder, 'rg')
  await search(devbox, devbox.folder)
  const content = readFileSync(path)
  chmodSync(path, 0o700)
  appendFileSync(path, 'more')
  assert.is((await search(devbox, devbox.folder)).output, FOUND)
  assert.ok(readFileSync(path).equals(content))
  await devbox.client.close()
})

test('where it cannot be unpacked the command runs without it, and the log says why', async () => {
  const devbox = await open()
  if (!devbox.isUnpacked) skip('from source it is a package like any other')
  chmodSync(devbox.folder, 0o777)
  assert.match((await search(devbox, devbox.folder)).output, /exit 127/)
  assert.match(devbox.stderr(), /is not of this user alone/)
  rmSync(devbox.folder, { recursive: true })
  mkdirSync(devbox.folder, { mode: 0o700 })
  assert.is((await search(devbox, devbox.folder)).output, FOUND)
  await devbox.client.close()
})

test.run()
