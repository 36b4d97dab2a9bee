/** What is found in a folder, over files that are only told of. */
import * as assert from 'uvu/assert'
import { discover } from '../../../src/core/capabilities/capability-discovery.ts'
import { FILE_OVERHEAD } from '../../../src/core/capabilities/capability-reader.ts'
import { internalError, RpcError } from '../../../src/protocol/wire/errors.ts'
import type { CapabilityBounds, Capabilities, Discovery } from '../../../src/protocol/schemas/capability-roots.ts'
import type { WalkOptions, WalkResult } from '../../../src/protocol/schemas/fs.ts'
import { pathToUri } from '../../../src/protocol/schemas/path-uri.ts'
import { test } from '../../support/suite.ts'

const BOUNDS: CapabilityBounds = {
  walk: { maxDepth: 6, maxDirectories: 2000, maxEntries: 20_000 },
  fileBytes: 1000,
  rootBytes: 10_000,
  left: { files: 1_000_000, warnings: 100_000 },
}

const missing = () => new RpcError(-32004, 'No such file or directory (os error 2)')
const denied = () => new RpcError(-32600, 'Permission denied (os error 13)')

/** Texts and bytes are files, errors are what a look at the path throws, `device` is no regular file. */
type Tree = Record<string, string | Uint8Array | Error | 'device'>

function disk(tree: Tree, walked: Partial<WalkResult> = {}) {
  const calls: string[] = []
  const bytesOf = (content: string | Uint8Array): Uint8Array =>
    typeof content === 'string' ? new TextEncoder().encode(content) : content
  const below = (folder: string): string[] =>
    Object.keys(tree).filter((path) => path.startsWith(folder === '/' ? '/' : `${folder}/`))
  const find = (path: string) => {
    const content = tree[path]
    if (content instanceof Error) throw content
    if (content === undefined && below(path).length === 0) throw missing()
    return content
  }
  return {
    calls,
    getMetadata: async (path: string) => {
      calls.push(`look ${path}`)
      const content = find(path)
      const isFile = content !== undefined && content !== 'device'
      const size = isFile ? bytesOf(content).length : 0
      return { isDirectory: content === undefined, isFile, isSymlink: false, size, createdAtMs: 0, modifiedAtMs: 0 }
    },
    readFile: async (path: string) => {
      calls.push(`read ${path}`)
      const content = find(path)
      if (content === undefined || content === 'device') throw new Error('read what is no file')
      return bytesOf(content)
    },
    walk: async (path: string, options: WalkOptions): Promise<WalkResult> => {
      calls.push(`walk ${JSON.stringify(options)}`)
      const entries = below(path)
        .filter((file) => tree[file] !== 'device' && !(tree[file] instanceof Error))
        .map((file) => ({ path: pathToUri(file), kind: 'file' as const }))
      return { entries, errors: [], truncated: false, ...walked }
    },
  }
}

type Bounds = Partial<CapabilityBounds>

function look(
  tree: Tree,
  root = 'file:///r',
  bounds: Bounds = {},
  walked: Partial<WalkResult> = {},
): Promise<Discovery> {
  return discover(root, disk(tree, walked), { ...BOUNDS, ...bounds })
}

const find = async (...args: Parameters<typeof look>): Promise<Capabilities> => (await look(...args)).found

/** Paths, without the texts. */
const skillPaths = ({ skills }: Capabilities) =>
  skills.map(({ instructions, metadata }) => instructions.path + (metadata === null ? '' : ' +'))
const namespacePaths = ({ namespaceManifests }: Capabilities) => namespaceManifests.map(({ path }) => path)

test('a plugin is listed with the texts of its manifest, its configurations and its skills', async () => {
  const manifest = '{"name":"p","mcpServers":"./m.json"}'
  const found = await find({
    '/r/.codex-plugin/plugin.json': manifest,
    '/r/m.json': 'servers',
    '/r/.app.json': 'apps',
    '/r/skills/one/SKILL.md': '---\nname: one',
    '/r/skills/one/agents/openai.yaml': 'meta',
    '/r/SKILL.md': 'two',
    '/r/other.md': 'nothing',
  })
  const file = (path: string, contents: string) => ({ path: `file:///r/${path}`, contents })
  assert.equal(found, {
    plugin: {
      manifest: file('.codex-plugin/plugin.json', manifest),
      mcpConfig: file('m.json', 'servers'),
      appsConfig: file('.app.json', 'apps'),
    },
    skills: [
      { instructions: file('SKILL.md', 'two'), metadata: null },
      {
        instructions: file('skills/one/SKILL.md', '---\nname: one'),
        metadata: file('skills/one/agents/openai.yaml', 'meta'),
      },
    ],
    namespaceManifests: [file('.codex-plugin/plugin.json', manifest)],
    warnings: [],
  })
})

