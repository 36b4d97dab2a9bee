import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import { SandboxContext } from '../../../src/protocol/schemas/sandbox-context.ts'
import type {
  Access,
  Entry,
  EntryPath,
  FilePermissions,
  Network,
  Sandbox,
} from '../../../src/protocol/schemas/sandbox.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const Params = v.object({ sandbox: SandboxContext })
const decodeText = (text: string): Sandbox | null | undefined =>
  decodeParams(Params, parseJson(`{"sandbox":${text}}`)).sandbox
const decode = (context: Json): Sandbox | null | undefined => decodeText(JSON.stringify(context))

const refuses = (context: Json, what = /./): void => {
  assert.throws(
    () => decode(context),
    (error: unknown) => error instanceof RpcError && error.code === -32602 && what.test(error.message),
    JSON.stringify(context).slice(0, 200),
  )
}

const rest = { windowsSandboxLevel: 'disabled', windowsSandboxPrivateDesktop: false, useLegacyLandlock: true }
const profile = (fileSystem: Json, network: Json = 'restricted'): Json => ({
  permissions: { type: 'managed', file_system: fileSystem, network },
  ...rest,
})
const restricted = (...entries: Json[]): Json => ({ type: 'restricted', entries })
const filesOf = (context: Json): FilePermissions | undefined => decode(context)?.files
const entriesOf = (context: Json): Entry[] => {
  const files = filesOf(context)
  if (files === undefined || files.unrestricted) throw new Error('unrestricted')
  return files.entries
}
const at = (path: string, access: Access): Entry => ({ at: { type: 'path', path }, access })

// ---- profiles ----

test('absent and null mean that nothing is to be enforced, and nothing else does', () => {
  assert.is(decodeParams(Params, parseJson('{}')).sandbox, undefined)
  assert.is(decode(null), null)
  for (const context of [{}, [], false, 0, '', 'none', 'disabled', [null], { sandbox: null }, rest] as Json[])
    refuses(context)
})

test('a profile is unrestricted if it says so, and what it says of the network holds all the same', () => {
  const open = { unrestricted: true }
  assert.equal(decode({ permissions: { type: 'disabled' }, ...rest }), { files: open, network: 'enabled' })
  for (const network of ['restricted', 'enabled']) {
    assert.equal(decode({ permissions: { type: 'external', network } }), { files: open, network })
    assert.equal(decode(profile({ type: 'unrestricted' }, network)), { files: open, network })
    assert.equal(decode(profile(restricted(), network)), { files: { unrestricted: false, entries: [] }, network })
  }
})

test('entries are of paths, globs and symbols, each with an access', () => {
  const entries: [Json, EntryPath][] = [
    [
      { type: 'path', path: '/a' },
      { type: 'path', path: '/a' },
    ],
    [
      { type: 'glob_pattern', pattern: '**/*.env' },
      { type: 'glob', pattern: '**/*.env' },
    ],
    [{ type: 'special', value: { kind: 'root' } }, { type: 'root' }],
    [{ type: 'special', value: { kind: 'minimal' } }, { type: 'minimal' }],
    [{ type: 'special', value: { kind: 'tmpdir' } }, { type: 'tmpdir' }],
    [{ type: 'special', value: { kind: 'slash_tmp' } }, { type: 'slash_tmp' }],
    [{ type: 'special', value: { kind: 'unknown', path: ':future', subpath: 'x' } }, { type: 'unknown' }],
    [{ type: 'special', value: { kind: 'project_roots' } }, { type: 'project_roots' }],
    [{ type: 'special', value: { kind: 'project_roots', subpath: null } }, { type: 'project_roots' }],
    [
      { type: 'special', value: { kind: 'project_roots', subpath: '.git' } },
      { type: 'project_roots', subpath: '.git' },
    ],
    [{ type: 'special', value: { kind: 'current_working_directory' } }, { type: 'project_roots' }],
    [
      { type: 'special', value: { kind: 'current_working_directory', subpath: 'a/b' } },
      { type: 'project_roots', subpath: 'a/b' },
    ],
  ]
  for (const [wire, path] of entries) {
    for (const access of ['read', 'write', 'deny'] as const)
      assert.equal(entriesOf(profile(restricted({ path: wire, access }))), [{ at: path, access }])
    assert.equal(entriesOf(profile(restricted({ path: wire, access: 'none' }))), [{ at: path, access: 'deny' }])
  }
})

