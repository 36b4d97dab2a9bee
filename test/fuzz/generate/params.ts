/**
 * Params of every method. What they may set in motion is harmless: programs are from a list, whatever is written,
 * copied or removed stands in the folder, and requests go to the fixture or to ports where nobody listens.
 */
import fc from 'fast-check'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { disturbed, isObject, Members, membersOf, oddNumber, oddString, oddValue, PROTOTYPE_KEYS, Raw } from './json.ts'
import type { Json } from './json.ts'
import { readPath, writtenPath } from './paths.ts'

export type Surroundings = {
  /** Everything that is done to files is done in here. */
  folder: string
  /** Of the web server that http/request may talk to. */
  port: number
  /** Whether sandboxes are really set up: each takes a tenth of a second, and a process that is kept for a while. */
  sandboxes: boolean
}

type Params = fc.Arbitrary<Json>

const record = (
  members: Record<string, fc.Arbitrary<Json>>,
  required: readonly string[] = Object.keys(members),
): Params => fc.record(members, { requiredKeys: required as string[] }).map((given) => given as Json)

/** A member that may be missing, null, or there. */
const maybe = (value: Params): Params =>
  fc.oneof({ weight: 20, arbitrary: fc.constantFrom<Json[]>(undefined, null) }, { weight: 10, arbitrary: value })

const count = fc.oneof({ weight: 30, arbitrary: fc.nat(100) as Params }, { weight: 10, arbitrary: oddNumber })
const cells: Params = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 500 }) as Params },
  { weight: 10, arbitrary: fc.constantFrom<Json[]>(65_535, 65_536) },
  { weight: 5, arbitrary: oddNumber },
)
const flag: Params = fc.boolean()
const processId: Params = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('p', 'q', ...PROTOTYPE_KEYS) },
  { weight: 10, arbitrary: oddString },
)
const handleId: Params = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('h', 'i', '__proto__', 'constructor', '') },
  { weight: 10, arbitrary: oddString },
)
const base64: Params = fc.oneof(
  { weight: 80, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')) },
  {
    weight: 20,
    arbitrary: fc.constantFrom(
      '=',
      '====',
      'A',
      'AA',
      'AAA',
      'AB==',
      'A===',
      'AA=A',
      'QQ',
      'Q Q=',
      'QQ==\n',
      '-_-_',
      'AAAA=',
      '\0\0\0\0',
      'ÄÄÄÄ',
    ),
  },
  // Longer ones take a way of their own, see long-base64.ts.
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'QUJD'.repeat(20_000),
      'QUJD'.repeat(16_384),
      `${'QUJD'.repeat(17_000)}QQ==`,
      `${'QUJD'.repeat(17_000)}QQ`,
      `${'QUJD'.repeat(17_000)} QQ==`,
    ),
  },
)
const strings: Params = fc.array(oddString, { maxLength: 3 })
const stringMap: Params = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom('A', 'PATH', 'HOME', 'LD_PRELOAD', 'a=b', 'a\0b', ...PROTOTYPE_KEYS), oddString),
      oddString,
    ),
    { maxLength: 3 },
  )
  .map((entries) => {
    const seen = new Map(entries)
    // Programs are found where this suite's own are.
    seen.delete('PATH')
    return new Members([...seen])
  })

// ---- sandboxes ----

const access = fc.constantFrom('read', 'write', 'deny', 'none')

function profile(folder: string): Params {
  const special = record(
    {
      kind: fc.constantFrom(
        'root',
        'minimal',
        'tmpdir',
        'slash_tmp',
        'unknown',
        'project_roots',
        'current_working_directory',
      ),
      subpath: maybe(oddString),
    },
    ['kind'],
  )
  const path = fc.oneof(
    record({ type: fc.constant('path'), path: writtenPath(folder) }),
    record({
      type: fc.constant('glob_pattern'),
      pattern: fc.constantFrom('*', '**', 'd/**', '[', '{a,b', '../x', '\\', 'a\0'),
    }),
    record({ type: fc.constant('special'), value: special }),
  )
  const entries = fc.array(record({ path, access }), { maxLength: 4 })
  const files = fc.oneof(
    record({ type: fc.constant('restricted'), entries, glob_scan_max_depth: maybe(count) }),
    record({ type: fc.constant('unrestricted') }),
  )
  const permissions = fc.oneof(
    record({ type: fc.constant('managed'), file_system: files, network: fc.constantFrom('restricted', 'enabled') }),
    record({ type: fc.constant('external'), network: fc.constantFrom('restricted', 'enabled') }),
    record({
      file_system: maybe(
        record({
          read: fc.array(writtenPath(folder), { maxLength: 2 }),
          write: maybe(fc.array(writtenPath(folder), { maxLength: 2 })),
        }),
      ),
    }),
  )
  return record({
    permissions,
    cwd: maybe(writtenPath(folder)),
    workspaceRoots: maybe(fc.array(writtenPath(folder), { maxLength: 2 })),
  })
}

