/** The sandboxes that everything is tried in. */
import type { Topic } from './operations.ts'
import { context, deny, entry, glob, literal, managed, MINIMAL, read, ROOT, ROOTS, special, write } from './shapes.ts'
import type { Entry } from './shapes.ts'
import type { Tree, Variant } from './tree.ts'

export type Profile = {
  name: string
  sandbox(tree: Tree): unknown
  /** What the reference is asked for instead, where it does not know a dialect that we read. */
  modern?(tree: Tree): unknown
  topics?: readonly Topic[]
  /** A handful of operations is enough, as it is the shape that is tried. */
  brief?: true
  variant?: Variant
  /** Of the server and of commands. */
  tmpdir?(tree: Tree): string
  /** More of what process/start is asked for. */
  start?: object
  /** Not beside others, as mount points are made in the machine's own `/`. */
  alone?: true
}

type Build = (tree: Tree) => readonly Entry[]

const at = (tree: Tree, target: string) => literal(tree.uri(target))

/** Of a workspace `ws`, in which commands run. */
const place = (tree: Tree) => ({ cwd: tree.uri('ws'), workspaceRoots: [tree.uri('ws')] })

function restricted(
  name: string,
  build: Build,
  more: Partial<Profile> & { network?: string; files?: object; place?(tree: Tree): object } = {},
): Profile {
  const { network, files, place: where = place, ...rest } = more
  return { name, sandbox: (tree) => context(managed(build(tree), network, files), where(tree)), ...rest }
}

function shape(name: string, sandbox: (tree: Tree) => unknown, more: Partial<Profile> = {}): Profile {
  return { name, sandbox, brief: true, ...more }
}

const protectedRoots = (names: readonly string[], more: object = {}): Entry[] =>
  names.map((subpath) => entry(special('project_roots', { subpath }), 'read', more))

const SKIP = { missing_path_behavior: 'skip' }

const workspaceBase = [read(ROOT), write(ROOTS), write(special('slash_tmp')), write(special('tmpdir'))]
const workspaceWrite = [...workspaceBase, ...protectedRoots(['.git', '.agents', '.codex', '.aws'], SKIP)]
const workspaceWrite150 = [...workspaceBase, ...protectedRoots(['.git', '.agents', '.codex'], SKIP)]
const workspaceWrite130 = [...workspaceBase, ...protectedRoots(['.git', '.agents', '.codex'])]
const memories = (path: string): Entry => write(literal(path))

/** Nothing but the workspace and what programs need. */
const closed = [read(MINIMAL), write(ROOTS)]

const legacy = (policy: object) => ({ sandboxPolicy: policy, windowsSandboxLevel: 'disabled' })

/** For where there is no sandbox, and they cost little. */
const everything: readonly Topic[] = [
  'denied',
  'extra',
  'glob',
  'links',
  'missing',
  'nesting',
  'process',
  'protected',
  'single',
  'tmp',
]

const full: Profile[] = [
  { name: 'none', sandbox: () => null },
  { name: 'disabled', sandbox: (tree) => context({ type: 'disabled' }, place(tree)) },
  { name: 'external restricted', sandbox: (tree) => context({ type: 'external', network: 'restricted' }, place(tree)) },
  { name: 'external enabled', sandbox: (tree) => context({ type: 'external', network: 'enabled' }, place(tree)) },
  ...['restricted', 'enabled'].map(
    (network): Profile => ({
      name: `unrestricted ${network}`,
      sandbox: (tree) => context({ type: 'managed', file_system: { type: 'unrestricted' }, network }, place(tree)),
    }),
  ),
]