test('what to do with a missing path may be said, and changes nothing', () => {
  for (const missing_path_behavior of ['skip', 'something new', null]) {
    assert.equal(
      entriesOf(profile(restricted({ path: { type: 'path', path: '/a' }, access: 'read', missing_path_behavior }))),
      [at('/a', 'read')],
    )
  }
})

test('paths are plain or file URIs, and come out normalised', () => {
  for (const path of ['/a b/c', 'file:///a%20b/c', 'file:/a b/c', '//a b//./x/../c/']) {
    assert.equal(entriesOf(profile(restricted({ path: { type: 'path', path }, access: 'read' }))), [
      at('/a b/c', 'read'),
    ])
    assert.equal(decode({ permissions: { type: 'disabled' }, cwd: path, workspaceRoots: [path] }), {
      files: { unrestricted: true },
      network: 'enabled',
      cwd: '/a b/c',
      workspaceRoots: ['/a b/c'],
    })
  }
})

test('how deep globs are looked for is a number above zero, if it is said', () => {
  const depth = (glob_scan_max_depth: Json): Json => profile({ type: 'restricted', entries: [], glob_scan_max_depth })
  assert.equal(filesOf(depth(3)), { unrestricted: false, entries: [], globScanMaxDepth: 3 })
  assert.equal(filesOf(depth(null)), { unrestricted: false, entries: [] })
  for (const wrong of [0, -1, 1.5, '3', true]) refuses(depth(wrong))
})

test('the policy’s context counts before the flat cwd and workspace roots, whole', () => {
  const permissions = { type: 'disabled' }
  const place = (context: { [key: string]: Json }): Json => {
    const { files, network, ...place } = decode({ permissions, ...context }) as Sandbox
    return place as Json
  }
  assert.equal(place({}), {})
  assert.equal(place({ cwd: '/a' }), { cwd: '/a' })
  assert.equal(place({ cwd: null, workspaceRoots: null, policyContext: null }), {})
  assert.equal(place({ cwd: '/a', workspaceRoots: [] }), { cwd: '/a', workspaceRoots: [] })
  assert.equal(place({ cwd: '/a', workspaceRoots: ['/b', 'file:///c'] }), { cwd: '/a', workspaceRoots: ['/b', '/c'] })
  const policyContext = {
    cwd: 'file:///x',
    workspaceRoots: ['file:///y'],
    userHomeDir: 'file:///h',
    temporaryDirectories: ['file:///t'],
  }
  assert.equal(place({ cwd: '/a', workspaceRoots: ['/b'], policyContext }), {
    cwd: '/x',
    workspaceRoots: ['/y'],
    home: '/h',
  })
  assert.equal(place({ cwd: '/a', workspaceRoots: ['/b'], policyContext: { cwd: '/x' } }), { cwd: '/x' })
  for (const wrong of [5, 'relative', '', ['/a'], {}] as Json[]) {
    refuses({ permissions, cwd: wrong })
    refuses({ permissions, workspaceRoots: [wrong] })
    refuses({ permissions, policyContext: { cwd: wrong } })
  }
  for (const wrong of ['/a', 5, { '0': '/a' }] as Json[]) refuses({ permissions, workspaceRoots: wrong })
  for (const wrong of ['/a', 5, true, [], ['/a']] as Json[]) refuses({ permissions, policyContext: wrong })
  assert.equal(place({ cwd: '/a', policyContext: {} }), {})
  assert.equal(place({ policyContext: { userHomeDir: 'file:///home/u' } }), { home: '/home/u' })
  assert.equal(place({ policyContext: { userHomeDir: null }, userHomeDir: 5 }), {})
  for (const odd of ['home', 'file:///C:/Users/u', 5, true, []] as Json[])
    assert.equal(place({ policyContext: { userHomeDir: odd } }), {})
})