function legacyPolicy(folder: string): Params {
  const policy = fc.oneof(
    record({ type: fc.constantFrom('read-only', 'external-sandbox'), network_access: maybe(oddValue) }),
    record({
      type: fc.constant('workspace-write'),
      writable_roots: fc.array(writtenPath(folder), { maxLength: 2 }),
      exclude_slash_tmp: flag,
    }),
  )
  return record({ sandboxPolicy: policy, sandboxPolicyCwd: maybe(writtenPath(folder)) })
}

/** Ends in nothing that could be set up. */
const impossible = (sandbox: Params): Params =>
  sandbox.map((value) =>
    isObject(value)
      ? new Members(
          [...membersOf(value), ['workspaceRoots', 0], ['sandboxPolicyCwd', 0]].filter(once) as [string, Json][],
        )
      : value,
  )

const once = ([name]: readonly Json[], index: number, all: readonly (readonly Json[])[]): boolean =>
  all.findLastIndex(([other]) => other === name) === index

function sandbox({ folder, sandboxes }: Surroundings): Params {
  const either = fc.oneof(profile(folder), legacyPolicy(folder))
  return fc.oneof(
    { weight: 600, arbitrary: fc.constantFrom<Json[]>(undefined, undefined, null) },
    { weight: 40, arbitrary: fc.constant<Json>({ permissions: { type: 'disabled' } }) },
    { weight: 60, arbitrary: impossible(disturbed(either)) },
    { weight: 10, arbitrary: oddValue.map((value) => (isObject(value) ? 0 : value)) },
    ...(sandboxes ? [{ weight: 4, arbitrary: disturbed(either) }] : []),
  )
}

// ---- processes ----

const args = fc.array(oddString, { maxLength: 3 })

