import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { SpawnSpec } from '../../../src/core/base/host.ts'
import { ShellSnapshots } from '../../../src/core/shell-snapshot/shell-snapshots.ts'
import type { SnapshotStart } from '../../../src/core/shell-snapshot/shell-snapshots.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { spawnedHost } from '../../support/fakes/spawned-host.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const SH = '/bin/sh'

function setup(profile: string, limits: Partial<Limits> = {}) {
  const home = temporaryFolder()
  const write = (text: string): void => writeFileSync(join(home, '.profile'), text)
  write(profile)
  const host = spawnedHost()
  const clock = new ManualClock()
  const budget = { bytes: 0 }
  const snapshots = new ShellSnapshots({ host, clock, budget, limits: { ...defaultLimits, ...limits } })
  let version = 0
  const files = {
    getMetadata: async () => ({
      isFile: true,
      isDirectory: false,
      isSymlink: false,
      size: version,
      createdAtMs: 0,
      modifiedAtMs: 0,
    }),
  }
  const env = { HOME: home, PATH: '/usr/bin:/bin' }
  const spec = (more: Partial<SpawnSpec> = {}): SpawnSpec => ({
    argv: [SH, '-lc', 'true'],
    cwd: home,
    env: new Map(Object.entries(env)),
    stdin: 'closed',
    ...more,
  })
  const start = (more: Partial<SnapshotStart> = {}): SnapshotStart => ({
    request: { scopeId: 's', shell: { name: 'sh', path: SH } },
    policy: undefined,
    own: [],
    files,
    ...more,
  })
  return { home, host, clock, budget, snapshots, spec, start, write, touch: () => version++ }
}

const captures = ({ spawned }: { spawned: readonly SpawnSpec[] }): number =>
  spawned.filter(({ argv }) => argv[1] === '-lc').length

test('startup files run once for all commands of a scope, also for those that come at the same time', async () => {
  const { host, snapshots, spec, start } = setup('export SET=1')
  const both = await Promise.all([snapshots.prepare(spec(), start()), snapshots.prepare(spec(), start())])
  const third = await snapshots.prepare(spec(), start())
  for (const { argv, env } of [...both, third]) {
    assert.is(argv[1], '-c')
    assert.is(env.get('SET'), '1')
  }
  assert.is(captures(host), 1)
})

test.full('another scope, shell, directory, policy or sandbox has a snapshot of its own', async () => {
  const { host, snapshots, spec, start, home } = setup('export SET=1')
  const policy = (set: [string, string][]) => ({
    inherit: 'all' as const,
    ignoreDefaultExcludes: true,
    exclude: [],
    includeOnly: [],
    set: new Map(set),
  })
  await snapshots.prepare(spec(), start())
  await snapshots.prepare(spec(), start({ request: { scopeId: 't', shell: { name: 'sh', path: SH } } }))
  await snapshots.prepare(spec({ cwd: join(home, '..') }), start())
  await snapshots.prepare(spec(), start({ policy: policy([['A', '1']]) }))
  await snapshots.prepare(spec(), start({ policy: policy([['A', '2']]) }))
  assert.is(captures(host), 5)
})

test('a command that is not one of a login shell of that path is left as it is', async () => {
  const { host, snapshots, spec, start } = setup('')
  for (const argv of [
    [SH, '-c', 'true'],
    [SH, '-lc'],
    ['/bin/bash', '-lc', 'true'],
  ]) {
    const as = spec({ argv })
    assert.is(await snapshots.prepare(as, start()), as)
  }
  assert.is(host.spawned.length, 0)
})

test.full('a change of a startup file is noticed', async () => {
  const { snapshots, spec, start, write, touch } = setup('export SET=1')
  await snapshots.prepare(spec(), start())
  write('export SET=2')
  touch()
  assert.is((await snapshots.prepare(spec(), start())).env.get('SET'), '2')
})