test('an untagged profile, as older clients have it, grants what it lists', () => {
  assert.equal(decode({ permissions: { file_system: { read: ['/r'], write: ['file:///w'] } }, cwd: '/c' }), {
    files: { unrestricted: false, entries: [at('/r', 'read'), at('/w', 'write')] },
    network: 'restricted',
    cwd: '/c',
  })
  assert.equal(
    decode({
      permissions: {
        file_system: {
          entries: [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }],
          glob_scan_max_depth: 2,
        },
        network: { enabled: true },
      },
    }),
    {
      files: { unrestricted: false, entries: [{ at: { type: 'root' }, access: 'read' }], globScanMaxDepth: 2 },
      network: 'enabled',
    },
  )
  const nothing: FilePermissions = { unrestricted: false, entries: [] }
  for (const enabled of [false, null])
    assert.equal(decode({ permissions: { network: { enabled } } }), { files: nothing, network: 'restricted' })
  assert.equal(decode({ permissions: { network: {}, file_system: null } }), { files: nothing, network: 'restricted' })
  // Nothing at all is no profile.
  for (const permissions of [{}, { file_system: null, network: null }, { filesystem: {} }] as Json[])
    refuses({ permissions })
})

// ---- legacy policies ----

const legacy = (sandboxPolicy: Json, more: { [key: string]: Json } = {}): Json => ({ sandboxPolicy, ...rest, ...more })
const ROOT: Entry = { at: { type: 'root' }, access: 'read' }
const symbol = (type: 'minimal' | 'project_roots' | 'slash_tmp' | 'tmpdir', access: Access): Entry => ({
  at: { type },
  access,
})

test('legacy policies mean what profiles say in more words', () => {
  const open = { unrestricted: true } as const
  const cases: [Json, FilePermissions, Network][] = [
    [{ type: 'danger-full-access' }, open, 'enabled'],
    [{ type: 'external-sandbox' }, open, 'restricted'],
    [{ type: 'external-sandbox', network_access: 'enabled' }, open, 'enabled'],
    [{ type: 'read-only' }, { unrestricted: false, entries: [ROOT] }, 'restricted'],
    [
      { type: 'read-only', network_access: true, access: { type: 'full-access' } },
      { unrestricted: false, entries: [ROOT] },
      'enabled',
    ],
    [
      { type: 'read-only', access: { type: 'restricted', readable_roots: ['/r'] } },
      { unrestricted: false, entries: [symbol('minimal', 'read'), at('/r', 'read')] },
      'restricted',
    ],
    [
      { type: 'read-only', access: { type: 'restricted', include_platform_defaults: false } },
      { unrestricted: false, entries: [] },
      'restricted',
    ],
    [
      { type: 'workspace-write', writable_roots: ['/w', '/v'], network_access: true },
      {
        unrestricted: false,
        entries: [
          ROOT,
          symbol('project_roots', 'write'),
          at('/w', 'write'),
          at('/v', 'write'),
          symbol('slash_tmp', 'write'),
          symbol('tmpdir', 'write'),
        ],
      },
      'enabled',
    ],
    [
      {
        type: 'workspace-write',
        exclude_tmpdir_env_var: true,
        exclude_slash_tmp: true,
        read_only_access: { type: 'restricted', include_platform_defaults: true, readable_roots: ['/r'] },
      },
      { unrestricted: false, entries: [symbol('minimal', 'read'), at('/r', 'read'), symbol('project_roots', 'write')] },
      'restricted',
    ],
  ]
  for (const [policy, files, network] of cases) {
    assert.equal(decode(legacy(policy)), { files, network, cwdImplied: true }, JSON.stringify(policy))
    assert.equal(decode(legacy(policy, { sandboxPolicyCwd: 'file:///c' })), { files, network, cwd: '/c' })
  }
})

