/** How Codex is led to a devbox, by release and environments.toml. */
import * as assert from 'uvu/assert'
import { releaseOf } from '../../../../src/cli/devbox/codex/release.ts'
import type { CodexRelease } from '../../../../src/cli/devbox/codex/release.ts'
import { planFor } from '../../../../src/cli/devbox/codex/plan.ts'
import { callNotices, mcpNotices } from '../../../../src/cli/devbox/codex/notices.ts'
import { parseEnvironments } from '../../../../src/client/environments/toml.ts'
import { parseToml } from '../../../../src/core/codex-config/toml.ts'
import { test } from '../../../support/suite.ts'

const release = (version: string): CodexRelease => releaseOf(`codex-cli ${version}\n`) as CodexRelease
const [old, middle, newest] = ['0.130.0', '0.150.0', '0.171.0'].map(release) as [
  CodexRelease,
  CodexRelease,
  CodexRelease,
]

const URL = 'ws://127.0.0.1:4600'
const spec = { id: 'remote', url: URL }
const withToken = { ...spec, headers: { authorization: 'Bearer secret' } }
const program = { id: 'box', command: ['ssh', 'box'] } as const
const entry = `[[environments]]\nid = "remote"\nurl = "${URL}"\n`
const settings = (text: string): ReturnType<typeof parseEnvironments> => parseEnvironments(text, '/home')

test('without environments.toml the variable is enough', () => {
  for (const each of [old, middle, newest])
    assert.equal(planFor(spec, undefined, each), { kind: 'variable', variable: URL })
})

test('a file that names another devbox, or this machine too, is not used; a release that reads none ignores it', async () => {
  for (const text of ['', entry, `default = "remote"\n${entry}`, `include_local = false\n${entry}`]) {
    assert.is(planFor(spec, await settings(text), newest).kind, 'private', text)
    assert.is(planFor(spec, await settings(text), old).kind, 'variable', text)
  }
  assert.is(planFor(spec, 'invalid', newest).kind, 'private')
})

test('a file that names this devbox only is used, under any id', async () => {
  const text = `default = "other"\ninclude_local = false\n${entry.replace('remote', 'other')}`
  assert.equal(planFor(spec, await settings(text), newest), { kind: 'file', variable: URL })
  assert.is(planFor(withToken, await settings(text), newest).kind, 'private')
})

test('a devbox that the variable cannot name gets a private home, and no other environment', () => {
  assert.equal(planFor(program, undefined, newest), { kind: 'private', variable: 'none' })
  assert.is(planFor(withToken, undefined, newest).kind, 'private')
})

test('what a release cannot use is refused', () => {
  assert.throws(() => planFor(program, undefined, old), /0\.130\.0 cannot start a server/)
  assert.throws(() => planFor(withToken, undefined, middle), /0\.150\.0 cannot send a token/)
  assert.throws(() => planFor({ ...withToken, url: 'ws://devbox:1' }, undefined, newest), /only over wss/)
  assert.throws(() => planFor({ ...spec, url: 'unix:/s' }, undefined, newest), /does not connect to unix:/)
  assert.throws(() => planFor({ id: 'local', local: true }, undefined, newest), /this machine is no devbox/)
})

test('a build from source counts as the newest release, and another program is none', () => {
  assert.is(releaseOf('codex-cli 0.0.0')?.sendsToken, true)
  assert.is(releaseOf('codex-cli 0.160.0-alpha.2')?.version, '0.160.0-alpha.2')
  assert.is(releaseOf('node v26.1.0'), undefined)
})

test('the notices are those of the call: keys of the terminal interface, or -C', () => {
  const call = { usesDaemon: undefined, directory: undefined }
  assert.match(callNotices({ ...call, kind: 'tui' }, newest).join(), /!COMMAND.*ends Codex.*@FILE and \/diff/)
  assert.match(callNotices({ ...call, kind: 'tui' }, old).join(), /!COMMAND does not run on the devbox/)
  assert.equal(callNotices({ ...call, kind: 'batch' }, newest), [])
  assert.match(callNotices({ ...call, kind: 'batch', directory: '/srv' }, newest).join(), /must exist on this machine/)
})

test('MCP servers without a place are named, with the key of the release', async () => {
  const config = await parseToml(
    '[mcp_servers.a]\ncommand = "a"\n[mcp_servers.b]\ncommand = "b"\nenvironment_id = "remote"\n[mcp_servers.c]\nenabled = false\n',
    'config.toml',
  )
  assert.equal(mcpNotices(config, newest, 'box'), [
    'MCP servers that run not at all: a; on the devbox with environment_id = "box" and, over stdio, an absolute cwd there',
  ])
  assert.match(mcpNotices(config, old, 'box').join(), /on this machine: a, b; .* experimental_environment = "remote"/)
  assert.equal(mcpNotices(await parseToml('', ''), newest, 'box'), [])
})

test.run()
