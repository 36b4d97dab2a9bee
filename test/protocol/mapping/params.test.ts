/** That every path in the params of every method is translated, also one that is added later. */
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import * as capabilityRoots from '../../../src/protocol/schemas/capability-roots.ts'
import * as environmentConfig from '../../../src/protocol/schemas/environment-config.ts'
import * as fs from '../../../src/protocol/schemas/fs.ts'
import * as http from '../../../src/protocol/schemas/http.ts'
import { unwrapLinuxSandbox } from '../../../src/protocol/schemas/linux-sandbox.ts'
import { PathMap } from '../../../src/protocol/schemas/path-map.ts'
import * as process from '../../../src/protocol/schemas/process.ts'
import * as runs from '../../../src/protocol/schemas/runs.ts'
import * as primitives from '../../../src/protocol/schemas/schema-primitives.ts'
import * as session from '../../../src/protocol/schemas/session.ts'
import { test } from '../../support/suite.ts'

/** Texts in params that are no path of this machine to be translated, by the last of their names. */
const NO_PATHS = new Set([
  ...['clientName', 'resumeSessionId', 'processId', 'writeId', 'handleId', 'requestId', 'id', 'scopeId'],
  // What a command gets is what the client wrote. The shell's path is compared with it.
  ...['argv[]', 'arg0', 'env', 'set', 'exclude[]', 'includeOnly[]', 'shell.name', 'shell.path'],
  ...['threadId', 'toolCallId', 'run', 'detached.name', 'missing_path_behavior', 'subpath'],
  // Of HTTP, and of keys in configuration files.
  ...['method', 'url', 'headers[].name', 'value', 'valueEnvVar', 'configPaths[][]', 'requirementsPaths[][]'],
  // Translated with the whole sandbox.
  'pattern',
])

/** What a lazy schema may be given, so that each of its forms is seen. */
const PROBES = [
  undefined,
  null,
  {},
  false,
  { type: 'managed' },
  { sandboxPolicy: {} },
  { sandboxPolicy: {}, permissions: {} },
]

type Node = v.GenericSchema & {
  entries?: Record<string, Node>
  item?: Node
  wrapped?: Node
  options?: readonly unknown[]
  pipe?: readonly Node[]
  getter?: (input: unknown) => Node
  schema?: Node
}

const PATHS: ReadonlySet<unknown> = new Set([primitives.path, primitives.pathOrForeign])
const root = capabilityRoots.CapabilityRootsDiscoverParams.entries.roots.item.entries.path

/** The names of all texts below a schema, with whether they are paths. */
function* textsIn(schema: Node, at: string, seen: ReadonlySet<Node>): Generator<[at: string, isPath: boolean]> {
  if (seen.has(schema)) return
  const inner = new Set([...seen, schema])
  if (PATHS.has(schema) || schema === root) yield [at, true]
  else if (schema.pipe !== undefined) for (const part of schema.pipe) yield* textsIn(part, at, inner)
  else if (schema.entries !== undefined)
    for (const [name, member] of Object.entries(schema.entries)) yield* textsIn(member, `${at}.${name}`, inner)
  else if (schema.item !== undefined) yield* textsIn(schema.item, `${at}[]`, inner)
  else if (schema.wrapped !== undefined) yield* textsIn(schema.wrapped, at, inner)
  else if (schema.getter !== undefined)
    for (const form of new Set(PROBES.map(schema.getter))) yield* textsIn(form, at, inner)
  else if (schema.type === 'variant' || schema.type === 'union')
    for (const option of schema.options ?? []) yield* textsIn(option as Node, at, inner)
  else if (
    schema.type === 'string' ||
    (schema.type === 'custom' && v.is(schema, { A: 'text' }) && !v.is(schema, { A: 1 }))
  )
    yield [at, false]
}

const isSchema = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'kind' in value
const modules = { capabilityRoots, environmentConfig, fs, http, process, runs, session }
const params = Object.entries(modules).flatMap(([room, module]) =>
  Object.entries(module).flatMap(([name, schema]) =>
    name.endsWith('Params') && isSchema(schema) ? [[`${room}.${name}`, schema] as const] : [],
  ),
)

test('each text in the params of a method is a path, which is translated, or known to be none', () => {
  const texts = params.flatMap(([name, schema]) => [...textsIn(schema, name, new Set())])
  const unknown = texts.filter(([at, isPath]) => !isPath && ![...NO_PATHS].some((end) => at.endsWith(`.${end}`)))
  assert.equal(
    unknown.map(([at]) => at),
    [],
  )
  const paths = new Set(texts.flatMap(([at, isPath]) => (isPath ? [at] : [])))
  // That the walk sees something: each kind of place once.
  for (const at of ['process.StartParams.cwd', 'fs.CopyParams.destinationPath', 'fs.WatchMissingParams.missing[]'])
    assert.ok(paths.has(at), at)
  for (const end of [
    'sandbox.workspaceRoots[]',
    'policyContext.userHomeDir',
    'writable_roots[]',
    'entries[].path.path',
  ])
    assert.ok(
      [...paths].some((at) => at.endsWith(end)),
      end,
    )
  assert.ok(paths.has('capabilityRoots.CapabilityRootsDiscoverParams.roots[].path'))
  assert.ok(
    [...paths].some((at) => at.includes('.prepared.')),
    'prepared',
  )
})

