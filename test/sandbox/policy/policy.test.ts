/** What a sandbox means for paths, against a model that is written from the protocol's sentences and not from the code. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { Access, Entry, EntryPath, Sandbox } from '../../../src/protocol/schemas/sandbox.ts'
import { accessOf, isFullRead, resolvePolicy } from '../../../src/sandbox/policy/policy.ts'
import type { Policy, Surroundings } from '../../../src/sandbox/policy/policy.ts'
import { holds, namesOf } from '../../support/fakes/fake-disk.ts'
import { assertLinear } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const MINIMAL = ['/bin', '/sbin', '/usr', '/etc', '/lib', '/lib32', '/lib64', '/nix/store', '/run/current-system/sw']

// ---- the model ----

type Meaning = {
  targets: { names: string[]; access: Access }[]
  isMinimal: boolean
  denies: ((path: string) => boolean)[]
  /** What cannot be enforced, or not without something that the request did not say. */
  isRefused: boolean
}

/** The few globs that the properties use, each with what it says in plain words. */
const GLOBS: Record<string, (path: string) => boolean> = {
  '/a/*.env': (path) => /^\/a\/[^/]*\.env$/.test(path),
  '/**/key': (path) => namesOf(path).at(-1) === 'key',
  '/a/b/**': (path) => path !== '/a/b' && holds('/a/b', path),
}
const RELATIVE_GLOBS = ['*.env', './*.env', '~/*.env']

const within = (directory: string, more: string): string[] => [
  ...namesOf(directory),
  ...namesOf(more).filter((name) => name !== '.'),
]

function meaningOf(
  entries: readonly Entry[],
  { cwd, workspaceRoots, home, tmpdir }: Surroundings & { workspaceRoots?: string[] },
): Meaning {
  const meaning: Meaning = { targets: [], isMinimal: false, denies: [], isRefused: false }
  for (const { at, access } of entries) {
    const say = (path: string | undefined, more = ''): void => {
      if (path === undefined) meaning.isRefused = true
      else meaning.targets.push({ names: within(path, more), access })
    }
    switch (at.type) {
      case 'path':
        say(at.path)
        break
      case 'root':
        say('/')
        break
      case 'slash_tmp':
        say('/tmp')
        break
      case 'tmpdir':
        if (tmpdir?.startsWith('/') === true) say(tmpdir)
        break
      case 'project_roots':
        for (const root of workspaceRoots ?? [cwd]) say(root, at.subpath)
        break
      case 'minimal':
        if (access === 'deny') meaning.isRefused = true
        else meaning.isMinimal = true
        break
      case 'unknown':
        if (access === 'deny') meaning.isRefused = true
        break
      case 'glob': {
        if (access !== 'deny') break
        const directory = at.pattern.startsWith('/') ? '/' : at.pattern.startsWith('~') ? home : cwd
        if (directory === undefined) meaning.isRefused = true
        else if (at.pattern.startsWith('/')) meaning.denies.push(GLOBS[at.pattern] as (path: string) => boolean)
        else
          meaning.denies.push(
            (path) =>
              path.endsWith('.env') &&
              within(path, '').length === namesOf(directory).length + 1 &&
              holds(directory, path),
          )
      }
    }
  }
  return meaning
}

/** The entry of the greatest depth that is the path or above it; of several deny, then write, then read; if none deny. */
function accessIn({ targets, isMinimal, denies }: Meaning, path: string): Access {
  if (denies.some((matches) => matches(path))) return 'deny'
  const names = namesOf(path)
  const above = targets.filter((target) => target.names.every((name, at) => names[at] === name))
  const depth = Math.max(...above.map((target) => target.names.length), -1)
  const deepest = above.filter((target) => target.names.length === depth).map(({ access }) => access)
  const decided = (['deny', 'write', 'read'] as const).find((access) => deepest.includes(access)) ?? 'deny'
  // What programs need is there unless something says otherwise, for which a word about everything is too general.
  if (decided === 'deny' && depth <= 0 && isMinimal && MINIMAL.some((minimal) => holds(minimal, path))) return 'read'
  return decided
}

// ---- random sandboxes ----