const ordinary: Profile[] = [
  restricted('read-only', () => [read(ROOT)], { topics: ['protected', 'process'] }),
  restricted('read-only with network', () => [read(ROOT)], { network: 'enabled', topics: ['process'] }),
  restricted('workspace 0.169', () => workspaceWrite, { topics: ['protected', 'tmp', 'links', 'extra', 'process'] }),
  restricted('workspace 0.150', () => workspaceWrite150, { topics: ['protected', 'tmp'] }),
  restricted('workspace 0.130 in URIs', (tree) => [...workspaceWrite130, memories(tree.uri('gone/memories'))], {
    topics: ['protected', 'missing'],
  }),
  restricted('workspace with network', () => workspaceWrite, { network: 'enabled', topics: ['process'] }),
  restricted('workspace with TMPDIR', () => workspaceWrite, { topics: ['tmp'], tmpdir: (tree) => tree.path('tmpdir') }),
  restricted('workspace with a relative TMPDIR', () => workspaceWrite, { topics: ['tmp'], tmpdir: () => 'tmpdir' }),
  restricted('workspace without root', () => closed, { topics: ['protected', 'links', 'tmp', 'extra', 'process'] }),
  restricted('workspace without root and minimal', () => [write(ROOTS)], { topics: ['protected', 'links', 'process'] }),
  restricted('read-only workspace without root', () => [read(MINIMAL), read(ROOTS)], { topics: ['protected'] }),
  restricted(
    'a readable link to programs',
    (tree) => [...closed.slice(1), read(literal('file:///bin')), read(literal('file:///usr')), read(at(tree, 'extra'))],
    {
      topics: ['extra'],
    },
  ),
]

const narrowed: Profile[] = [
  restricted('write on a folder of it', (tree) => [read(ROOT), write(at(tree, 'ws/nested'))], {
    topics: ['protected', 'links'],
  }),
  restricted('write on what is above it', (tree) => [read(ROOT), write(literal(tree.uri('')))], {
    topics: ['protected', 'extra', 'links'],
  }),
  restricted('write on it and a folder of it', (tree) => [...workspaceWrite, write(at(tree, 'ws/nested'))], {
    topics: ['protected'],
  }),
  restricted(
    'read in write in read',
    (tree) => [
      read(ROOT),
      write(ROOTS),
      read(at(tree, 'ws/ro')),
      write(at(tree, 'ws/ro/rw')),
      read(at(tree, 'ws/ro/rw/ro')),
    ],
    {
      topics: ['nesting'],
    },
  ),
  restricted(
    'read in write in read without root',
    (tree) => [...closed, read(at(tree, 'ws/ro')), write(at(tree, 'ws/ro/rw')), read(at(tree, 'ws/ro/rw/ro'))],
    { topics: ['nesting'] },
  ),
  restricted('a readable file in it', (tree) => [...workspaceWrite, read(at(tree, 'ws/single/granted.txt'))], {
    topics: ['single'],
  }),
  restricted('write on a file of it', (tree) => [read(ROOT), write(at(tree, 'ws/single/granted.txt'))], {
    topics: ['single'],
  }),
  restricted('write on a file outside', (tree) => [...workspaceWrite, write(at(tree, 'outside/single/granted.txt'))], {
    topics: ['single'],
  }),
  restricted(
    'write on a file outside without root',
    (tree) => [...closed, write(at(tree, 'outside/single/granted.txt'))],
    {
      topics: ['single'],
    },
  ),
  restricted('write on a missing folder', (tree) => [...workspaceWrite, write(at(tree, 'gone/memories'))], {
    topics: ['missing'],
  }),
  restricted('write on a missing folder of it', (tree) => [read(ROOT), write(at(tree, 'ws/gone'))], {
    topics: ['missing'],
  }),
  restricted('read on a missing path of it', (tree) => [...workspaceWrite, read(at(tree, 'ws/gone/file.txt'))], {
    topics: ['missing'],
  }),
  restricted(
    'read on a missing path of it, skipped',
    (tree) => [...workspaceWrite, entry(at(tree, 'ws/gone/file.txt'), 'read', SKIP)],
    {
      topics: ['missing'],
    },
  ),
  restricted('write on .git', (tree) => [...workspaceWrite, write(at(tree, 'ws/.git'))], { topics: ['protected'] }),
  restricted('write on a missing .codex', (tree) => [...workspaceBase, write(at(tree, 'ws/.codex'))], {
    topics: ['protected'],
  }),
  restricted(
    'write on .git as a subpath',
    () => [...workspaceBase, write(special('project_roots', { subpath: '.git' }))],
    {
      topics: ['protected'],
    },
  ),
  restricted('write through a link', (tree) => [read(ROOT), write(at(tree, 'alias'))], {
    topics: ['protected', 'links'],
  }),
  restricted(
    'two accesses to one path',
    (tree) => [
      ...workspaceWrite,
      read(at(tree, 'ws/nested')),
      write(at(tree, 'ws/nested')),
      write(at(tree, 'ws/denied')),
      deny(at(tree, 'ws/denied')),
    ],
    {
      topics: ['denied'],
    },
  ),
]

