/** What is installed on a machine, over files that are only told of. */
import * as assert from 'uvu/assert'
import { discover } from '../../../src/core/capabilities/capability-discovery.ts'
import { listInstalled } from '../../../src/core/capabilities/inventory.ts'
import type { InventoryBounds } from '../../../src/core/capabilities/inventory.ts'
import type { Files } from '../../../src/core/base/host.ts'
import type { Inventory } from '../../../src/protocol/schemas/capability-roots.ts'
import { files } from '../../../src/host/fs/files.ts'
import { pathToUri } from '../../../src/protocol/schemas/path-uri.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const BOUNDS: InventoryBounds = {
  places: 512,
  inventoryEntries: 2048,
  inventoryAnswerBytes: 1_000_000,
  inventoryWarnings: 64,
  root: {
    walk: { maxDepth: 6, maxDirectories: 2000, maxEntries: 20_000 },
    fileBytes: 100_000,
    rootBytes: 1_000_000,
    left: { files: 10_000_000, warnings: 100_000 },
  },
}

const clock = { soon: (call: () => void): void => queueMicrotask(call) }
const skill = (name: string): string => `---\nname: ${name}\ndescription: d\n---\n`

type Options = { bounds?: Partial<InventoryBounds>; deny?: (path: string) => RpcError | undefined; folders?: string[] }

/** Writes the files, and lists what is installed: plugins in `cache`, skills in the folders. */
async function list(
  tree: Record<string, string>,
  { bounds = {}, deny = () => undefined, folders = ['skills'] }: Options = {},
): Promise<Inventory & { root: string }> {
  const root = temporaryFolder()
  for (const [path, content] of Object.entries(tree)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    if (content.startsWith('-> ')) symlinkSync(join(root, content.slice(3)), file)
    else writeFileSync(file, content)
  }
  const confined: Files = {
    ...files,
    getMetadata: async (path, options) => {
      const error = deny(path.slice(root.length + 1))
      if (error !== undefined) throw error
      return files.getMetadata(path, options)
    },
    discover: (uri, limits) => discover(uri, confined, limits),
  }
  const skills = folders.map((name) => ({ id: 'codex-home-skills' as const, path: pathToUri(join(root, name)) }))
  const places = { pluginCache: join(root, 'cache'), skills, warnings: [] }
  return { ...(await listInstalled(places, confined, clock, { ...BOUNDS, ...bounds })), root }
}

test('plugins come with their skills, sorted by id; skills outside of them by their folders', async () => {
  const { plugins, skills, warnings, root } = await list(
    {
      'cache/team/b/1.0.0/.codex-plugin/plugin.json': '{"name":"bee","interface":{"displayName":" Bee! "}}',
      'cache/team/b/1.0.0/skills/s/SKILL.md': skill('s'),
      'cache/team/b/1.0.0/skills/s/agents/openai.yaml': 'policy: {allow_implicit_invocation: false}',
      'cache/other/a/local/.claude-plugin/plugin.json': '{}',
      'cache/team/.codex-remote-plugin-install.json': 'of no plugin',
      'cache/team/b/.codex-remote-plugin-install.json': '{"schema_version":1,"remote_plugin_id":" plugins~b "}',
      'skills/x/SKILL.md': skill('x'),
      'skills/in/.codex-plugin/plugin.json': '{"name":"inner"}',
      'skills/in/y/SKILL.md': skill('y'),
      'more/z/SKILL.md': skill('z'),
    },
    { folders: ['skills', 'more', 'skills', 'missing'] },
  )
  const look = plugins.map(({ id, displayName, version, remotePluginId, skills: own }) => [
    id,
    displayName,
    version,
    remotePluginId,
    own.map(({ name, policy }) => [name, policy?.allowImplicitInvocation]),
  ])
  assert.equal(look, [
    ['a@other', 'local', 'local', null, []],
    ['b@team', 'Bee!', '1.0.0', 'plugins~b', [['bee:s', false]]],
  ])
  const found = skills.map(({ name, discoveryRoot }) => [name, discoveryRoot.path.split('/').at(-1)])
  assert.equal(found, [
    ['inner:y', 'skills'],
    ['x', 'skills'],
    ['z', 'more'],
  ])
  assert.is(skills[1]?.path, pathToUri(join(root, 'skills/x/SKILL.md')))
  assert.equal(warnings, [])
})