const name = fc.constantFrom('a', 'b', 'ab', 'key', 'x.env')
const path = fc.oneof(
  { weight: 8, arbitrary: fc.array(name, { maxLength: 4 }).map((names) => `/${names.join('/')}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '/usr',
      '/usr/lib/a',
      '/usrx',
      '/nix',
      '/nix/store',
      '/tmp',
      '/tmp/a',
      '/run',
      '/etc/a',
      '/home/u/x.env',
    ),
  },
)

const entryPath: fc.Arbitrary<EntryPath> = fc.oneof(
  { weight: 8, arbitrary: path.map((path): EntryPath => ({ type: 'path', path })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...Object.keys(GLOBS), ...RELATIVE_GLOBS)
      .map((pattern): EntryPath => ({ type: 'glob', pattern })),
  },
  { weight: 2, arbitrary: fc.constantFrom<EntryPath[]>({ type: 'root' }, { type: 'tmpdir' }, { type: 'slash_tmp' }) },
  { weight: 1, arbitrary: fc.constantFrom<EntryPath[]>({ type: 'minimal' }, { type: 'unknown' }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<EntryPath[]>(
      { type: 'project_roots' },
      { type: 'project_roots', subpath: 'b' },
      { type: 'project_roots', subpath: './key//a/' },
    ),
  },
)

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined })

const anyCase = fc.record({
  entries: fc.array(fc.record({ at: entryPath, access: fc.constantFrom<Access[]>('read', 'write', 'write', 'deny') }), {
    maxLength: 6,
  }),
  cwd: maybe(fc.constantFrom('/a', '/a/b')),
  workspaceRoots: maybe(fc.subarray(['/a', '/b/a', '/'])),
  outerCwd: maybe(fc.constantFrom('/b', '/')),
  home: maybe(fc.constantFrom('/home/u', '/a')),
  tmpdir: maybe(fc.constantFrom('/tmp', '/a//b/../ab/', '', 'relative', '/')),
})

type Case = typeof anyCase extends fc.Arbitrary<infer T> ? T : never

const present = <T extends object>(all: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

/** The policy, and the model's view of the same; 'refused' is what may be. */
function both({ entries, cwd, workspaceRoots, outerCwd, home, tmpdir }: Case): {
  meaning: Meaning
  policy: Policy | undefined | 'refused'
} {
  const sandbox: Sandbox = {
    files: { unrestricted: false, entries },
    network: 'restricted',
    ...present({ cwd, workspaceRoots }),
  }
  const normal = tmpdir === '/a//b/../ab/' ? '/a/ab' : tmpdir
  const meaning = meaningOf(entries, present({ cwd: cwd ?? outerCwd, workspaceRoots, home, tmpdir: normal }))
  try {
    return { meaning, policy: resolvePolicy(sandbox, present({ cwd: outerCwd, home, tmpdir })) }
  } catch (error) {
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, -32602)
    return { meaning, policy: 'refused' }
  }
}

/** Everything that anything is said about, and what is below and beside it. */
function paths({ targets }: Meaning): string[] {
  const all = [
    '/',
    '/a',
    '/b',
    '/a/b',
    '/a/b/key',
    '/ab',
    '/a/x.env',
    '/a/b/x.env',
    '/key/a',
    '/home/u/x.env',
    '/usr/bin/sh',
    '/usrx',
    '/nix/store/a',
    '/nix/x',
    '/tmp/x',
    '/run/current-system/sw/bin',
  ]
  for (const { names } of targets)
    all.push(
      `/${names.join('/')}`,
      `/${[...names, 'b'].join('/')}`,
      `/${names.join('/')}b`,
      `/${names.slice(0, -1).join('/')}`,
    )
  return all
}

const RUNS = 1000

test('every path has the access that the deepest entry above it gives', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { meaning, policy } = both(one)
      assert.is(policy === 'refused', meaning.isRefused)
      if (policy === 'refused') return
      for (const path of paths(meaning))
        assert.is(policy === undefined ? 'write' : accessOf(policy, path), accessIn(meaning, path), path)
    }),
    { numRuns: RUNS },
  )
})

test('only a policy under which every path may be written is none', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { meaning, policy } = both(one)
      if (policy === 'refused') return
      const isAllWritable =
        meaning.denies.length === 0 &&
        [...meaning.targets, { names: [] }].every(({ names }) => accessIn(meaning, `/${names.join('/')}`) === 'write')
      assert.is(policy === undefined, isAllWritable)
    }),
    { numRuns: RUNS },
  )
})

test('everything may be read if the root may be and nothing at all is denied', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const { meaning, policy } = both(one)
      if (policy === 'refused' || policy === undefined) return
      const isRootReadable = meaning.targets.some(({ names }) => names.length === 0)
      const isAnyDenied = meaning.denies.length > 0 || meaning.targets.some(({ access }) => access === 'deny')
      assert.is(isFullRead(policy), isRootReadable && !isAnyDenied)
      if (isFullRead(policy)) for (const path of paths(meaning)) assert.is.not(accessOf(policy, path), 'deny', path)
    }),
    { numRuns: RUNS },
  )
})

test('the order of entries means nothing', () => {
  fc.assert(
    fc.property(anyCase, (one) => {
      const [forward, backward] = [both(one), both({ ...one, entries: one.entries.toReversed() })]
      if (forward.policy === 'refused' || backward.policy === 'refused')
        return assert.is(forward.policy, backward.policy)
      if (forward.policy === undefined || backward.policy === undefined)
        return assert.is(forward.policy, backward.policy)
      for (const path of paths(forward.meaning))
        assert.is(accessOf(forward.policy, path), accessOf(backward.policy, path))
    }),
    { numRuns: RUNS / 2 },
  )
})

// ---- cases, each of which has a reason ----

function resolved(entries: Entry[], more: Partial<Sandbox> = {}, surroundings: Surroundings = {}): Policy {
  const policy = resolvePolicy(
    { files: { unrestricted: false, entries }, network: 'restricted', ...more },
    surroundings,
  )
  if (policy === undefined) throw new Error('everything may be written')
  return policy
}

const at = (path: string, access: Access): Entry => ({ at: { type: 'path', path }, access })
const special = (
  type: 'root' | 'minimal' | 'tmpdir' | 'slash_tmp' | 'unknown' | 'project_roots',
  access: Access,
): Entry => ({
  at: { type },
  access,
})
const glob = (pattern: string, access: Access = 'deny'): Entry => ({ at: { type: 'glob', pattern }, access })

const refuses = (what: RegExp, ...args: Parameters<typeof resolved>): void => {
  assert.throws(
    () => resolved(...args),
    (error: unknown) => error instanceof RpcError && error.code === -32602 && what.test(error.message),
  )
}

test('unrestricted files need no policy, whatever the network is', () => {
  for (const network of ['restricted', 'enabled'] as const)
    assert.is(resolvePolicy({ files: { unrestricted: true }, network }, {}), undefined)
})

test('a policy tells of the network, and of how deep globs are looked for', () => {
  const files = { unrestricted: false, entries: [special('root', 'read')], globScanMaxDepth: 3 } as const
  const { network, globScanMaxDepth } = resolvePolicy(
    { files: { ...files, entries: [...files.entries] }, network: 'enabled' },
    {},
  ) as Policy
  assert.equal([network, globScanMaxDepth], ['enabled', 3])
  assert.not('globScanMaxDepth' in resolved([]))
})

test('the sandbox’s own cwd counts before the one of its surroundings, and workspace roots before both', () => {
  const entries = [special('project_roots', 'write')]
  const writable = (...args: Parameters<typeof resolved>): string[] =>
    ['/s', '/o', '/r'].filter((path) => accessOf(resolved(...args), path) === 'write')
  assert.equal(writable(entries, { cwd: '/s' }, { cwd: '/o' }), ['/s'])
  assert.equal(writable(entries, {}, { cwd: '/o' }), ['/o'])
  assert.equal(writable(entries, { cwd: '/s', workspaceRoots: ['/r', '/o'] }), ['/o', '/r'])
  assert.equal(writable(entries, { cwd: '/s', workspaceRoots: [] }), [])
  refuses(/requires cwd/, entries)
  assert.equal(writable(entries, { workspaceRoots: ['/r'] }), ['/r'])
})

test('what names no place without a cwd is refused without one', () => {
  refuses(/requires cwd/, [glob('*.env')])
  refuses(/requires cwd/, [{ at: { type: 'project_roots', subpath: '.git' }, access: 'read' }])
  refuses(/home directory/, [glob('~/.ssh/*')])
  // These name no place at all.
  resolved([glob('*.env', 'read'), glob('{', 'write'), special('tmpdir', 'write')])
})

test('to deny what is not understood is refused, to grant it grants nothing', () => {
  refuses(/denies `unknown`/, [special('unknown', 'deny')])
  refuses(/denies `minimal`/, [special('minimal', 'deny')])
  assert.is(accessOf(resolved([special('unknown', 'write')]), '/a'), 'deny')
})

test('a glob that has no meaning is refused if it denies', () => {
  refuses(/unclosed/, [glob('/a/{b')])
  refuses(/backslash/, [glob('/a/\\')])
})

test('a relative glob is below the cwd, whatever characters the cwd is written with', () => {
  for (const cwd of ['/w', '/', '/w/p[1]', '/w/{a,b}', '/w/*', '/w/a\\b', '/w/?', '/w/é']) {
    const policy = resolved([special('root', 'read'), glob('secret/*.env'), glob('./**/key')], { cwd })
    const inside = cwd === '/' ? '' : cwd
    for (const path of [`${inside}/secret/.env`, `${inside}/key`, `${inside}/a/b/key`])
      assert.is(accessOf(policy, path), 'deny', path)
    for (const path of ['/x/secret/.env', `${inside}/secret/a/.env`]) assert.is(accessOf(policy, path), 'read', path)
  }
  assert.is(
    accessOf(resolved([special('root', 'read'), glob('~/x*')], { cwd: '/w' }, { home: '/h[1]' }), '/h[1]/x1'),
    'deny',
  )
})

test('a glob in the home directory is about the home of the server and of the request', () => {
  const policy = resolved(
    [special('root', 'read'), glob('~/*.key')],
    { cwd: '/w', home: '/client' },
    { home: '/server' },
  )
  for (const path of ['/client/a.key', '/server/a.key']) assert.is(accessOf(policy, path), 'deny')
  assert.is(accessOf(policy, '/w/a.key'), 'read')
})

test('dots in a glob are resolved like those in a path, since no path is written with them', () => {
  const denied = (pattern: string, path: string): void =>
    assert.is(
      accessOf(resolved([special('root', 'read'), glob(pattern)], { cwd: '/w/a' }, { home: '/h' }), path),
      'deny',
      pattern,
    )
  denied('../b/*.env', '/w/b/x.env')
  denied('./../b/*.env', '/w/b/x.env')
  denied('b/./*.env', '/w/a/b/x.env')
  denied('/w/a/../b/*', '/w/b/c')
  denied('/w/./*', '/w/x')
  denied('~/a/../*', '/h/x')
})

test('more rules than a machine can hold are refused, also those that few entries make of many workspace roots', () => {
  const entries = Array.from(
    { length: 500 },
    (_, index): Entry => ({ at: { type: 'project_roots', subpath: `${index}` }, access: 'read' }),
  )
  refuses(/./, entries, { workspaceRoots: Array.from({ length: 500 }, (_, index) => `/${index}`) })
})

test('what many globs and long paths amount to is refused for the whole policy', () => {
  const globs = Array.from({ length: 40 }, (_, index) => glob(`/w${index}/${'x'.repeat(4000)}${'{a,b}'.repeat(8)}`))
  refuses(/too long alternatives/, globs)
  const long = `/${'x'.repeat(60_000)}`
  refuses(
    /too long entries/,
    Array.from({ length: 100 }, () => special('project_roots', 'read')),
    { workspaceRoots: [long] },
  )
})

test('names that begin alike are not one below the other', () => {
  const policy = resolved([at('/a', 'write'), at('/a/b', 'deny'), special('minimal', 'read')])
  assert.is(accessOf(policy, '/ab'), 'deny')
  assert.is(accessOf(policy, '/a/bc'), 'write')
  assert.is(accessOf(policy, '/usrx'), 'deny')
})

/** The resolving of a writable root and so many writable entries with long paths, which amount to full access. */
function manyEntries(count: number): () => void {
  const prefix = `/${'x'.repeat(100)}`.repeat(2)
  const root = special('root', 'write')
  const entries = [root, ...Array.from({ length: count }, (_, index) => at(`${prefix}/${index}`, 'write'))]
  return () =>
    assert.is(resolvePolicy({ files: { unrestricted: false, entries }, network: 'restricted' }, {}), undefined)
}

test('as many entries as there may be, with long paths, are resolved', manyEntries(4095))

test.full('the work for entries with long paths grows with their number', () => {
  assertLinear('entries', 1000, manyEntries)
})

test.run()