/** Not one of them does anything to anybody. */
function argv(folder: string): Params {
  const program = fc.constantFrom(
    '/bin/true',
    '/bin/true',
    '/bin/echo',
    '/bin/echo',
    'true',
    'echo',
    '/bin/cat',
    '',
    '.',
    '/',
    folder,
    `${folder}/f`,
    `${folder}/script`,
    `${folder}/executable`,
    '/no/such',
    'no-such-program',
    '/bin/true\0',
    '/bin/true/',
    './true',
  )
  const wrapped = fc
    .tuple(
      fc.array(
        fc.oneof(
          fc.constantFrom(
            '--sandbox-policy-cwd',
            '--permission-profile',
            '--sandbox-policy',
            '--no-proc',
            folder,
            '{}',
            '{"type":"disabled"}',
            '[',
          ),
          oddString,
        ),
        { maxLength: 5 },
      ),
      program,
    )
    .map(([flags, inner]) => ['codex-linux-sandbox', ...flags.filter((word) => word !== '--'), '--', inner])
  return fc.oneof(
    {
      weight: 80,
      arbitrary: fc.tuple(program, args).map(([name, rest]) => (name === '/bin/cat' ? [name] : [name, ...rest])),
    },
    { weight: 10, arbitrary: wrapped },
    {
      weight: 10,
      arbitrary: fc.constantFrom<Json[]>(
        [],
        null,
        {},
        'true',
        [null],
        [0],
        ['/bin/true', 1],
        [['/bin/true']],
        new Members([
          ['0', '/bin/true'],
          ['length', 1],
        ]),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .constantFrom(3000, 200_000)
        .map((length) => ['/bin/true', ...Array.from({ length: 20 }, () => 'x'.repeat(length))]),
    },
  )
}

function start(surroundings: Surroundings): Params {
  const { folder } = surroundings
  const envPolicy = record({
    inherit: fc.constantFrom('all', 'core', 'none'),
    ignoreDefaultExcludes: flag,
    exclude: strings,
    set: stringMap,
    includeOnly: strings,
  })
  const rest = disturbed(
    record(
      {
        processId,
        cwd: fc.oneof(
          { weight: 40, arbitrary: fc.constant<Json>(folder) },
          { weight: 10, arbitrary: writtenPath(folder) },
        ),
        env: stringMap,
        tty: flag,
        pipeStdin: flag,
        arg0: maybe(oddString),
        outputWindow: maybe(count),
        terminalSize: maybe(record({ rows: cells, columns: cells })),
        envPolicy: maybe(envPolicy),
        sandbox: sandbox(surroundings),
        enforceManagedNetwork: fc.constantFrom<Json[]>(undefined, undefined, undefined, true, false),
        networkProxy: fc.constantFrom<Json[]>(undefined, undefined, null, 0),
        metadata: maybe(record({ threadId: maybe(fc.oneof(fc.uuid(), oddString)), toolCallId: maybe(oddString) })),
        shellSnapshot: maybe(
          fc.oneof(
            oddValue,
            record({
              scopeId: oddString,
              shell: record({ name: fc.constantFrom('sh', 'bash', 'x'), path: oddString }),
            }),
          ),
        ),
      },
      ['processId', 'cwd', 'env', 'tty'],
    ),
  )
  // What is run is not left to chance.
  return fc
    .tuple(rest, argv(folder))
    .map(([params, command]) =>
      isObject(params)
        ? new Members([...membersOf(params).filter(([name]) => name !== 'argv'), ['argv', command]])
        : params,
    )
}

// ---- the methods ----

const offset: Params = fc.oneof(
  { weight: 30, arbitrary: fc.nat(100_000) },
  {
    weight: 10,
    arbitrary: fc.constantFrom<Json[]>(
      -1,
      0.5,
      null,
      ...[
        '9007199254740993',
        '9223372036854775807',
        '9223372036854775808',
        '18446744073709551615',
        '18446744073709551616',
        '1e400',
      ].map((text) => new Raw(text)),
    ),
  },
)

const url = (port: number): Params =>
  fc.oneof(
    {
      weight: 40,
      arbitrary: fc
        .constantFrom(
          '',
          '/',
          '/slow',
          '/big',
          '/redirect',
          '/loop',
          '/elsewhere',
          '/cut',
          '/odd',
          '/?a=b#c',
          '/%00',
          '/\u2028',
        )
        .map((path) => `http://127.0.0.1:${port}${path}`),
    },
    {
      weight: 20,
      arbitrary: fc.constantFrom(
        `http://user:p%zz@127.0.0.1:${port}/`,
        'http://127.0.0.1:1/',
        'https://127.0.0.1:1/',
        'http://127.0.0.1:0/',
        'http://[::1]:1/',
      ),
    },
    {
      weight: 20,
      arbitrary: fc.constantFrom(
        '',
        'x',
        '/',
        'http:',
        'http://',
        'http:///',
        'ftp://127.0.0.1/',
        'file:///etc/passwd',
        'data:,x',
        'javascript:1',
        'http://127.0.0.1:99999/',
        'http://[',
        'http://%/',
        'ws://127.0.0.1:1/',
        'blob:x',
        'about:blank',
        'http://127.0.0.1:1:1/',
      ),
    },
  )

/** Few of them, so that an acknowledgement or a cancel often finds its request. */
const requestId: Params = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('r', 's', '') },
  { weight: 10, arbitrary: oddString },
)

const headers: Params = fc.array(
  record(
    {
      name: fc.oneof(
        fc.constantFrom(
          'x',
          'host',
          'content-length',
          'transfer-encoding',
          'connection',
          'expect',
          'upgrade',
          'cookie',
          'a b',
          'a:b',
          '',
          '__proto__',
        ),
        oddString,
      ),
      value: oddString,
      valueEnvVar: maybe(fc.constantFrom('PATH', 'OPENAI_API_KEY', 'NO_SUCH', '__proto__', '')),
    },
    ['name', 'value'],
  ),
  { maxLength: 3 },
)

