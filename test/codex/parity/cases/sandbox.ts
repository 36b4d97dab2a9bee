/** Calls and commands that ask for a sandbox, in the words of each release. */
import { requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import {
  context,
  deny,
  entry,
  glob,
  literal,
  managed,
  MINIMAL,
  read,
  ROOT,
  ROOTS,
  special,
  write,
} from '../../matrix/shapes.ts'
import type { Entry } from '../../matrix/shapes.ts'
import { NEW, OLD } from '../reference.ts'

/** What is granted, with paths as the release writes them. */
type Profile = {
  name: string
  entries: readonly Entry[]
  /** Of the calls, those whose targets it is about. */
  about: RegExp
}

const PROFILES: readonly Profile[] = [
  { name: 'workspace', entries: [read(ROOT), write(ROOTS)], about: /./ },
  { name: 'read-only', entries: [read(ROOT)], about: /^ws\/(file|new|sub|\.git)/ },
  { name: 'workspace alone', entries: [read(MINIMAL), write(ROOTS)], about: /outside|file|^ws\/(new|sub|\.git)|^ws$/ },
  { name: 'denied folder', entries: [read(ROOT), write(ROOTS), deny(literal('$/ws/denied'))], about: /denied|^ws/ },
  {
    name: 'denied pattern',
    entries: [read(ROOT), write(ROOTS), deny(glob('$T/ws/**/*.secret'))],
    about: /secret|^ws$/,
  },
  { name: 'denied pattern, relative', entries: [read(ROOT), write(ROOTS), deny(glob('*.secret'))], about: /secret/ },
  { name: 'folder of the workspace', entries: [read(ROOT), write(literal('$/ws/sub'))], about: /^ws\/(sub|new|file)/ },
  {
    name: 'read-only folder',
    entries: [read(ROOT), write(ROOTS), read(literal('$/ws/sub'))],
    about: /^ws\/(sub|new|file)/,
  },
  { name: 'missing folder', entries: [read(ROOT), write(ROOTS), write(literal('$/gone'))], about: /gone|ws\/new/ },
]

const PLACE = { cwd: '$/ws', workspaceRoots: ['$/ws'] }

/** As 0.169 sends it. */
const today = (permissions: unknown, more: object = {}): object => context(permissions, { ...PLACE, ...more })

/** As 0.130 sends it, which knows `deny` as `none`. */
const then = (permissions: unknown, more: object = {}): object => ({
  permissions,
  cwd: '$/ws',
  windowsSandboxLevel: 'disabled',
  windowsSandboxPrivateDesktop: true,
  useLegacyLandlock: false,
  ...more,
})

const older = (entries: readonly Entry[]): Entry[] =>
  entries.map((one) => ({ ...one, access: one.access === 'deny' ? 'none' : one.access }))

/** What needs no sandbox to be had. */
const OPEN: Record<string, object> = {
  disabled: { type: 'disabled' },
  'external restricted': { type: 'external', network: 'restricted' },
  'external enabled': { type: 'external', network: 'enabled' },
  unrestricted: { type: 'managed', file_system: { type: 'unrestricted' }, network: 'enabled' },
  'write on everything': managed([write(ROOT)], 'enabled'),
}

type Call = [method: string, name: string, params: object]

const written = { dataBase64: 'bmV3Cg==' }
const WALK = { maxDepth: 5, maxDirectories: 50, maxEntries: 100, followDirectorySymlinks: false }

const CALLS: readonly Call[] = [
  ...[
    'ws/file.txt',
    'ws/denied/secret.txt',
    'ws/data.secret',
    'ws/link-out',
    'outside/file.txt',
    'ws/nowhere',
    'file.txt',
  ].map((path): Call => ['fs/readFile', path, { path: `$/${path}` }]),
  ...[
    'ws/new',
    'ws/file.txt',
    'ws/sub/file.txt',
    'ws/.git/config',
    'ws/denied/secret.txt',
    'ws/data.secret',
    'ws/link-out',
    'outside/new',
    'gone/new',
  ].map((path): Call => ['fs/writeFile', path, { path: `$/${path}`, ...written }]),
  ...['ws/new', 'ws/sub/new', 'ws/.git/new', 'ws/denied/new', 'outside/new', 'outside'].map(
    (path): Call => ['fs/createDirectory', path, { path: `$/${path}` }],
  ),
  ...['ws/file.txt', 'ws/denied', 'ws/denied/secret.txt', 'ws/.git', 'outside/file.txt'].map(
    (path): Call => ['fs/getMetadata', path, { path: `$/${path}` }],
  ),
  ...['ws/sub', 'ws/denied', 'outside'].map((path): Call => ['fs/readDirectory', path, { path: `$/${path}` }]),
  ...['ws/file.txt', 'ws/sub', 'ws/.git/config', 'ws/denied/secret.txt', 'outside/file.txt', 'outside/nowhere'].map(
    (path): Call => ['fs/remove', path, { path: `$/${path}` }],
  ),
  ...[
    ['ws/file.txt', 'ws/new'],
    ['ws/file.txt', 'outside/new'],
    ['outside/file.txt', 'ws/new'],
    ['ws/denied/secret.txt', 'ws/new'],
    ['ws/sub', 'ws/new'],
  ].map(
    ([source, destination]): Call => [
      'fs/copy',
      `${source} to ${destination}`,
      { sourcePath: `$/${source}`, destinationPath: `$/${destination}`, recursive: true },
    ],
  ),
  ...['ws/link-out', 'ws/denied/secret.txt', 'outside/file.txt'].map(
    (path): Call => ['fs/canonicalize', path, { path: `$/${path}` }],
  ),
  ...['ws/sub', 'ws/denied', 'outside', 'ws'].map(
    (path): Call => ['fs/walk', path, { path: `$/${path}`, options: WALK }],
  ),
]

const NEWER = /canonicalize|walk/

function confined(release: string): Case[] {
  const form = release === NEW ? today : then
  return PROFILES.flatMap(({ name, entries, about }) =>
    CALLS.filter(([method, target]) => about.test(target) && (release === NEW || !NEWER.test(method))).flatMap(
      ([method, target, params]) =>
        requests(
          method,
          {
            [`sandboxed, ${name}: ${target}`]: {
              ...params,
              sandbox: form(managed(release === NEW ? entries : older(entries))),
            },
          },
          { release },
        ),
    ),
  )
}

const OPEN_CALLS = CALLS.filter(([, target]) =>
  /^(ws\/file\.txt|outside\/new|outside\/file\.txt|ws\/\.git\/config|ws\/sub)$/.test(target),
)

function unconfined(release: string): Case[] {
  const form = release === NEW ? today : then
  return Object.entries(OPEN).flatMap(([name, permissions]) =>
    OPEN_CALLS.filter(([method]) => release === NEW || !NEWER.test(method)).flatMap(([method, target, params]) =>
      requests(method, { [`sandboxed, ${name}: ${target}`]: { ...params, sandbox: form(permissions) } }, { release }),
    ),
  )
}

const plain = managed([read(ROOT), write(ROOTS)])

/** Ways to write it, most of them wrong. */
const SHAPES: Record<string, (form: typeof today) => unknown> = {
  'an empty object': () => ({}),
  'permissions missing': (form) => ({ ...form(null), permissions: undefined }),
  'permissions null': (form) => form(null),
  'permissions text': (form) => form('read-only'),
  'permissions without a type': (form) => form({}),
  'an unknown type': (form) => form({ type: 'martian' }),
  'no file_system': (form) => form({ type: 'managed', network: 'restricted' }),
  'no network': (form) => form({ type: 'managed', file_system: { type: 'unrestricted' } }),
  'an unknown network': (form) => form(managed([read(ROOT)], 'some')),
  'no entries': (form) => form(managed([])),
  'entries missing': (form) => form({ type: 'managed', file_system: { type: 'restricted' }, network: 'restricted' }),
  'an unknown file_system': (form) =>
    form({ type: 'managed', file_system: { type: 'martian' }, network: 'restricted' }),
  'an unknown access': (form) => form(managed([entry(ROOT, 'execute')])),
  'access none': (form) => form(managed([read(ROOT), entry(literal('$/ws/denied'), 'none')])),
  'an unknown kind': (form) => form(managed([read(special('martian'))])),
  'an unknown kind, wrapped': (form) => form(managed([read(ROOT), write(special('unknown', { path: ':martian' }))])),
  current_working_directory: (form) => form(managed([read(ROOT), write(special('current_working_directory'))])),
  'an unknown way to name a path': (form) => form(managed([read({ type: 'regex', pattern: 'x' })])),
  'a path missing': (form) => form(managed([read({ type: 'path' })])),
  'a relative path': (form) => form(managed([read(ROOT), write(literal('ws'))])),
  'a scan depth of 0': (form) => form(managed([read(ROOT)], 'restricted', { glob_scan_max_depth: 0 })),
  'a scan depth of null': (form) => form(managed([read(ROOT)], 'restricted', { glob_scan_max_depth: null })),
  'windowsSandboxLevel missing': (form) => ({ ...form(plain), windowsSandboxLevel: undefined }),
  'windowsSandboxLevel unknown': (form) => ({ ...form(plain), windowsSandboxLevel: 'martian' }),
  'cwd missing': (form) => ({ ...form(plain), cwd: undefined }),
  'cwd missing, nothing relative': (form) => ({ ...form(managed([read(ROOT)])), cwd: undefined }),
  'cwd null': (form) => ({ ...form(plain), cwd: null }),
  'cwd a number': (form) => ({ ...form(plain), cwd: 5 }),
  'cwd relative': (form) => ({ ...form(plain), cwd: 'ws' }),
  'useLegacyLandlock text': (form) => ({ ...form(plain), useLegacyLandlock: 'x' }),
  'unknown members': (form) => ({ ...form(plain), more: 1 }),
}

const NEW_SHAPES: Record<string, unknown> = {
  'workspaceRoots missing': today(plain, { workspaceRoots: undefined }),
  'workspaceRoots empty': today(plain, { workspaceRoots: [] }),
  'workspaceRoots null': today(plain, { workspaceRoots: null }),
  'workspaceRoots text': today(plain, { workspaceRoots: '$/ws' }),
  'a second workspace root': today(plain, { workspaceRoots: ['$/folder', '$/ws'] }),
  'another workspace root': today(plain, { workspaceRoots: ['$/folder'] }),
  'policyContext null': today(plain, { policyContext: null }),
  policyContext: today(plain, { cwd: '$/', workspaceRoots: [], policyContext: PLACE }),
  'policyContext without a cwd': today(plain, { policyContext: { workspaceRoots: ['$/ws'] } }),
  'policyContext text': today(plain, { policyContext: 'x' }),
  'windowsSandboxProxySettingsMode unknown': today(plain, { windowsSandboxProxySettingsMode: 'martian' }),
  'a missing_path_behavior': today(
    managed([read(ROOT), write(ROOTS), entry(literal('$/ws/gone'), 'read', { missing_path_behavior: 'skip' })]),
  ),
  'an unknown missing_path_behavior': today(
    managed([read(ROOT), write(ROOTS), entry(literal('$/ws/gone'), 'read', { missing_path_behavior: 'x' })]),
  ),
  'a subpath': today(managed([read(ROOT), write(special('project_roots', { subpath: 'sub' }))])),
  'tmpdir and slash_tmp': today(
    managed([read(ROOT), write(ROOTS), write(special('tmpdir')), write(special('slash_tmp'))]),
  ),
  'a path on another host': today(managed([read(ROOT), write(literal('file://host/ws'))])),
  'a plain path': today(managed([read(ROOT), write(literal('$T/ws'))])),
  'a plain cwd': today(plain, { cwd: '$T/ws' }),
  untagged: today({ network: { enabled: false }, file_system: { entries: [read(ROOT), write(ROOTS)] } }),
  legacy: { sandboxPolicy: { type: 'workspace-write' }, sandboxPolicyCwd: '$/ws', windowsSandboxLevel: 'disabled' },
}

const OLD_SHAPES: Record<string, unknown> = {
  untagged: then({ network: { enabled: false }, file_system: { entries: [read(ROOT), write(ROOTS)] } }),
  'untagged lists': then({ file_system: { read: ['/'], write: ['$/ws'] } }),
  'untagged and empty': then({ network: null }),
  'a URI': then(managed([read(ROOT), write(literal('file://$T/ws'))])),
  'access deny': then(managed([read(ROOT), write(ROOTS), deny(literal('$/ws/denied'))])),
  'memories of the client': then(managed([read(ROOT), write(ROOTS), write(literal('/home/client/.codex/memories'))])),
  'tmpdir and slash_tmp': then(
    managed([read(ROOT), write(ROOTS), write(special('tmpdir')), write(special('slash_tmp'))]),
  ),
}

function shapes(release: string): Case[] {
  const form = release === NEW ? today : then
  const all = {
    ...Object.fromEntries(Object.entries(SHAPES).map(([name, make]) => [name, make(form as typeof today)])),
    ...(release === NEW ? NEW_SHAPES : OLD_SHAPES),
  }
  const table = Object.fromEntries(
    Object.entries(all).map(([name, sandbox]) => [`sandbox shape: ${name}`, { path: '$/ws/new', ...written, sandbox }]),
  )
  return requests('fs/writeFile', table, { release })
}

// ---- streams ----

const streams: Case[] = [
  'ws/file.txt',
  'ws/denied/secret.txt',
  'outside/file.txt',
  'ws/nowhere',
  'ws/link-out',
].flatMap((path) =>
  ['read', 'replace'].map((mode) =>
    script(
      `fs/open sandboxed, ${mode}: ${path}`,
      async (scene) => {
        const talk = await scene.connect()
        const sandbox = today(managed([read(ROOT), write(ROOTS), deny(literal('$/ws/denied'))]))
        const opened = await talk.ask('fs/open', { handleId: 'h', path: `$/${path}`, mode, sandbox })
        if (opened === undefined) return
        if (mode === 'read') await talk.ask('fs/readBlock', { handleId: 'h', offset: 0, len: 100 })
        else await talk.ask('fs/writeBlock', { handleId: 'h', offset: 3, chunk: 'bmV3' })
        await talk.ask('fs/close', { handleId: 'h' })
      },
      NEW,
    ),
  ),
)

// ---- commands ----

const COMMANDS: Record<string, readonly string[]> = {
  'exit 0': ['true'],
  'exit 3': ['/bin/sh', '-c', 'exit 3'],
  output: ['/bin/sh', '-c', 'printf out; sleep 0.1; printf err >&2; sleep 0.1'],
  'read inside': ['cat', '$T/ws/file.txt'],
  'read outside': ['cat', '$T/outside/file.txt'],
  'read what is denied': ['cat', '$T/ws/denied/secret.txt'],
  'write inside': ['/bin/sh', '-c', 'echo new > new; sleep 0.1'],
  'write outside': ['/bin/sh', '-c', 'echo new > ../outside/new'],
  'write .git': ['/bin/sh', '-c', 'echo new > .git/config'],
  'write what is denied': ['/bin/sh', '-c', 'echo new > denied/secret.txt'],
  'where it runs': ['pwd'],
  'reach the network': [
    '/bin/bash',
    '--norc',
    '-c',
    'exec 3<>/dev/tcp/$AT_HOST/$AT_PORT && echo reached || echo kept; sleep 0.1',
  ],
  'killed by a signal': ['/bin/sh', '-c', 'kill -KILL $$'],
  'its environment': ['/bin/sh', '-c', 'echo $A'],
  'a missing program': ['no-such-program'],
}

const started = { processId: 'p', cwd: '$/ws', env: { PATH: '/usr/bin:/bin', A: 'b' }, tty: false }

function command(name: string, params: object, release: string): Case {
  return script(
    `process/start ${name}`,
    async (scene) => {
      const talk = await scene.connect()
      if ((await talk.ask('process/start', { ...started, ...params })) !== undefined) await talk.finish('p')
    },
    release,
  )
}

const forCommands = [read(ROOT), write(ROOTS), deny(literal('$/ws/denied'))]

const commands: Case[] = [
  ...Object.entries(COMMANDS).flatMap(([name, argv]) => [
    command(`sandboxed: ${name}`, { argv, sandbox: today(managed(forCommands)) }, NEW),
    command(`sandboxed with network: ${name}`, { argv, sandbox: today(managed(forCommands, 'enabled')) }, NEW),
    command(`sandboxed on a terminal: ${name}`, { argv, tty: true, sandbox: today(managed(forCommands)) }, NEW),
    // The older release's own way: its wrapper is the program.
    command(`wrapped: ${name}`, { argv: wrapped(argv, older(forCommands)), arg0: '$WRAPPER' }, OLD),
  ]),
  ...Object.entries(OPEN).map(([name, permissions]) =>
    command(`sandboxed, ${name}`, { argv: COMMANDS['write outside'], sandbox: today(permissions) }, NEW),
  ),
  command(
    'sandboxed, workspace alone',
    { argv: ['cat', '$T/outside/file.txt'], sandbox: today(managed([read(MINIMAL), write(ROOTS)])) },
    NEW,
  ),
  command('sandboxed, arg0', { argv: ['/bin/sh', '-c', 'echo $0'], arg0: 'other', sandbox: today(plain) }, NEW),
  command('sandboxed, a missing cwd', { argv: ['true'], cwd: '$/nowhere', sandbox: today(plain) }, NEW),
  command(
    'sandboxed, no sandbox cwd',
    { argv: COMMANDS['write inside'], sandbox: { ...today(plain), cwd: undefined } },
    NEW,
  ),
  command('sandboxed, nothing', { argv: [], sandbox: today(plain) }, NEW),
  command('sandboxed, an empty object', { argv: ['true'], sandbox: {} }, NEW),
  command('sandboxed, text', { argv: ['true'], sandbox: 'x' }, NEW),
  command('sandboxed, permissions unknown', { argv: ['true'], sandbox: today({ type: 'martian' }) }, NEW),
  command(
    'sandboxed, a root on another host',
    { argv: ['true'], sandbox: today(plain, { workspaceRoots: ['file://host/ws'] }) },
    NEW,
  ),
  command('with a sandbox', { argv: COMMANDS['write outside'], sandbox: then(plain) }, OLD),
  command('wrapped: an unknown option', { argv: ['$WRAPPER', '--martian', '--', 'true'], arg0: '$WRAPPER' }, OLD),
  command(
    'wrapped: no profile',
    { argv: ['$WRAPPER', '--sandbox-policy-cwd', '$T/ws', '--', 'true'], arg0: '$WRAPPER' },
    OLD,
  ),
]

function wrapped(argv: readonly string[], entries: readonly Entry[]): string[] {
  const profile = JSON.stringify(managed(entries)).replaceAll('$/', '$T/')
  return [
    '$WRAPPER',
    '--sandbox-policy-cwd',
    '$T/ws',
    '--command-cwd',
    '$T/ws',
    '--permission-profile',
    profile,
    '--',
    ...argv,
  ]
}

export const sandbox: readonly Case[] = [
  ...[OLD, NEW].flatMap((release) => [...confined(release), ...unconfined(release), ...shapes(release)]),
  ...streams,
  // A server may keep mount points for a while after a command.
  ...commands.map((one): Case => ({ ...one, ownFiles: true })),
]
