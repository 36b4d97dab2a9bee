/** environmentConfig/read on a real server. What this machine's own /etc/codex may say is left aside. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('environmentConfig/read')

let root: string
let server: RunningServer
let client: Client
test.before(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-environment-config-')))
  put('home/.codex/config.toml', '')
  server = await startServer([], { ...process.env, HOME: join(root, 'home'), CODEX_HOME: join(root, 'home/.codex') })
  client = await Client.connect(server.url)
})
test.after(async () => {
  await client.close()
  await server.stop()
  rmSync(root, { recursive: true, force: true })
})

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const ask = (cwd = root) =>
  client.ask('environmentConfig/read', {
    cwd: `file://${cwd}`,
    configPaths: [['mcp_servers']],
    requirementsPaths: [['mcp_servers']],
  })

type Layer = { source: string; baseDir: string; toml: string }

async function layers(cwd?: string): Promise<Layer[]> {
  const { result, error } = await ask(cwd)
  if (error !== undefined) throw new Error(error.message)
  return (result.config.layers as Layer[]).filter(({ baseDir }) => baseDir !== 'file:///etc/codex')
}

test('the handshake announces the method', async () => {
  const { capabilities } = await client.request('environment/info', {})
  assert.is(capabilities.environmentConfigRead ?? false, process.platform === 'linux')
})

test("a client gets the user's MCP servers, and nothing else of the file", async () => {
  put(
    'home/.codex/config.toml',
    'model = "m"\n[mcp_servers.probe]\nurl = "http://127.0.0.1/mcp"\n[model_providers.x]\nenv_key = "KEY"\n',
  )
  assert.equal(await layers(), [
    {
      source: `user (${root}/home/.codex/config.toml)`,
      baseDir: `file://${root}/home/.codex`,
      toml: '"mcp_servers" = {"probe" = {"url" = "http://127.0.0.1/mcp"}}\n',
    },
  ])
  const { result } = await ask()
  assert.equal([result.userHomeDir, result.codexHomeDir], [`file://${root}/home`, `file://${root}/home/.codex`])
})

test('a project has a say once the user trusts it, also in what the client has just written', async () => {
  execFileSync('git', ['init', '-q', join(root, 'work')])
  put('home/.codex/config.toml', '')
  const dataBase64 = Buffer.from('mcp_servers.own.url = "u"').toString('base64')
  mkdirSync(join(root, 'work/.codex'))
  void client.request('fs/writeFile', { path: `file://${root}/work/.codex/config.toml`, dataBase64 })
  assert.equal(await layers(join(root, 'work/sub')), [])
  put('home/.codex/config.toml', `[projects."${root}/work"]\ntrust_level = "trusted"\n`)
  assert.equal(
    (await layers(join(root, 'work/sub'))).map(({ toml }) => toml),
    ['"mcp_servers" = {"own" = {"url" = "u"}}\n'],
  )
})

test('a broken file is an error with its place; others are served meanwhile', async () => {
  put('home/.codex/config.toml', 'a = 1\nb = = 2\n')
  const [{ error }, status] = await Promise.all([ask(), client.request('environment/status', {})])
  assert.is(error?.code, -32603)
  assert.match(error?.message ?? '', `${root}/home/.codex/config.toml:2:5: `)
  assert.equal(status, { status: 'ready' })
})

test("before the handshake it is refused by its family's name", async () => {
  const stranger = await Client.open(server.url)
  const { error } = await stranger.ask('environmentConfig/read', {
    cwd: 'file:///',
    configPaths: [['a']],
    requirementsPaths: [],
  })
  assert.match(error?.message ?? '', 'client must call initialize before using environment config methods')
  await stranger.close()
})

test.run()