const denied: Profile[] = [
  restricted('deny a folder', (tree) => [...workspaceWrite, deny(at(tree, 'ws/denied'))], {
    topics: ['denied', 'links'],
  }),
  restricted('deny a folder, as none', (tree) => [...workspaceWrite, entry(at(tree, 'ws/denied'), 'none')], {
    topics: ['denied'],
  }),
  restricted('deny a folder without root', (tree) => [...closed, deny(at(tree, 'ws/denied'))], { topics: ['denied'] }),
  restricted('deny a folder outside', (tree) => [...workspaceWrite, deny(at(tree, 'outside/denied'))], {
    topics: ['denied', 'links'],
  }),
  restricted('deny a folder of a read-only disk', (tree) => [read(ROOT), deny(at(tree, 'ws/denied'))], {
    topics: ['denied'],
  }),
  restricted('deny a file', (tree) => [...workspaceWrite, deny(at(tree, 'ws/denied.txt'))], { topics: ['denied'] }),
  restricted('deny a missing path', (tree) => [...workspaceWrite, deny(at(tree, 'ws/gone/file.txt'))], {
    topics: ['missing'],
  }),
  restricted('deny a missing path outside', (tree) => [...workspaceWrite, deny(at(tree, 'outside/gone/file.txt'))], {
    topics: ['missing'],
  }),
  restricted(
    'deny a folder, read a child',
    (tree) => [...workspaceWrite, deny(at(tree, 'ws/denied')), read(at(tree, 'ws/denied/child'))],
    {
      topics: ['denied'],
    },
  ),
  restricted(
    'deny a folder, write a child',
    (tree) => [...workspaceWrite, deny(at(tree, 'ws/denied')), write(at(tree, 'ws/denied/child'))],
    { topics: ['denied'] },
  ),
  restricted(
    'deny a folder, write a child, deny in it',
    (tree) => [
      ...workspaceWrite,
      deny(at(tree, 'ws/denied')),
      write(at(tree, 'ws/denied/child')),
      deny(at(tree, 'ws/denied/child/inner')),
    ],
    { topics: ['denied'] },
  ),
  restricted('deny what is above it', (tree) => [...workspaceWrite, deny(literal(tree.uri('')))], {
    topics: ['extra'],
  }),
  restricted('deny the workspace', (tree) => [read(ROOT), deny(at(tree, 'ws'))], { topics: ['denied'] }),
  restricted('deny root', () => [deny(ROOT), ...closed]),
  restricted('deny a link', (tree) => [...workspaceWrite, deny(at(tree, 'ws/link-denied'))], {
    topics: ['denied', 'links'],
  }),
  restricted('deny through a link', (tree) => [...workspaceWrite, deny(at(tree, 'alias/denied'))], {
    topics: ['denied'],
  }),
  restricted('deny .git', (tree) => [...workspaceWrite, deny(at(tree, 'ws/.git'))], { topics: ['protected'] }),
  restricted('deny a glob', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
  }),
  restricted('deny a glob, one deep', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
    files: { glob_scan_max_depth: 1 },
  }),
  restricted('deny a glob, two deep', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
    files: { glob_scan_max_depth: 2 },
  }),
  restricted('deny a relative glob', () => [...workspaceWrite, deny(glob('**/*.secret'))], { topics: ['glob'] }),
  restricted('deny a relative glob without **', () => [...workspaceWrite, deny(glob('nested/*.secret'))], {
    topics: ['glob'],
  }),
  restricted('deny a glob outside', (tree) => [...workspaceWrite, deny(glob(tree.path('outside/*.secret')))], {
    topics: ['glob'],
  }),
  restricted('deny a glob of a folder', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/denied/**')))], {
    topics: ['denied'],
  }),
  restricted('deny a glob without root', (tree) => [...closed, deny(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
  }),
  restricted('deny an unclosed glob', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/[data.secret')))], {
    topics: ['glob'],
  }),
  restricted('deny a malformed glob', (tree) => [...workspaceWrite, deny(glob(tree.path('ws/{a,b.secret')))], {
    topics: ['glob'],
  }),
  restricted(
    'deny a glob of alternatives',
    (tree) => [...workspaceWrite, deny(glob(tree.path('ws/{data,other}.secret')))],
    {
      topics: ['glob'],
    },
  ),
  restricted('read a glob', (tree) => [...workspaceWrite, read(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
  }),
]

const git: Profile[] = [
  restricted('.git is a pointer to a writable folder', (tree) => [...workspaceWrite, write(at(tree, 'extra'))], {
    variant: 'git pointer',
    topics: ['protected', 'extra'],
  }),
  restricted('.git is a pointer', () => workspaceWrite, { variant: 'git pointer', topics: ['protected'] }),
  restricted(
    '.git is a pointer to a folder granted itself',
    (tree) => [...workspaceWrite, write(at(tree, 'extra/gitdir'))],
    {
      variant: 'git pointer',
      topics: ['protected', 'extra'],
    },
  ),
  restricted('.git is a link', () => workspaceWrite, { variant: 'git link', topics: ['protected'] }),
  restricted('.git is empty', () => workspaceWrite, { variant: 'empty git', topics: ['protected'] }),
  restricted('.git is missing', () => workspaceWrite, { variant: 'no git', topics: ['protected'] }),
]

const elsewhere = (tree: Tree) => ({ cwd: tree.uri('extra'), workspaceRoots: [tree.uri('extra')] })

const roots: Profile[] = [
  restricted('two workspace roots', () => workspaceWrite, {
    topics: ['extra', 'protected'],
    place: (tree) => ({ cwd: tree.uri('ws'), workspaceRoots: [tree.uri('ws'), tree.uri('extra')] }),
  }),
  restricted('a workspace root that is not the cwd', () => workspaceWrite, {
    topics: ['extra'],
    place: (tree) => ({ cwd: tree.uri('ws'), workspaceRoots: [tree.uri('extra')] }),
  }),
  restricted('no workspace roots', () => workspaceWrite, {
    place: (tree) => ({ cwd: tree.uri('ws'), workspaceRoots: [] }),
  }),
  restricted('workspace roots absent', () => workspaceWrite, { place: (tree) => ({ cwd: tree.uri('ws') }) }),
  restricted('a policy context alone', () => workspaceWrite, { place: (tree) => ({ policyContext: place(tree) }) }),
  restricted('a policy context and another cwd', () => workspaceWrite, {
    topics: ['extra'],
    place: (tree) => ({ ...elsewhere(tree), policyContext: place(tree) }),
  }),
  restricted('a policy context of null', () => workspaceWrite, {
    place: (tree) => ({ ...place(tree), policyContext: null }),
  }),
  restricted('a missing workspace root', () => workspaceWrite, {
    topics: ['missing'],
    place: (tree) => ({ cwd: tree.uri('ws'), workspaceRoots: [tree.uri('ws'), tree.uri('gone')] }),
  }),
  restricted('a missing cwd', () => [read(ROOT), write(ROOTS)], {
    brief: true,
    place: (tree) => ({ cwd: tree.uri('gone'), workspaceRoots: [tree.uri('ws')] }),
  }),
  restricted('no cwd, with workspace roots', () => workspaceWrite, {
    brief: true,
    place: (tree) => ({ workspaceRoots: [tree.uri('ws')] }),
  }),
  restricted('no cwd', () => workspaceWrite, { brief: true, place: () => ({}) }),
  restricted('no cwd, and nothing relative', (tree) => [read(ROOT), write(at(tree, 'ws'))], {
    brief: true,
    place: () => ({}),
  }),
  restricted('no cwd, a relative glob', (tree) => [read(ROOT), write(at(tree, 'ws')), deny(glob('**/*.secret'))], {
    brief: true,
    place: () => ({}),
  }),
  restricted('current_working_directory', () => [read(ROOT), write(special('current_working_directory'))], {
    brief: true,
  }),
]

