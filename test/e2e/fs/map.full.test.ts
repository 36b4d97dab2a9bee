/** --map, with a real server: the client knows its project under a path that is not there. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const THEIRS = '/Users/mé/my app'

async function setup() {
  const folder = temporaryFolder()
  const ours = join(folder, 'app')
  mkdirSync(join(ours, 'src'), { recursive: true })
  writeFileSync(join(ours, 'src', 'a.txt'), 'content')
  writeFileSync(join(ours, 'secret.env'), 'secret')
  const server = await startServer(['--map', `${THEIRS}=${ours}`])
  const client = await Client.open(server.url)
  const hello = await client.request('initialize', { clientName: 'test' })
  client.notify('initialized', {})
  return { folder, ours, server, client, hello }
}

const uri = (path: string): string => pathToFileURL(path).href
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Runs a command and resolves with its output and exit code. */
async function run(
  client: Client,
  start: { processId: string; cwd: string; argv: string[]; env?: object; sandbox?: object },
) {
  await client.request('process/start', { env: { PATH: process.env['PATH'] }, tty: false, ...start })
  const { processId } = start
  await client.request('process/wait', { processId, until: 'close' })
  const { chunks, exitCode } = await client.request('process/read', { processId })
  const text = chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64').toString()).join('')
  return { text, exitCode }
}

test('files are found under the path of the client, as a path and as a URI, and answers name it', async () => {
  const { ours, client } = await setup()
  for (const name of [THEIRS, uri(THEIRS), ours]) {
    const at = (end: string): string => `${name}${end}`
    assert.equal(await client.request('fs/readFile', { path: at('/src/a.txt') }), { dataBase64: base64('content') })
    assert.equal(await client.request('fs/canonicalize', { path: at('/src/../src') }), { path: uri(`${THEIRS}/src`) })
    const options = { maxDepth: 9, maxDirectories: 9, maxEntries: 9, followDirectorySymlinks: false }
    const { entries } = await client.request('fs/walk', { path: name, options })
    assert.equal(
      entries.map(({ path }: { path: string }) => path),
      ['/secret.env', '/src', '/src/a.txt'].map((end) => uri(THEIRS + end)),
    )
    const copy = { sourcePath: at('/src/a.txt'), destinationPath: at('/copy'), recursive: false }
    await client.request('fs/copy', copy)
    assert.is(readFileSync(join(ours, 'copy'), 'utf8'), 'content')
    await client.request('fs/remove', { path: at('/copy') })
    assert.ok(!existsSync(join(ours, 'copy')))
  }
  assert.ok(!existsSync(THEIRS))
})

test('a message about a missing file, and one about a missing folder, name the path of the client', async () => {
  const { ours, client } = await setup()
  const calls: [method: string, params: object][] = [
    ['fs/readFile', { path: `${THEIRS}/none/x` }],
    ['process/start', { processId: 'p', argv: ['true'], cwd: `${THEIRS}/none`, env: {}, tty: false }],
  ]
  for (const [method, params] of calls) {
    const { error } = await client.ask(method, params)
    assert.ok(error?.message.includes(`${THEIRS}/none`), error?.message)
    assert.ok(!error?.message.includes(ours), error?.message)
  }
})

test('a command runs in the folder; its arguments, variables and output are not touched', async () => {
  const { ours, client } = await setup()
  const argv = ['sh', '-c', 'pwd; echo "$1 $HERE"', 'sh', `${THEIRS}/x`]
  const env = { PATH: process.env['PATH'], HERE: THEIRS }
  const { text } = await run(client, { processId: 'p', cwd: uri(THEIRS), argv, env })
  assert.is(text, `${ours}\n${THEIRS}/x ${THEIRS}\n`)
  const { processes } = await client.request('process/list', {})
  assert.is(processes[0].cwd, THEIRS)
  assert.equal(processes[0].argv, argv)
})