/** By the name of the method. */
export function paramsOf(surroundings: Surroundings): Record<string, Params> {
  const { folder, port } = surroundings
  const [read, write] = [readPath(folder), writtenPath(folder)]
  const confined = sandbox(surroundings)
  const followSymlinks = maybe(flag)
  const limits = record({ maxDepth: count, maxDirectories: count, maxEntries: count, followDirectorySymlinks: flag })
  const keys = fc.array(
    fc.array(fc.oneof(fc.constantFrom('mcp_servers', 'x', 'model', ...PROTOTYPE_KEYS), oddString), { maxLength: 3 }),
    { maxLength: 3 },
  )
  const regular: Record<string, Params> = {
    [Method.Initialize]: record({ clientName: oddString, resumeSessionId: maybe(oddString) }),
    [Method.EnvironmentInfo]: fc.constantFrom<Json[]>(null, {}),
    [Method.EnvironmentStatus]: fc.constantFrom<Json[]>(null, {}),
    [Method.EnvironmentConfigRead]: record({ cwd: read, configPaths: keys, requirementsPaths: keys }),
    [Method.ProcessRead]: record({ processId, afterSeq: maybe(count), maxBytes: maybe(count), waitMs: maybe(count) }),
    [Method.ProcessWrite]: record({ processId, chunk: base64, writeId: maybe(oddString) }),
    [Method.ProcessSignal]: record({
      processId,
      signal: fc.constantFrom(
        'interrupt',
        'interrupt',
        'terminate',
        'hangup',
        'quit',
        'user1',
        'user2',
        'stop',
        'continue',
        'kill',
        '__proto__',
        'SIGINT',
      ),
    }),
    [Method.ProcessTerminate]: record({ processId, graceMs: maybe(count) }),
    [Method.ProcessCloseStdin]: record({ processId }),
    [Method.ProcessResize]: record({ processId, rows: cells, columns: cells }),
    [Method.ProcessAcknowledge]: record({ processId, seq: count }),
    [Method.ProcessList]: fc.constantFrom<Json[]>(null, {}),
    [Method.ProcessAttach]: record({ run: fc.oneof(fc.nat(8) as Params, count), processId }),
    [Method.FsReadFile]: record({ path: read, sandbox: confined, followSymlinks }),
    [Method.FsWriteFile]: record({ path: write, dataBase64: base64, sandbox: confined, followSymlinks }),
    [Method.FsCreateDirectory]: record({ path: write, recursive: maybe(flag), sandbox: confined, followSymlinks }),
    [Method.FsGetMetadata]: record({ path: read, sandbox: confined, followSymlinks }),
    [Method.FsReadDirectory]: record({ path: read, sandbox: confined }),
    [Method.FsRemove]: record({
      path: write,
      recursive: maybe(flag),
      force: maybe(flag),
      sandbox: confined,
      followSymlinks,
    }),
    [Method.FsCopy]: record({ sourcePath: write, destinationPath: write, recursive: flag, sandbox: confined }),
    [Method.FsCanonicalize]: record({ path: read, sandbox: confined }),
    [Method.FsOpen]: record({
      handleId,
      path: write,
      mode: fc.constantFrom('read', 'replace', undefined),
      sandbox: confined,
    }),
    [Method.FsReadBlock]: record({ handleId, offset, len: fc.oneof(fc.nat(70_000) as Params, oddNumber) }),
    [Method.FsWriteBlock]: record({ handleId, offset, chunk: base64 }),
    [Method.FsClose]: record({ handleId }),
    [Method.FsWalk]: record({ path: write, options: limits, sandbox: confined }),
    [Method.FsWatchMissing]: record({
      watchId: count,
      missing: fc.array(read, { maxLength: 4 }),
      present: maybe(read),
      sandbox: confined,
    }),
    [Method.CapabilityRootsDiscover]: record({
      roots: fc.array(record({ id: oddString, path: write, sandbox: confined }), { maxLength: 3 }),
    }),
    [Method.HttpAcknowledge]: record({ requestId, seq: count }),
    [Method.HttpCancel]: record({ requestId }),
    [Method.HttpRequest]: record(
      {
        method: fc.oneof(
          {
            weight: 40,
            arbitrary: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'get', 'CONNECT', 'TRACE', 'A B', ''),
          },
          { weight: 10, arbitrary: oddString },
        ),
        url: url(port),
        headers: fc.oneof(headers, fc.constant<Json>(undefined)),
        bodyBase64: maybe(base64),
        timeoutMs: maybe(count),
        redirectPolicy: fc.constantFrom('follow', 'stop', undefined),
        requestId,
        streamResponse: fc.constantFrom(true, false, undefined),
        bodyWindow: maybe(count),
      },
      ['method', 'url', 'requestId'],
    ),
  }
  return {
    ...Object.fromEntries(Object.entries(regular).map(([name, params]) => [name, kept(name, params)])),
    [Method.ProcessStart]: start(surroundings),
  }
}

/** Members of which a change could lead elsewhere: where something is written, removed, looked through, or sent. */
const KEPT: Record<string, readonly string[]> = {
  [Method.FsWriteFile]: ['path'],
  [Method.FsCreateDirectory]: ['path'],
  [Method.FsRemove]: ['path'],
  [Method.FsCopy]: ['sourcePath', 'destinationPath'],
  [Method.FsOpen]: ['path'],
  [Method.FsWalk]: ['path'],
  [Method.HttpRequest]: ['url'],
  [Method.FsWriteBlock]: ['offset'],
}

/** Disturbed, but for those: instead of another path or address they may be of another kind. */
function kept(name: string, params: Params): Params {
  const members = KEPT[name]
  if (members === undefined) return disturbed(params)
  return fc.tuple(params, disturbed(params)).map(([regular, other]) => {
    if (!isObject(other) || !isObject(regular)) return other
    const given = new Map(membersOf(regular))
    return new Members(
      membersOf(other).map(([member, value]) => [
        member,
        members.includes(member) && typeof value === 'string' ? (given.get(member) as Json) : value,
      ]),
    )
  })
}