test('a finer policy beside a legacy one counts for files, and needs the cwd', () => {
  const fileSystemSandboxPolicy = {
    kind: 'restricted',
    entries: [{ path: { type: 'path', path: '/a' }, access: 'none' }],
    glob_scan_max_depth: 1,
  }
  const files = { unrestricted: false, entries: [at('/a', 'deny')], globScanMaxDepth: 1 }
  for (const type of ['read-only', 'workspace-write', 'danger-full-access']) {
    const decoded = decode(legacy({ type }, { fileSystemSandboxPolicy, sandboxPolicyCwd: '/c' }))
    assert.equal(decoded?.files, files)
    refuses(legacy({ type }, { fileSystemSandboxPolicy }), /requires sandboxPolicyCwd/)
    refuses(legacy({ type }, { fileSystemSandboxPolicy, sandboxPolicyCwd: null }), /requires sandboxPolicyCwd/)
  }
  assert.is(
    decode(
      legacy({ type: 'read-only' }, { fileSystemSandboxPolicy: { kind: 'external-sandbox' }, sandboxPolicyCwd: '/c' }),
    )?.files.unrestricted,
    true,
  )
  for (const wrong of [{}, { kind: 'martian' }, { kind: 'restricted' }, 'restricted', []] as Json[])
    refuses(legacy({ type: 'read-only' }, { fileSystemSandboxPolicy: wrong, sandboxPolicyCwd: '/c' }))
})

test('additional permissions are added, and can only add', () => {
  const more = (additionalPermissions: Json): Sandbox =>
    decode(legacy({ type: 'read-only' }, { additionalPermissions })) as Sandbox
  const entries = (sandbox: Sandbox): Entry[] => (sandbox.files.unrestricted ? [] : sandbox.files.entries)
  assert.equal(entries(more({ file_system: { read: ['/r'], write: ['/w'] } })), [
    ROOT,
    at('/r', 'read'),
    at('/w', 'write'),
  ])
  assert.equal(entries(more({ file_system: { entries: [{ path: { type: 'path', path: '/x' }, access: 'write' }] } })), [
    ROOT,
    at('/x', 'write'),
  ])
  assert.equal(entries(more({ file_system: { read: null, write: null } })), [ROOT])
  assert.is(more({ network: { enabled: true } }).network, 'enabled')
  assert.is(more({ network: { enabled: null } }).network, 'restricted')
  const open = decode(
    legacy(
      { type: 'danger-full-access' },
      { additionalPermissions: { network: { enabled: false }, file_system: { read: ['/r'] } } },
    ),
  )
  assert.equal([open?.files, open?.network], [{ unrestricted: true }, 'enabled'])
  for (const wrong of [
    { file_system: { read: ['r'] } },
    { file_system: { write: '/w' } },
    { network: true },
    'all',
  ] as Json[])
    refuses(legacy({ type: 'read-only' }, { additionalPermissions: wrong }))
})

test('permissions count where a legacy policy stands beside them', () => {
  assert.is(
    decode({ permissions: { type: 'disabled' }, sandboxPolicy: { type: 'read-only' } })?.files.unrestricted,
    true,
  )
  assert.is(
    filesOf({ ...(profile(restricted()) as object), sandboxPolicy: { type: 'danger-full-access' } })?.unrestricted,
    false,
  )
  refuses({ permissions: null, sandboxPolicy: { type: 'danger-full-access' } })
})

// ---- what is not understood ----