test('an empty folder, a file and a missing folder have different results', async () => {
  assert.equal(await find({ '/r/x': '' }), { plugin: null, skills: [], namespaceManifests: [], warnings: [] })
  for (const [tree, message] of [
    [{ '/r': 'file' }, 'it is not a directory'],
    [{}, 'No such file or directory (os error 2)'],
    [{ '/r': denied() }, 'Permission denied (os error 13)'],
  ] as const) {
    await look(tree).then(
      () => assert.unreachable(),
      (error: RpcError) => assert.is(error.message, message),
    )
  }
})

test('the walk is as deep and as broad as the bounds say, and follows links', async () => {
  const files = disk({ '/r/x': '' })
  await discover('file:///r', files, { ...BOUNDS, walk: { maxDepth: 1, maxDirectories: 2, maxEntries: 3 } })
  assert.ok(
    files.calls.includes('walk {"maxDepth":1,"maxDirectories":2,"maxEntries":3,"followDirectorySymlinks":true}'),
  )
})

test('of several manifests the first that can be read counts, in the order Codex, Claude, Cursor', async () => {
  const at = (kind: string, text: string | Uint8Array | Error) => ({ [`/r/.${kind}-plugin/plugin.json`]: text })
  const plugin = async (tree: Tree) => (await find(tree)).plugin?.manifest.path
  const uri = (kind: string) => `file:///r/.${kind}-plugin/plugin.json`
  assert.is(await plugin({ ...at('cursor', '{}'), ...at('claude', '{}'), ...at('codex', '{}') }), uri('codex'))
  assert.is(await plugin({ ...at('cursor', '{}'), ...at('claude', '{}') }), uri('claude'))
  assert.is(
    await plugin({ ...at('cursor', '{}'), ...at('claude', denied()), ...at('codex', Uint8Array.of(0xff)) }),
    uri('cursor'),
  )
})

test('a manifest leads to configurations below its folder, and to no others', async () => {
  const rest = Object.fromEntries(
    ['.mcp.json', '.app.json', 'x.json', 'd/x.json', 'a b%.json', 'C:/x'].map((name) => [`/r/${name}`, name]),
  )
  const configs = async (manifest: string) => {
    const tree = { ...rest, '/r/.codex-plugin/plugin.json': manifest }
    const { plugin, warnings } = await find(tree, 'file:///r', { fileBytes: 30_000, rootBytes: 60_000 })
    return [plugin?.mcpConfig?.path.slice(10), plugin?.appsConfig?.path.slice(10), warnings.length]
  }
  const said = (value: unknown) => configs(JSON.stringify({ mcpServers: value, apps: value }))
  for (const nothing of [
    '',
    '{',
    '[]',
    'null',
    '5',
    '\ufeff{"apps":"./x.json"}',
    '{"__proto__":{"apps":"./x.json"}}',
  ]) {
    assert.equal(await configs(nothing), ['.mcp.json', '.app.json', 0], nothing)
  }
  for (const value of [null, true, 5, [], ['./x.json']]) {
    assert.equal(await said(value), ['.mcp.json', '.app.json', 0], JSON.stringify(value))
  }
  assert.equal(await said({ server: {} }), [undefined, '.app.json', 0])
  const spelled = { './a b%.json': 'a%20b%25.json', './C:/x': 'C%3A/x' }
  const good = { './x.json': 'x.json', './d//x.json': 'd/x.json', './d/./x.json/': 'd/x.json', ...spelled }
  for (const [value, path] of Object.entries(good)) assert.equal(await said(value), [path, path, 0], value)
  for (const value of ['./none.json', './d', './.']) assert.equal(await said(value), [undefined, undefined, 0], value)
  const outside = ['/x.json', '../x.json', './../x.json', './d/../x.json', './/x.json']
  for (const value of [...outside, '', '.', './', 'x.json', ' ./x.json', './x\0', `./${'n'.repeat(9999)}`]) {
    assert.equal(await said(value), ['.mcp.json', '.app.json', 2], value.slice(0, 20))
  }
})