const wide: Profile[] = [
  restricted('write on root', () => [write(ROOT)], { topics: everything }),
  restricted('write on root with network', () => [write(ROOT)], { network: 'enabled', brief: true }),
  restricted('write on root, deny a folder', (tree) => [write(ROOT), deny(at(tree, 'ws/denied'))], {
    topics: ['denied', 'protected', 'process'],
    alone: true,
  }),
  restricted('write on root, read a folder', (tree) => [write(ROOT), read(at(tree, 'ws/ro'))], {
    topics: ['nesting', 'protected'],
    alone: true,
  }),
  restricted(
    'write on root, read and write a folder',
    (tree) => [write(ROOT), read(at(tree, 'ws/ro')), write(at(tree, 'ws/ro'))],
    {
      topics: ['nesting'],
      alone: true,
    },
  ),
  restricted('write on root, deny a glob', (tree) => [write(ROOT), deny(glob(tree.path('ws/**/*.secret')))], {
    topics: ['glob'],
    alone: true,
  }),
]

/** Shapes that are refused, or read as one of those above. */
const shapes: Profile[] = [
  shape('unknown kind, wrapped', (tree) =>
    context(managed([...workspaceWrite, write(special('unknown', { path: ':new_kind', subpath: 'x' }))]), place(tree)),
  ),
  shape('unknown kind', (tree) => context(managed([...workspaceWrite, write(special('new_kind'))]), place(tree))),
  shape('unknown access', (tree) =>
    context(managed([...workspaceWrite, entry(at(tree, 'ws'), 'execute')]), place(tree)),
  ),
  shape('unknown entry type', (tree) =>
    context(managed([...workspaceWrite, entry({ type: 'regex', pattern: 'x' }, 'deny')]), place(tree)),
  ),
  shape('unknown missing_path_behavior', (tree) =>
    context(
      managed([...workspaceWrite, entry(at(tree, 'ws/gone'), 'read', { missing_path_behavior: 'create' })]),
      place(tree),
    ),
  ),
  shape('unknown profile type', (tree) => context({ type: 'martian' }, place(tree))),
  shape('unknown network', (tree) => context(managed(workspaceWrite, 'some'), place(tree))),
  shape('unknown files type', (tree) =>
    context({ type: 'managed', file_system: { type: 'martian' }, network: 'restricted' }, place(tree)),
  ),
  shape('network missing', (tree) => context({ type: 'managed', file_system: { type: 'unrestricted' } }, place(tree))),
  shape('files missing', (tree) => context({ type: 'managed', network: 'restricted' }, place(tree))),
  shape('entries missing', (tree) =>
    context({ type: 'managed', file_system: { type: 'restricted' }, network: 'restricted' }, place(tree)),
  ),
  shape('no entries', (tree) => context(managed([]), place(tree))),
  shape('external without network', (tree) => context({ type: 'external' }, place(tree))),
  shape('scan depth 0', (tree) =>
    context(managed(workspaceWrite, 'restricted', { glob_scan_max_depth: 0 }), place(tree)),
  ),
  shape('scan depth null', (tree) =>
    context(managed(workspaceWrite, 'restricted', { glob_scan_max_depth: null }), place(tree)),
  ),
  shape('windows level missing', (tree) => ({ permissions: managed(workspaceWrite), ...place(tree) })),
  shape('windows level unknown', (tree) => ({
    ...context(managed(workspaceWrite), place(tree)),
    windowsSandboxLevel: 'martian',
  })),
  shape('permissions missing', (tree) => ({ ...context(null, place(tree)), permissions: undefined })),
  shape('permissions null', (tree) => context(null, place(tree))),
  shape('empty object', () => ({})),
  shape('a string', () => 'read-only'),
  shape('false', () => false),
  shape('unknown members', (tree) => context({ ...managed(workspaceWrite), more: 1 }, { ...place(tree), more: 1 })),
  shape('a relative path', (tree) => context(managed([...workspaceWrite, write(literal('extra'))]), place(tree))),
  shape('a path on another host', (tree) =>
    context(managed([...workspaceWrite, write(literal('file://other/extra'))]), place(tree)),
  ),
  shape('a subpath with ..', (tree) =>
    context(managed([...workspaceWrite, write(special('project_roots', { subpath: '../outside' }))]), place(tree)),
  ),
  shape('an absolute subpath', (tree) =>
    context(
      managed([...workspaceWrite, write(special('project_roots', { subpath: tree.path('outside') }))]),
      place(tree),
    ),
  ),
  shape('a workspace root on another host', (tree) =>
    context(managed(workspaceWrite), { cwd: tree.uri('ws'), workspaceRoots: ['file://other/ws'] }),
  ),
  shape('legacy landlock', (tree) => context(managed(workspaceWrite), { ...place(tree), useLegacyLandlock: true })),
  shape('a plain path', (tree) => context(managed([read(ROOT), write(literal(tree.path('ws')))]), place(tree))),
  shape('a plain cwd', (tree) =>
    context(managed(workspaceWrite), { cwd: tree.path('ws'), workspaceRoots: [tree.path('ws')] }),
  ),
  shape('untagged', () => context({ network: { enabled: false }, file_system: { entries: [read(ROOT)] } })),
  shape('legacy danger-full-access', () => legacy({ type: 'danger-full-access' })),
  shape('legacy read-only', () => legacy({ type: 'read-only' })),
  shape('managed network without a sandbox', () => null, { start: { enforceManagedNetwork: true } }),
  shape('managed network without ports', (tree) => context(managed(workspaceWrite), place(tree)), {
    start: { enforceManagedNetwork: true },
  }),
  shape('managed network null', (tree) => context(managed(workspaceWrite), place(tree)), {
    start: { enforceManagedNetwork: false, managedNetwork: null },
  }),
]