test('what is not understood is refused', () => {
  const entry = (path: Json, access: Json = 'read'): Json => profile(restricted({ path, access }))
  const special = (value: Json): Json => entry({ type: 'special', value })
  const path = { type: 'path', path: '/a' }
  for (const context of [
    { permissions: null },
    { permissions: 'disabled' },
    { permissions: ['disabled'] },
    { permissions: { type: 'martian' } },
    { permissions: { type: null, file_system: { read: [] } } },
    { permissions: { type: 'Disabled' } },
    { permissions: { type: 'external' } },
    { permissions: { type: 'external', network: 'full' } },
    { permissions: { type: 'managed', file_system: { type: 'unrestricted' } } },
    { permissions: { type: 'managed', network: 'enabled' } },
    { type: 'disabled' },
    profile(null),
    profile('unrestricted'),
    profile({ type: 'external' }),
    profile({ type: 'restricted' }),
    profile({ type: 'restricted', entries: {} }),
    profile(restricted('/a')),
    profile(restricted({ path })),
    profile(restricted({ access: 'read' })),
    entry(path, 'execute'),
    entry(path, null),
    entry('/a'),
    entry({ type: 'path', path: 'a' }),
    entry({ type: 'path', path: '~/a' }),
    entry({ type: 'path', path: '/a\0' }),
    entry({ type: 'path', path: 'http://a/b' }),
    entry({ type: 'glob_pattern' }),
    entry({ type: 'glob_pattern', pattern: '/a\0*' }),
    entry({ type: 'glob', pattern: '*' }),
    special('root'),
    special({ kind: 'home' }),
    special({}),
    special({ kind: 'project_roots', subpath: '/etc' }),
    special({ kind: 'project_roots', subpath: 'a/../../b' }),
    special({ kind: 'current_working_directory', subpath: '..' }),
    special({ kind: 'project_roots', subpath: 'a\0' }),
    special({ kind: 'project_roots', subpath: 5 }),
    profile(restricted({ path, access: 'read', missing_path_behavior: 5 })),
    legacy(null),
    legacy('read-only'),
    legacy({ type: 'dangerFullAccess' }),
    legacy({ type: 'read_only' }),
    legacy({ type: 'workspace-write', writable_roots: ['w'] }),
    legacy({ type: 'workspace-write', exclude_slash_tmp: 'yes' }),
    legacy({ type: 'read-only', network_access: 'enabled' }),
    legacy({ type: 'external-sandbox', network_access: true }),
    legacy({ type: 'read-only', access: { type: 'none' } }),
    legacy({ type: 'read-only', access: { type: 'restricted', readable_roots: ['relative'] } }),
    legacy({ type: 'read-only' }, { sandboxPolicyCwd: 'relative' }),
  ] as Json[]) {
    refuses(context)
  }
})

test('a list or a number where an object belongs is refused, and not taken for an empty object', () => {
  for (const odd of ['[]', '1.5', '[{}]', '-0']) {
    for (const text of [
      `{"permissions":{"network":${odd}}}`,
      `{"permissions":{"file_system":${odd}}}`,
      `{"permissions":${odd}}`,
      `{"permissions":{"type":"disabled"},"policyContext":${odd}}`,
      `{"sandboxPolicy":{"type":"read-only"},"additionalPermissions":${odd}}`,
      `{"sandboxPolicy":{"type":"read-only"},"additionalPermissions":{"network":${odd}}}`,
      odd,
    ]) {
      assert.throws(
        () => decodeText(text),
        (error: unknown) => error instanceof RpcError && error.code === -32602,
        text,
      )
    }
  }
})

test('more entries than any profile has are refused', () => {
  const entry = { path: { type: 'path', path: '/a' }, access: 'read' }
  const entries = (count: number): Json[] => Array.from({ length: count }, () => entry)
  assert.is(entriesOf(profile(restricted(...entries(2048)))).length, 2048)
  refuses(profile(restricted(...entries(2049))))
  for (const list of ['read', 'write'])
    refuses({ permissions: { file_system: { [list]: Array.from({ length: 2049 }, () => '/a') } } })
  for (const list of ['writable_roots'])
    refuses(legacy({ type: 'workspace-write', [list]: Array.from({ length: 2049 }, () => '/a') }))
  refuses({ permissions: { type: 'disabled' }, workspaceRoots: Array.from({ length: 2049 }, () => '/a') })
})