test('every folder with a SKILL.md is a skill, in the order of the URIs', async () => {
  const skills = ['b', 'a', 'a-', '.git', 'a/b', 'é'].map((name) => `${name}/SKILL.md`)
  const tree = Object.fromEntries(
    [...skills, 'a/skill.md', 'xSKILL.md', 'SKILL.md/x'].map((name) => [`/r/${name}`, name]),
  )
  assert.equal(
    skillPaths(await find({ ...tree, '/r/b/agents/openai.yaml': 'x' })),
    ['%C3%A9', '.git', 'a-', 'a', 'a/b', 'b'].map((name) => `file:///r/${name}/SKILL.md${name === 'b' ? ' +' : ''}`),
  )
})

test('plugins in the root give their namespaces, one for a folder', async () => {
  const manifest = (folder: string, kind = 'codex') => ({ [`/r/${folder}/.${kind}-plugin/plugin.json`]: '{}' })
  const ofOne = { ...manifest('a', 'cursor'), ...manifest('a', 'claude') }
  const tree = { ...manifest('z'), ...ofOne, ...manifest('a-'), ...manifest('a/b'), '/r/plugin.json': '{}' }
  const paths = ['a/.claude', 'a-/.codex', 'a/b/.codex', 'z/.codex'].map(
    (name) => `file:///r/${name}-plugin/plugin.json`,
  )
  assert.equal(namespacePaths(await find(tree)), paths)
  const withRoot = await find({ ...tree, '/r/.cursor-plugin/plugin.json': '{}' })
  assert.equal(namespacePaths(withRoot), ['file:///r/.cursor-plugin/plugin.json', ...paths])
})

test('a root inside a plugin is in the namespace of the nearest', async () => {
  const skills = { '/p/skills/s/SKILL.md': 's', '/q/s/SKILL.md': 's' }
  const tree = { '/.codex-plugin/plugin.json': '{}', '/p/.claude-plugin/plugin.json': '{}', ...skills }
  assert.equal(namespacePaths(await find(tree, 'file:///p/skills/s')), ['file:///p/.claude-plugin/plugin.json'])
  assert.equal(namespacePaths(await find(tree, 'file:///p')), ['file:///p/.claude-plugin/plugin.json'])
  assert.equal(namespacePaths(await find(tree, 'file:///q')), ['file:///.codex-plugin/plugin.json'])
  assert.equal(namespacePaths(await find(tree, 'file:///p/.claude-plugin')), ['file:///p/.claude-plugin/plugin.json'])
})

test('what is found begins with the root as the client spells it', async () => {
  const tree = { '/p [x]/.codex-plugin/plugin.json': '{"apps":"./[a].json"}', '/p [x]/r/s/SKILL.md': 's' }
  for (const root of ['file:///p%20[x]/r', 'file:///p%20[x]/r/']) {
    const found = await find(tree, root)
    assert.equal(skillPaths(found), ['file:///p%20[x]/r/s/SKILL.md'])
    assert.equal(namespacePaths(found), ['file:///p%20[x]/.codex-plugin/plugin.json'])
  }
  assert.equal(skillPaths(await find({ '/s/SKILL.md': 's', '/SKILL.md': 's' }, 'file:///')), [
    'file:///SKILL.md',
    'file:///s/SKILL.md',
  ])
})

test('what cannot be looked through, or is cut off, is a warning', async () => {
  const errors = [{ path: 'file:///r/locked', message: 'Permission denied (os error 13)' }]
  const found = await find({ '/r/s/SKILL.md': 's' }, 'file:///r/', {}, { errors, truncated: true })
  assert.equal(found.warnings, [
    'cannot look through file:///r/locked: Permission denied (os error 13)',
    'there is more below file:///r than is looked through',
  ])
  assert.is(found.skills.length, 1)
  const broken = {
    ...disk({ '/r/.codex-plugin/plugin.json': '{}' }),
    walk: () => Promise.reject(internalError('broken')),
  }
  const { plugin, warnings } = (await discover('file:///r', broken, BOUNDS)).found
  assert.ok(plugin)
  assert.equal(warnings, ['cannot look through file:///r: broken'])
})