test('a sandbox of either dialect confines to the mapped folder, and its globs hold there', async () => {
  const { folder, ours, client } = await setup()
  const entries = (name: string) => [
    { path: { type: 'special', value: { kind: 'root' } }, access: 'read' },
    { path: { type: 'special', value: { kind: 'project_roots' } }, access: 'write' },
    { path: { type: 'path', path: `${name}/src` }, access: 'read' },
    { path: { type: 'glob_pattern', pattern: `${THEIRS}/**/*.env` }, access: 'deny' },
  ]
  const permissions = (name: string) => ({
    type: 'managed',
    file_system: { type: 'restricted', entries: entries(name) },
    network: 'restricted',
  })
  const sandboxes = [
    { permissions: permissions(THEIRS), cwd: THEIRS },
    { permissions: permissions(uri(THEIRS)), policyContext: { cwd: uri(THEIRS), workspaceRoots: [uri(THEIRS)] } },
  ]
  const script = `touch in && echo in; touch src/x || echo kept; touch ../out || echo refused; cat secret.env || echo denied`
  for (const [index, sandbox] of sandboxes.entries()) {
    const argv = ['sh', '-c', `exec 2>/dev/null; ${script}`]
    const { text } = await run(client, { processId: `p${index}`, cwd: THEIRS, argv, sandbox })
    assert.is(text, 'in\nkept\nrefused\ndenied\n')
    const { error } = await client.ask('fs/readFile', { path: `${THEIRS}/secret.env`, sandbox })
    assert.ok(error !== undefined && !error.message.includes(ours), error?.message)
    const data = { path: `${THEIRS}/written`, dataBase64: base64('x'), sandbox }
    assert.equal(await client.request('fs/writeFile', data), {})
    assert.ok(existsSync(join(ours, 'written')))
  }
  assert.ok(!existsSync(join(folder, 'out')))
})

test('a watched path of the client is seen when it appears in the mapped folder', async () => {
  const { ours, client } = await setup()
  const params = { watchId: 1, missing: [uri(`${THEIRS}/new`)] }
  assert.equal(await client.request('fs/watchMissing', params), { watching: true })
  writeFileSync(join(ours, 'new'), '')
  await client.until(() => client.notifications.some(({ method }) => method === 'fs/missingChanged'))
})

test('a skill in the folder is found, and named by the path of the client', async () => {
  const { ours, client } = await setup()
  mkdirSync(join(ours, 'skills', 'birds'), { recursive: true })
  writeFileSync(join(ours, 'skills', 'birds', 'SKILL.md'), '---\nname: birds\ndescription: d\n---\n')
  const roots = [{ id: 'a', path: uri(`${THEIRS}/skills`) }]
  const { roots: found } = await client.request('capabilityRoots/discoverV1', { roots })
  assert.is(found[0].path, uri(`${THEIRS}/skills`))
  assert.is(found[0].skills[0].instructions.path, uri(`${THEIRS}/skills/birds/SKILL.md`))
})

test('the environment names its folders as the client does', async () => {
  const folder = temporaryFolder()
  const server = await startServer(['--map', `/Users/me=${folder}`], { ...process.env, HOME: folder, TMPDIR: folder })
  const client = await Client.open(server.url)
  const { environmentInfo } = await client.request('initialize', { clientName: 'test' })
  client.notify('initialized', {})
  for (const info of [environmentInfo, await client.request('environment/info', {})]) {
    assert.is(info.userHomeDir, 'file:///Users/me')
    assert.equal(info.temporaryDirectories, ['file:///Users/me'])
  }
  const config = await client.request('environmentConfig/read', {
    cwd: '/Users/me',
    configPaths: [['model']],
    requirementsPaths: [],
  })
  assert.is(config.codexHomeDir, 'file:///Users/me/.codex')
})

test('a mapping that is ambiguous ends the server at the start with 2 and the reason', () => {
  const [command, args] = serverCommand(['--map', '/a=/b', '--map', '/a/c=/d'])
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 })
  assert.is(status, 2)
  assert.match(stderr, /^exec-server: --map: \/a\/c lies in \/a/)
})

test.run()