test('what is too much is refused before any of it is read', () => {
  const roots = (list: string[]): Json => ({ permissions: { type: 'disabled' }, workspaceRoots: list })
  const wrong = 'no path'
  refuses(roots([wrong]), /neither absolute/)
  refuses(roots(Array.from({ length: 2049 }, () => wrong)), /at most 2048 items/)
  const long = `${wrong}${'x'.repeat(16_000)}`
  refuses(roots(Array.from({ length: 66 }, () => long)), /at most 1048576 characters/)
  const entry = { path: { type: 'glob_pattern', pattern: 'x'.repeat(16_000) }, access: 'deny' }
  refuses(profile(restricted(...Array.from({ length: 66 }, () => entry))), /at most 1048576 characters/)
})

test('a member that the objects of the language have is no member of a request', () => {
  for (const text of [
    '{"__proto__":{"permissions":{"type":"disabled"}}}',
    '{"constructor":{"permissions":{"type":"disabled"}}}',
    '{"permissions":{"__proto__":{"type":"disabled"}}}',
  ]) {
    assert.throws(
      () => decodeText(text),
      (error: unknown) => error instanceof RpcError && error.code === -32602,
    )
  }
})

// ---- random contexts ----

type Pair<T> = { wire: Json; means: T }

const pathText = fc
  .constantFrom('/a', '/a/b', '/w/x y')
  .chain(
    (path): fc.Arbitrary<Pair<string>> =>
      fc.constantFrom(path, `file://${path.replace(' ', '%20')}`).map((wire) => ({ wire, means: path })),
  )

const accessText = fc.constantFrom<[string, Access][]>(
  ['read', 'read'],
  ['write', 'write'],
  ['deny', 'deny'],
  ['none', 'deny'],
)

const special = (kind: string, means: EntryPath, more = {}): Pair<EntryPath> => ({
  wire: { type: 'special', value: { kind, ...more } },
  means,
})
const entryPath: fc.Arbitrary<Pair<EntryPath>> = fc.oneof(
  pathText.map(
    ({ wire, means }): Pair<EntryPath> => ({
      wire: { type: 'path', path: wire },
      means: { type: 'path', path: means },
    }),
  ),
  fc
    .constantFrom('*.env', '/a/**')
    .map((pattern): Pair<EntryPath> => ({ wire: { type: 'glob_pattern', pattern }, means: { type: 'glob', pattern } })),
  fc.constantFrom<'root' | 'minimal' | 'tmpdir'>('root', 'minimal', 'tmpdir').map((type) => special(type, { type })),
  fc
    .constantFrom('project_roots', 'current_working_directory')
    .map((kind) => special(kind, { type: 'project_roots', subpath: 'x' }, { subpath: 'x' })),
)
const entry: fc.Arbitrary<Pair<Entry>> = fc
  .tuple(entryPath, accessText, fc.constantFrom({}, { missing_path_behavior: 'skip' }))
  .map(([path, [word, access], more]) => ({
    wire: { path: path.wire, access: word, ...more },
    means: { at: path.means, access },
  }))
const entryList: fc.Arbitrary<Pair<Entry[]>> = fc
  .array(entry, { maxLength: 3 })
  .map((all) => ({ wire: all.map(({ wire }) => wire), means: all.map(({ means }) => means) }))
const networkWord = fc.constantFrom<Network[]>('restricted', 'enabled')