test('links to marketplaces and plugins are followed, links to versions are not', async () => {
  const { plugins } = await list({
    'market/one/1/.codex-plugin/plugin.json': '{"name":"n"}',
    'cache/linked': '-> market',
    'cache/own/two': '-> market/one',
    'cache/own/three/1': '-> market/one/1',
    'cache/own/no space/1/.codex-plugin/plugin.json': '{"name":"n"}',
    'cache/o.wn/four/1/.codex-plugin/plugin.json': '{"name":"n"}',
    'cache/own/fi.ve/1/.codex-plugin/plugin.json': '{"name":"n"}',
  })
  assert.equal(
    plugins.map(({ id }) => id),
    ['fi.ve@own', 'one@linked', 'two@own'],
  )
})

test('what is not valid is left out with a warning, and the rest is there', async () => {
  const { plugins, skills, warnings } = await list({
    'cache/t/list/1/.codex-plugin/plugin.json': '[]',
    'cache/t/display/1/.codex-plugin/plugin.json': '{"interface":{"displayName":5}}',
    'cache/t/apps/1/.codex-plugin/plugin.json': '{"apps":5}',
    'cache/t/half/1/.codex-plugin/plugin.json': String.raw`{"name":"\ud800"}`,
    'cache/t/none/1/skills/s/SKILL.md': skill('s'),
    'cache/t/good/1/.codex-plugin/plugin.json': '{"interface":null,"mcpServers":5}',
    'cache/t/good/.codex-remote-plugin-install.json': '{',
    'skills/bad/SKILL.md': 'no head',
    'skills/long/.codex-plugin/plugin.json': JSON.stringify({ name: 'p'.repeat(100) }),
    'skills/long/a/SKILL.md': skill('n'.repeat(28)),
    'skills/long/b/SKILL.md': skill('n'.repeat(29)),
  })
  assert.equal(
    plugins.map(({ id, remotePluginId }) => [id, remotePluginId]),
    [['good@t', null]],
  )
  assert.is(skills.length, 1)
  assert.is(warnings.length, 8, warnings.join('\n'))
})

test('what a sandbox denies is not there; what cannot be looked at for another reason is a warning', async () => {
  const tree = { 'skills/x/SKILL.md': skill('x'), 'more/y/SKILL.md': skill('y') }
  const folders = ['skills', 'more']
  const denied = new RpcError(-32600, 'Permission denied (os error 13)')
  const one = await list(tree, { folders, deny: (path) => (path === 'skills' ? denied : undefined) })
  assert.equal([one.skills.map(({ name }) => name), one.warnings], [['y'], []])
  const broken = new RpcError(-32600, 'this executor cannot enforce the sandbox')
  const two = await list(tree, { folders, deny: (path) => (path === 'skills' ? broken : undefined) })
  assert.equal([two.skills.map(({ name }) => name), two.warnings.length], [['y'], 1])
})

test('an answer is bounded in entries, bytes and warnings, and says that there is more', async () => {
  const tree: Record<string, string> = { 'cache/t/p/1/.codex-plugin/plugin.json': '{"name":"p"}' }
  for (let i = 0; i < 5; i++) tree[`cache/t/p/1/s${i}/SKILL.md`] = skill(`s${i}`)
  for (let i = 0; i < 5; i++) tree[`skills/s${i}/SKILL.md`] = skill(`s${i}`)
  const sizes = async (bounds: Partial<InventoryBounds>): Promise<unknown[]> => {
    const { plugins, skills, warnings } = await list(tree, { bounds })
    return [plugins.map((plugin) => plugin.skills.length), skills.length, warnings]
  }
  const CUT = 'there is more than the answer holds'
  assert.equal(await sizes({ inventoryEntries: 11 }), [[5], 5, []])
  assert.equal(await sizes({ inventoryEntries: 8 }), [[5], 2, [CUT]])
  assert.equal(await sizes({ inventoryEntries: 4 }), [[3], 0, [CUT]])
  assert.equal(await sizes({ inventoryAnswerBytes: 600 }), [[], 2, [CUT]])
  assert.equal(await sizes({ places: 1 }), [[5], 0, [CUT]])
})

test.run()