const map = new PathMap([{ client: '/Users/me/app', own: '/srv/app' }])
const ENTRIES = [
  { path: { type: 'path', path: '/Users/me/app/secret' }, access: 'deny' },
  { path: { type: 'path', path: 'file:///Users/me/app/out' }, access: 'write' },
  { path: { type: 'glob_pattern', pattern: '/Users/me/app/**/*.env' }, access: 'deny' },
]
const PROFILE = { type: 'managed', file_system: { type: 'restricted', entries: ENTRIES }, network: 'restricted' }
const GRANTS = { file_system: { read: ['/Users/me/app/a'], write: ['/Users/me/app/b'], entries: ENTRIES } }
const SANDBOXES = {
  'a profile of 0.130': { permissions: PROFILE, cwd: '/Users/me/app', workspaceRoots: ['/Users/me/app'] },
  'a profile of 0.171': {
    permissions: PROFILE,
    policyContext: {
      cwd: 'file:///Users/me/app',
      workspaceRoots: ['file:///Users/me/app/x'],
      userHomeDir: 'file:///Users/me/app/home',
    },
  },
  'an untagged profile': { permissions: GRANTS },
  'a legacy policy': {
    sandboxPolicy: {
      type: 'workspace-write',
      writable_roots: ['/Users/me/app/w'],
      read_only_access: { type: 'restricted', readable_roots: ['/Users/me/app/r'] },
    },
    sandboxPolicyCwd: '/Users/me/app',
    fileSystemSandboxPolicy: { kind: 'restricted', entries: ENTRIES },
    additionalPermissions: GRANTS,
  },
}

for (const [name, sandbox] of Object.entries(SANDBOXES))
  test(`all paths of ${name} are translated`, () => {
    const decoded = primitives.decodeParams(fs.ReadFileParams, { path: '/Users/me/app/f', sandbox }, map)
    const text = JSON.stringify(decoded)
    assert.ok(!text.includes('Users'), text)
    assert.ok(text.includes('/srv/app/secret') && text.includes('/srv/app/**/*.env'), text)
    assert.equal(
      JSON.stringify(primitives.decodeParams(fs.ReadFileParams, { path: '/Users/me/app/f', sandbox })),
      text.replaceAll('/srv/app', '/Users/me/app'),
      'without a map the same stands in its place',
    )
  })

test('the wrapper of old clients is read with the map, and the command behind it is not touched', () => {
  const argv = ['/Users/me/bin/codex-linux-sandbox', '--sandbox-policy-cwd', '/Users/me/app']
  const command = ['cat', '/Users/me/app/f']
  const wrapped = unwrapLinuxSandbox([...argv, '--permission-profile', JSON.stringify(PROFILE), '--', ...command], map)
  assert.equal(wrapped?.argv, command)
  assert.is(wrapped?.sandbox.cwd, '/srv/app')
  assert.ok(!JSON.stringify(wrapped?.sandbox).includes('Users'), JSON.stringify(wrapped?.sandbox))
})

test('a prepared start is translated, its command and variables are not', () => {
  const start = {
    processId: 'p',
    argv: ['/Users/me/app/x'],
    cwd: 'file:///Users/me/app',
    env: { HERE: '/Users/me/app' },
    tty: false,
    prepared: {
      sandbox: {
        entries: [
          { path: '/Users/me/app', access: 'write' },
          { path: '/usr', access: 'read' },
        ],
        network: 'enabled',
      },
    },
  }
  const { argv, env, cwd, prepared } = primitives.decodeParams(process.StartParams, start, map)
  assert.equal([argv, env.get('HERE'), cwd], [['/Users/me/app/x'], '/Users/me/app', '/srv/app'])
  assert.ok(JSON.stringify(prepared).includes('"/srv/app"') && !JSON.stringify(prepared).includes('Users'))
})

test('a root of capabilities keeps its spelling, and one on another machine stays where it is', () => {
  const roots = ['file:///Users/me/app/', '/Users/me/app/x y', 'file:///C:/x'].map((path) => ({ id: '', path }))
  const decoded = primitives.decodeParams(capabilityRoots.CapabilityRootsDiscoverParams, { roots }, map)
  assert.equal(
    decoded.roots.map(({ path }) => path),
    [
      { uri: 'file:///srv/app/', isForeign: false },
      { uri: 'file:///srv/app/x%20y', isForeign: false },
      { uri: 'file:///C:/x', isForeign: true },
    ],
  )
})

test('what is wrong is refused with the same words as without a map', () => {
  const messageOf = (given?: PathMap): string => {
    try {
      primitives.decodeParams(fs.CopyParams, { sourcePath: '/a', destinationPath: 'b', recursive: true }, given)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.is(messageOf(map), messageOf())
  assert.match(messageOf(), 'destinationPath')
})

test.run()