const restrictedContext: fc.Arbitrary<Pair<Sandbox>> = fc.oneof(
  fc.tuple(entryList, networkWord, pathText, fc.boolean()).map(
    ([entries, network, cwd, isNested]): Pair<Sandbox> => ({
      wire: {
        permissions: {
          type: 'managed',
          file_system: { type: 'restricted', entries: entries.wire, glob_scan_max_depth: 4 },
          network,
        },
        ...(isNested
          ? { cwd: '/flat', policyContext: { cwd: cwd.wire, workspaceRoots: [cwd.wire] } }
          : { cwd: cwd.wire, workspaceRoots: [cwd.wire] }),
      },
      means: {
        files: { unrestricted: false, entries: entries.means, globScanMaxDepth: 4 },
        network,
        cwd: cwd.means,
        workspaceRoots: [cwd.means],
      },
    }),
  ),
  fc.tuple(entryList, pathText, fc.boolean()).map(
    ([entries, path, enabled]): Pair<Sandbox> => ({
      wire: { permissions: { file_system: { entries: entries.wire, write: [path.wire] }, network: { enabled } } },
      means: {
        files: { unrestricted: false, entries: [...entries.means, at(path.means, 'write')] },
        network: enabled ? 'enabled' : 'restricted',
      },
    }),
  ),
  fc.tuple(entryList, pathText, fc.boolean()).map(
    ([entries, cwd, isFiner]): Pair<Sandbox> => ({
      wire: {
        sandboxPolicy: { type: 'read-only', access: { type: 'full-access' }, network_access: false },
        sandboxPolicyCwd: cwd.wire,
        ...(isFiner
          ? { fileSystemSandboxPolicy: { kind: 'restricted', entries: entries.wire } }
          : { additionalPermissions: { file_system: { entries: entries.wire } } }),
      },
      means: {
        files: { unrestricted: false, entries: isFiner ? entries.means : [ROOT, ...entries.means] },
        network: 'restricted',
        cwd: cwd.means,
      },
    }),
  ),
)

test('every valid context is parsed as written, unknown members included', () => {
  fc.assert(
    fc.property(
      restrictedContext,
      fc.dictionary(fc.constantFrom('x', 'windowsSandboxLevel', 'unknownMember'), fc.jsonValue({ maxDepth: 1 })),
      ({ wire, means }, more) => {
        assert.equal(decode({ ...more, ...(wire as object) } as Json), means)
      },
    ),
    { numRuns: 300 },
  )
})

/** Every place in a value that something else could stand in: the container, and the key in it. */
function placesIn(value: Json): [container: { [key: string]: Json } | Json[], key: string][] {
  if (typeof value !== 'object' || value === null) return []
  const container = value as { [key: string]: Json }
  return Object.keys(value).flatMap((key) => [
    [container, key] as [typeof container, string],
    ...placesIn(container[key] as Json),
  ])
}

/** None of these is a word that opens anything. */
const JUNK: Json[] = [
  null,
  false,
  0,
  1,
  -1,
  1.5,
  1e30,
  '',
  'x',
  '/',
  '/etc',
  'file:///x',
  'martian',
  'restricted',
  'managed',
  'root',
  'path',
  'kind',
  [],
  {},
  [{}],
  { type: 'martian' },
  { type: 'restricted' },
  { kind: 'root' },
  ['/a'],
]

type Change = { pick: number; how: 'remove' | 'replace' | 'rename' | 'wrap' | 'add'; junk: Json }

const anyChange: fc.Arbitrary<Change> = fc.record({
  pick: fc.nat(),
  how: fc.constantFrom('remove', 'replace', 'replace', 'rename', 'wrap', 'add'),
  junk: fc.constantFrom(...JUNK),
})

function changed(context: Json, { pick, how, junk }: Change): Json {
  const copy = structuredClone(context)
  const places = placesIn(copy)
  const [container, key] = places[pick % places.length] ?? [{}, '']
  const members = container as { [key: string]: Json }
  const value = members[key] as Json
  if (how === 'replace') members[key] = junk
  else if (how === 'wrap') members[key] = [value]
  else if (Array.isArray(container))
    container.splice(Number(key), how === 'add' ? 0 : 1, ...(how === 'add' ? [junk] : []))
  else if (how === 'add') members['extra'] = junk
  else {
    delete members[key]
    if (how === 'rename') members[`${key}s`] = value
  }
  return copy
}