/** Older clients' own shapes, beside what they mean to the reference in today's words. */
const dialects: Profile[] = [
  {
    name: 'dialect: 0.130',
    sandbox: (tree) => ({
      permissions: managed([...workspaceWrite130, memories(tree.path('gone/memories'))]),
      cwd: tree.path('ws'),
      windowsSandboxLevel: 'disabled',
      windowsSandboxPrivateDesktop: true,
      useLegacyLandlock: false,
    }),
    modern: (tree) => context(managed([...workspaceWrite130, memories(tree.uri('gone/memories'))]), place(tree)),
    topics: ['protected', 'tmp'],
  },
  {
    name: 'dialect: untagged',
    sandbox: (tree) =>
      context(
        { network: { enabled: true }, file_system: { read: ['/'], write: [tree.path('ws')] } },
        { cwd: tree.path('ws') },
      ),
    modern: (tree) => context(managed([read(ROOT), write(at(tree, 'ws'))], 'enabled'), place(tree)),
  },
  {
    name: 'dialect: workspace-write',
    sandbox: (tree) => ({
      ...legacy({ type: 'workspace-write', writable_roots: [tree.path('extra')] }),
      sandboxPolicyCwd: tree.path('ws'),
    }),
    modern: (tree) => context(managed([...workspaceBase, write(at(tree, 'extra'))]), place(tree)),
    topics: ['protected', 'tmp', 'extra'],
  },
  {
    name: 'dialect: workspace-write without tmp',
    sandbox: (tree) => ({
      ...legacy({
        type: 'workspace-write',
        exclude_slash_tmp: true,
        exclude_tmpdir_env_var: true,
        network_access: true,
      }),
      sandboxPolicyCwd: tree.path('ws'),
    }),
    modern: (tree) => context(managed([read(ROOT), write(ROOTS)], 'enabled'), place(tree)),
    topics: ['tmp'],
    tmpdir: (tree) => tree.path('tmpdir'),
  },
  {
    name: 'dialect: read-only with roots',
    sandbox: (tree) => ({
      ...legacy({
        type: 'read-only',
        access: { type: 'restricted', include_platform_defaults: true, readable_roots: [tree.path('ws')] },
      }),
      sandboxPolicyCwd: tree.path('ws'),
    }),
    modern: (tree) => context(managed([read(MINIMAL), read(at(tree, 'ws'))]), place(tree)),
  },
  {
    name: 'dialect: external-sandbox',
    sandbox: () => legacy({ type: 'external-sandbox', network_access: 'enabled' }),
    modern: () => context({ type: 'external', network: 'enabled' }),
    brief: true,
  },
  {
    name: 'dialect: split policy',
    sandbox: (tree) => ({
      ...legacy({ type: 'workspace-write' }),
      sandboxPolicyCwd: tree.path('ws'),
      fileSystemSandboxPolicy: {
        kind: 'restricted',
        entries: [...workspaceWrite130, entry(literal(tree.path('ws/denied')), 'none')],
      },
    }),
    modern: (tree) => context(managed([...workspaceWrite130, deny(at(tree, 'ws/denied'))]), place(tree)),
    topics: ['denied'],
  },
]

export const profiles: readonly Profile[] = [
  ...full.map((profile): Profile => ({ ...profile, topics: everything })),
  ...ordinary,
  ...narrowed,
  ...denied,
  ...git,
  ...roots,
  ...wide,
  ...shapes,
  ...dialects,
]