test('variables of the request win, the policy filters, and what belongs to one command is not kept', async () => {
  const { snapshots, spec, start } = setup(
    'export A=profile B=profile MY_KEY=k OPENAI_IDENTITY_TOKEN_FILE=t; unset GONE',
  )
  const env = new Map(
    Object.entries({ ...Object.fromEntries(spec().env), A: 'own', GONE: '1', CODEX_TOOL_CALL_ID: '1' }),
  )
  const policy = { inherit: 'all' as const, ignoreDefaultExcludes: false, exclude: [], includeOnly: [], set: new Map() }
  await snapshots.prepare(spec({ env }), start({ policy }))
  const later = await snapshots.prepare(
    spec({ env: new Map([...env, ['CODEX_TOOL_CALL_ID', '2']]) }),
    start({ policy, own: ['A'] }),
  )
  const names = ['A', 'B', 'MY_KEY', 'OPENAI_IDENTITY_TOKEN_FILE', 'GONE', 'CODEX_TOOL_CALL_ID', 'PWD']
  assert.equal(
    names.map((name) => later.env.get(name)),
    ['own', 'profile', undefined, undefined, undefined, '2', undefined],
  )
})

test.full(
  'a capture that fails is tried again after a while, and not for ever; the login shell runs meanwhile',
  async () => {
    const { host, clock, snapshots, spec, start, budget } = setup('exit 3')
    for (const [wait, expected] of [
      [0, 1],
      [0, 1],
      [999, 1],
      [1, 2],
      [1000, 3],
      [100_000, 3],
    ] as const) {
      clock.advance(wait)
      const as = spec()
      assert.is(await snapshots.prepare(as, start()), as)
      assert.is(captures(host), expected, `after ${wait}`)
    }
    assert.is(budget.bytes, 0)
  },
)

test.full('the least recently used snapshot goes first', async () => {
  const { host, snapshots, spec, start } = setup('', { shellSnapshots: 2 })
  const of = (scopeId: string) =>
    snapshots.prepare(spec(), start({ request: { scopeId, shell: { name: 'sh', path: SH } } }))
  for (const scope of ['a', 'b', 'a', 'c', 'a']) await of(scope)
  assert.is(captures(host), 3)
  await of('b')
  assert.is(captures(host), 4)
})

test.full('beyond the memory of all sessions, or of one snapshot, login shells run as they are', async () => {
  for (const limits of [
    { shellSnapshotsTotal: 100 },
    { shellSnapshotBytes: 10 },
    { shellSnapshotKey: 5 },
    { shellSnapshotOutput: 20 },
  ]) {
    const { snapshots, spec, start, budget } = setup('', limits)
    const as = spec()
    assert.is(await snapshots.prepare(as, start()), as)
    assert.is(budget.bytes, 0)
  }
})

test('the memory of a session is given back at its end, and a capture under way is killed', async () => {
  const { host, snapshots, spec, start, budget, clock } = setup('export SET=1')
  await snapshots.prepare(spec(), start())
  assert.ok(budget.bytes > 0)
  const {
    host: other,
    snapshots: hanging,
    spec: as,
    start: begin,
  } = setup('while :; do read x < /dev/tty || sleep 1; done')
  const waiting = hanging.prepare(as(), begin())
  while (other.spawned.length === 0) await settled()
  hanging.dispose()
  assert.is((await waiting).argv[1], '-lc')
  assert.is(other.killed, 1)
  snapshots.dispose()
  assert.is(budget.bytes, 0)
  assert.is((await snapshots.prepare(spec(), start())).argv[1], '-lc')
  assert.is(host.killed, 0)
  assert.is(clock.timers, 0)
})

test.full('a capture that takes too long is killed', async () => {
  const { host, snapshots, spec, start, clock } = setup('sleep 60')
  const waiting = snapshots.prepare(spec(), start())
  while (clock.timers === 0) await settled()
  clock.advance(10_000)
  assert.is((await waiting).argv[1], '-lc')
  assert.is(host.killed, 1)
})

test.run()