function assertWellFormed(sandbox: Sandbox): void {
  const { files, network, cwd, cwdImplied, workspaceRoots, ...others } = sandbox
  assert.equal(others, {})
  assert.ok(network === 'restricted' || network === 'enabled')
  const isPath = (path: unknown): boolean =>
    typeof path === 'string' && /^\/(?!.*(?:\/\/|\/\.{1,2}(?:\/|$)|\0|.\/$))/s.test(path)
  if ('cwd' in sandbox) assert.ok(isPath(cwd))
  if ('cwdImplied' in sandbox) assert.is(cwdImplied, true)
  if ('workspaceRoots' in sandbox) assert.ok(Array.isArray(workspaceRoots) && workspaceRoots.every(isPath))
  if (files.unrestricted) return assert.equal(files, { unrestricted: true })
  const { unrestricted, entries, globScanMaxDepth, ...rest } = files
  assert.equal([unrestricted, rest], [false, {}])
  if ('globScanMaxDepth' in files) assert.ok(Number.isInteger(globScanMaxDepth) && (globScanMaxDepth as number) >= 1)
  for (const { at, access, ...rest } of entries) {
    assert.equal(rest, {})
    assert.ok(['read', 'write', 'deny'].includes(access))
    assert.ok(['path', 'glob', 'root', 'minimal', 'tmpdir', 'slash_tmp', 'unknown', 'project_roots'].includes(at.type))
    if (at.type === 'path') assert.ok(isPath(at.path))
    if (at.type === 'glob') assert.type(at.pattern, 'string')
    if (at.type === 'project_roots' && 'subpath' in at) assert.ok(!/^\/|(^|\/)\.\.(\/|$)|\0/.test(at.subpath as string))
  }
}

test('a context with something changed in it is refused or well-formed, and never opens what it restricted', () => {
  fc.assert(
    fc.property(restrictedContext, fc.array(anyChange, { minLength: 1, maxLength: 3 }), ({ wire, means }, changes) => {
      const context = changes.reduce(changed, wire)
      let sandbox: Sandbox | null | undefined
      try {
        sandbox = decode(context)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        return assert.is(error.code, -32602)
      }
      if (sandbox === null || sandbox === undefined) throw new Error(`${JSON.stringify(context)} means nothing`)
      assertWellFormed(sandbox)
      assert.is(sandbox.files.unrestricted, false)
      if (means.network === 'restricted') assert.is(sandbox.network, 'restricted')
    }),
    { numRuns: 1500 },
  )
})

test('null means the same as absent, or is refused', () => {
  fc.assert(
    fc.property(restrictedContext, fc.nat(), ({ wire }, pick) => {
      const outcome = (context: Json): string => {
        try {
          return JSON.stringify(decode(context))
        } catch {
          return 'refused'
        }
      }
      const change: Change = { pick, how: 'replace', junk: null }
      const places = placesIn(wire)
      if (Array.isArray((places[pick % places.length] as (typeof places)[number])[0])) return
      const withNull = outcome(changed(wire, change))
      if (withNull !== 'refused') assert.is(withNull, outcome(changed(wire, { ...change, how: 'remove' })))
    }),
    { numRuns: 500 },
  )
})

test('whatever JSON stands for a sandbox, it is refused or well-formed', () => {
  const word = fc.constantFrom(
    'managed',
    'disabled',
    'external',
    'restricted',
    'unrestricted',
    'enabled',
    'read-only',
    'danger-full-access',
    '/a',
  )
  const part = fc.oneof({ depthSize: 'small' }, fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<Json>, word)
  const typed = fc.record(
    {
      type: part,
      kind: part,
      file_system: fc.oneof(part, fc.record({ type: word, entries: part })),
      network: fc.oneof(part, word),
      entries: part,
    },
    { requiredKeys: [] },
  )
  const context = fc.record(
    {
      permissions: fc.oneof(part, typed),
      sandboxPolicy: fc.oneof(part, typed),
      fileSystemSandboxPolicy: fc.oneof(part, typed),
      sandboxPolicyCwd: part,
      cwd: part,
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(context, (value) => {
      const text = JSON.stringify(value)
      if (/\\ud[89a-f]/i.test(text)) return
      let sandbox: Sandbox | null | undefined
      try {
        sandbox = decodeText(text)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        return assert.is(error.code, -32602)
      }
      assertWellFormed(sandbox as Sandbox)
      if ((sandbox as Sandbox).files.unrestricted)
        assert.match(text, /"(disabled|external|unrestricted|danger-full-access)"/)
    }),
    { numRuns: 1000 },
  )
})

test.run()