test('a file that is too large, no text, no file or denied is left out, with a word on it', async () => {
  const { skills, warnings } = await find({
    '/r/fits/SKILL.md': 'x'.repeat(1000),
    '/r/large/SKILL.md': 'x'.repeat(1001),
    '/r/latin/SKILL.md': Uint8Array.of(0x61, 0xe9),
    '/r/meta/SKILL.md': '\ufeffä',
    '/r/meta/agents/openai.yaml': denied(),
    '/r/pipe/SKILL.md': 's',
    '/r/pipe/agents/openai.yaml': 'device',
    '/r/folder/SKILL.md': 's',
    '/r/folder/agents/openai.yaml/x': 'a folder',
  })
  assert.equal(
    skills.map(({ instructions, metadata }) => [instructions.path.slice(10), instructions.contents.length, metadata]),
    [
      ['fits/SKILL.md', 1000, null],
      ['folder/SKILL.md', 1, null],
      ['meta/SKILL.md', 2, null],
      ['pipe/SKILL.md', 1, null],
    ],
  )
  assert.equal(warnings, [
    'left out file:///r/large/SKILL.md: it has more than 1000 bytes',
    'left out file:///r/latin/SKILL.md: it is not UTF-8',
    'left out file:///r/meta/agents/openai.yaml: Permission denied (os error 13)',
    'left out file:///r/pipe/agents/openai.yaml: it is no regular file, or the sandbox denies it',
  ])
})

test('a file that grows while it is looked at is left out, and one that goes is not there', async () => {
  const grows = { ...disk({ '/r/s/SKILL.md': 's' }), readFile: async () => new Uint8Array(1001) }
  assert.equal((await discover('file:///r', grows, BOUNDS)).found.warnings, [
    'left out file:///r/s/SKILL.md: it has more than 1000 bytes',
  ])
  const goes = { ...disk({ '/r/s/SKILL.md': 's' }), readFile: () => Promise.reject(missing()) }
  assert.equal((await discover('file:///r', goes, BOUNDS)).found, {
    plugin: null,
    skills: [],
    namespaceManifests: [],
    warnings: [],
  })
})

const skillsOf = (sizes: readonly number[]): Tree =>
  Object.fromEntries(sizes.map((size, index) => [`/r/${index}/SKILL.md`, 'x'.repeat(size)]))
const numbers = (found: Capabilities) =>
  skillPaths(found)
    .map((path) => path.split('/')[4])
    .join(' ')

test('a root gives no more than its bound; what is too large for the rest makes way for what is not', async () => {
  const files = disk(skillsOf([600, 300, 200, 100, 1]))
  const { found } = await discover('file:///r', files, { ...BOUNDS, rootBytes: 1000 })
  assert.is(numbers(found), '0 1 3')
  const why = 'the files of one root may have 1000 bytes together'
  assert.equal(
    found.warnings,
    [2, 4].map((index) => `left out file:///r/${index}/SKILL.md: ${why}`),
  )
  assert.is(files.calls.includes('read /r/2/SKILL.md'), false)
})

test('an answer gives no more than its bound, counted as JSON, and says what is left', async () => {
  const file = (bytes: number) => bytes + 'file:///r/0/SKILL.md'.length + 2 + FILE_OVERHEAD
  const left = { files: file(100) + file(200), warnings: 1000 }
  const full = await look(skillsOf([100, 201, 200, 1]), 'file:///r', { left })
  assert.is(numbers(full.found), '0 2')
  assert.is(full.left.files, 0)
  assert.ok(full.left.warnings < 1000)
  assert.equal(
    full.found.warnings,
    [1, 3].map((index) => `left out file:///r/${index}/SKILL.md: the answer holds no more`),
  )
  // A quote takes two bytes, a control character six.
  const escaped = { '/r/0/SKILL.md': '"\u0001'.repeat(50) }
  assert.is((await look(escaped, 'file:///r', { left: { files: file(400), warnings: 1000 } })).left.files, 0)
  assert.is(numbers(await find(escaped, 'file:///r', { left: { files: file(399), warnings: 1000 } })), '')
})

test('the manifest of a plugin stands in the answer twice, and needs twice the room', async () => {
  const tree = { '/r/.codex-plugin/plugin.json': '{}' }
  const needed = 1_000_000 - (await look(tree)).left.files
  assert.ok(needed > 2 * FILE_OVERHEAD)
  assert.is((await look(tree, 'file:///r', { left: { files: needed, warnings: 1000 } })).left.files, 0)
  assert.is((await find(tree, 'file:///r', { left: { files: needed - 1, warnings: 1000 } })).plugin, null)
})

test('warnings end where there is no room for them, and the discovery goes on', async () => {
  const tree = { ...skillsOf(Array.from({ length: 50 }, () => 1001)), '/r/z/SKILL.md': 's' }
  const { skills, warnings } = await find(tree, 'file:///r', { left: { files: 1_000_000, warnings: 1000 } })
  assert.is(skills.length, 1)
  assert.ok(warnings.length > 3 && warnings.length < 10)
})

test.run()
