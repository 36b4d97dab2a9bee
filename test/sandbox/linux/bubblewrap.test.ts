/**
 * Bubblewrap's arguments, carried out one after the other on a disk that is made of a literal, as bubblewrap would:
 * what can be seen in the end is what the plan says.
 */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { Access } from '../../../src/protocol/schemas/sandbox.ts'
import { bubblewrapArguments, launcherPath } from '../../../src/sandbox/linux/bubblewrap.ts'
import type { BubblewrapOptions } from '../../../src/sandbox/linux/bubblewrap.ts'
import { planMounts } from '../../../src/sandbox/linux/mounts.ts'
import type { MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { DEVICES } from '../../support/devices.ts'
import { anyScene, fakeDisk, holds, parentOf } from '../../support/fakes/fake-disk.ts'
import type { FakeDisk, Tree } from '../../support/fakes/fake-disk.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

/** How many values each option takes; whatever is not here is not an option that we know bubblewrap to have. */
const VALUES: Record<string, number> = {
  '--unshare-user': 0,
  '--unshare-pid': 0,
  '--unshare-ipc': 0,
  '--unshare-net': 0,
  '--die-with-parent': 0,
  '--bind': 2,
  '--bind-try': 2,
  '--ro-bind': 2,
  '--ro-bind-try': 2,
  '--dev-bind': 2,
  '--tmpfs': 1,
  '--dev': 1,
  '--proc': 1,
  '--perms': 1,
  '--file': 2,
  '--symlink': 2,
  '--remount-ro': 1,
  '--cap-add': 1,
  '--cap-drop': 1,
  '--seccomp': 1,
  '--chdir': 1,
  '--setenv': 2,
}

type Option = [name: string, ...values: string[]]

function optionsOf(args: readonly string[]): Option[] {
  const options: Option[] = []
  for (let at = 0; at < args.length; ) {
    const name = args[at] as string
    const count = VALUES[name]
    if (count === undefined) throw new Error(`unknown option ${name}`)
    assert.ok(at + count < args.length, `${name} lacks a value`)
    options.push([name, ...args.slice(at + 1, at + 1 + count)])
    at += 1 + count
  }
  return options
}

type Layer = {
  at: string
  shows: 'machine' | 'nothing' | 'device' | 'processes' | 'devices'
  writable: boolean
  mode: number
  /** What was made in it, with what links lead to. */
  made: Map<string, string | undefined>
}

/** Carries the options out. What bubblewrap could not do, or would do to the machine, throws. */
function laid(
  options: readonly Option[],
  disk: FakeDisk,
  held: readonly string[] = [],
): { access(path: string): Access | 'private'; layers: Layer[] } {
  const layers: Layer[] = []
  let mode: number | undefined

  const topOf = (path: string): Layer => {
    const top = layers.findLast(({ at }) => holds(at, path))
    if (top === undefined) throw new Error(`${path} is laid on nothing`)
    return top
  }
  const isThere = (path: string): boolean => {
    if (path === '/') return true
    const top = topOf(path)
    if (top.at === path || top.made.has(path)) return true
    if (top.shows === 'devices') return DEVICES.some((name) => path === `/dev/${name}`)
    if (top.shows === 'processes') return path === '/proc/sys'
    return top.shows === 'machine' && (disk.realPaths.includes(path) || held.includes(path))
  }
  const make = (path: string, leadsTo?: string): void => {
    if (isThere(path)) return
    const top = topOf(path)
    if (top.shows === 'machine') throw new Error(`${path} would be made on the machine`)
    if (!top.writable || top.shows === 'processes' || top.shows === 'device') throw new Error(`${path} cannot be made`)
    if ((top.mode & 0o111) === 0) throw new Error(`nobody could reach ${path} in ${top.at}`)
    for (let above = parentOf(path); above !== top.at && !top.made.has(above); above = parentOf(above))
      top.made.set(above, undefined)
    top.made.set(path, leadsTo)
  }
  const lay = (at: string, layer: Partial<Layer> & Pick<Layer, 'shows'>): void => {
    if (layers.length > 0) make(at)
    layers.push({ at, writable: true, mode: mode ?? 0o755, made: new Map(), ...layer })
    mode = undefined
  }

  for (const [name, first = '', second = ''] of options) {
    if (mode !== undefined) assert.ok(['--tmpfs', '--file'].includes(name), `--perms before ${name}`)
    switch (name) {
      case '--bind':
      case '--dev-bind':
      case '--ro-bind':
      case '--bind-try':
      case '--ro-bind-try': {
        const isDevice = first === '/dev/null'
        if (!isDevice) assert.is(first, second)
        if (name.endsWith('-try') && !disk.realPaths.includes(first)) break
        assert.ok(isDevice || disk.realPaths.includes(first), `${first} is not there to be bound`)
        lay(second, { shows: isDevice ? 'device' : 'machine', writable: !name.startsWith('--ro-') })
        break
      }
      case '--tmpfs':
        lay(first, { shows: 'nothing' })
        break
      case '--dev':
        lay(first, { shows: 'devices' })
        break
      case '--proc':
        lay(first, { shows: 'processes' })
        break
      case '--perms':
        mode = Number.parseInt(first, 8)
        break
      case '--file':
        make(second, 'a file')
        mode = undefined
        break
      case '--symlink':
        assert.not(isThere(second), `${second} is there already`)
        make(second, first)
        break
      case '--remount-ro': {
        const top = topOf(first)
        assert.is(top.at, first, `${first} is not a mount`)
        top.writable = false
      }
    }
  }
  const access = (path: string): Access | 'private' => {
    const top = topOf(path)
    if (top.shows === 'processes' || top.shows === 'devices') return 'private'
    return top.shows !== 'machine' ? 'deny' : top.writable ? 'write' : 'read'
  }
  return { access, layers }
}

/** What the plan itself says, mount after mount. */
function planned(plan: MountPlan, path: string): Access {
  const top = plan.mounts.findLast((mount) => holds(mount.path, path))
  if (top === undefined) return plan.base === 'empty' ? 'deny' : plan.base === 'writable' ? 'write' : 'read'
  return top.kind === 'mask' ? 'deny' : top.writable ? 'write' : 'read'
}

const COMMON = {
  network: 'restricted',
  abilities: { userNamespace: true, proc: true },
  seccompFd: 4,
  cwd: '/w',
  env: new Map(),
  coverForbidden: true,
} as const

const argumentsFor = (plan: MountPlan | undefined, more: Partial<BubblewrapOptions> = {}): Option[] =>
  optionsOf(bubblewrapArguments({ ...COMMON, plan, ...more }))

const anyMore: fc.Arbitrary<Partial<BubblewrapOptions>> = fc.record({
  abilities: fc.record({ userNamespace: fc.boolean(), proc: fc.boolean() }),
  network: fc.constantFrom('restricted', 'enabled'),
  coverForbidden: fc.boolean(),
})

function everyPlan(check: (plan: MountPlan, disk: FakeDisk, more: Partial<BubblewrapOptions>) => void): void {
  fc.assert(
    fc.property(anyScene, anyMore, ({ tree, policy }, more) => {
      const disk = fakeDisk({ proc: { sys: {} }, dev: { null: 'device', shm: {} }, ...tree })
      let plan: MountPlan
      try {
        plan = planMounts(policy, disk)
      } catch (error) {
        if (error instanceof RpcError) return
        throw error
      }
      check(plan, disk, more)
    }),
    { numRuns: 400 },
  )
}

test('carried out in their order, the arguments make what was planned, and make nothing on the machine', () => {
  everyPlan((plan, disk, more) => {
    const { access } = laid(
      argumentsFor(plan, more),
      disk,
      plan.forbidden.map(({ path }) => path),
    )
    for (const path of disk.realPaths)
      if (!holds('/proc', path) && !holds('/dev', path)) assert.is(access(path), planned(plan, path), path)
  })
})

test('whatever covers something is read-only in the end, and empty but for what leads on', () => {
  everyPlan((plan, disk, more) => {
    const { layers } = laid(
      argumentsFor(plan, more),
      disk,
      plan.forbidden.map(({ path }) => path),
    )
    for (const { at, shows, writable, made } of layers) {
      if (shows === 'nothing') assert.not(writable, at)
      if (shows === 'device') assert.not(writable, at)
      if (shows !== 'nothing') continue
      const laidOrLinked = [...layers.map((layer) => layer.at), ...plan.links.map(({ path }) => path)]
      for (const path of made.keys())
        assert.ok(laidOrLinked.some((other) => holds(path, other)) || path.startsWith('/proc/'), `${path} in ${at}`)
    }
  })
})

test('what must not come to be is covered if it was put there, and only then', () => {
  everyPlan((plan, disk, more) => {
    const { access, layers } = laid(
      argumentsFor(plan, more),
      disk,
      plan.forbidden.map(({ path }) => path),
    )
    for (const { path, isDirectory } of plan.forbidden) {
      const cover = layers.find(({ at }) => at === path)
      if (more.coverForbidden !== true) assert.is(cover, undefined)
      else {
        assert.is(access(path), 'deny')
        assert.is(cover?.shows, isDirectory ? 'nothing' : 'device')
      }
    }
  })
})

test('links lead inside to where they lead outside', () => {
  everyPlan((plan, disk, more) => {
    const { layers } = laid(
      argumentsFor(plan, more),
      disk,
      plan.forbidden.map(({ path }) => path),
    )
    for (const { path } of plan.links)
      assert.ok(
        layers.some(({ made }) => made.get(path) === disk.linkText(path)),
        path,
      )
  })
})

// ---- the machine's own things ----

const MACHINE: Tree = {
  dev: { null: 'device', shm: { x: 'text' } },
  proc: { sys: {}, '1': {} },
  sys: { kernel: { mm: {} } },
  w: { '.git': {}, '.codex': {}, '.agents': {}, '.aws': {} },
  '.git': {},
  '.codex': {},
  '.agents': {},
  '.aws': {},
}
const machine = fakeDisk(MACHINE)

function laidFor(
  rules: Record<string, Access>,
  more: Partial<BubblewrapOptions> = {},
): ReturnType<typeof laid> & { options: Option[] } {
  const asRules = Object.entries(rules).map(([path, access]) => ({ path, access }))
  const plan = planMounts({ rules: asRules, minimal: false, denyGlobs: [], network: 'restricted' }, machine)
  const options = argumentsFor(plan, more)
  return {
    ...laid(
      options,
      machine,
      plan.forbidden.map(({ path }) => path),
    ),
    options,
  }
}

const SOME_RULES: Record<string, Access>[] = [
  { '/w': 'write' },
  { '/': 'read', '/w': 'write' },
  { '/': 'write', '/w': 'read' },
]

test('processes and devices are the sandbox’s own, and the kernel’s settings read-only', () => {
  for (const rules of [
    ...SOME_RULES,
    { '/': 'read', '/proc': 'write', '/dev': 'write' },
    { '/': 'write', '/proc/1': 'deny', '/dev': 'read' },
  ] as Record<string, Access>[]) {
    for (const proc of [true, false]) {
      const { access, options, layers } = laidFor(rules, { abilities: { userNamespace: true, proc } })
      assert.is(access('/proc/1'), proc ? 'private' : 'deny', JSON.stringify(rules))
      assert.is(access('/proc/sys'), proc ? 'read' : 'deny')
      assert.is(access('/dev/null'), 'private')
      assert.is(layers.filter(({ at }) => at === '/proc').length, 1)
      assert.not(
        options.some(
          ([name, source]) =>
            name.includes('bind') && (source === '/proc' || source === '/dev' || source === '/proc/1'),
        ),
      )
    }
  }
})

test('where every file may be written, the kernel’s settings may not unless a rule says so', () => {
  for (const rules of [{ '/w': 'read' }, { '/sys/kernel/mm': 'read' }, { '/sys/kernel/mm': 'deny' }] as Record<
    string,
    Access
  >[]) {
    const { access } = laidFor({ '/': 'write', ...rules })
    for (const path of ['/sys', '/sys/kernel'])
      assert.is(access(path), 'read', `${path} under ${JSON.stringify(rules)}`)
  }
})

test('shared memory is the machine’s only where it may be written by the rules', () => {
  for (const [rules, wanted] of [
    [{ '/': 'write', '/w': 'read' }, ['write']],
    [{ '/': 'read', '/dev/shm': 'write' }, ['write']],
    [{ '/': 'write', '/dev': 'deny' }, ['deny', 'private']],
    [{ '/': 'write', '/dev': 'read' }, ['read', 'private']],
    [{ '/': 'write', '/dev/shm': 'deny' }, ['deny', 'private']],
    [{ '/w': 'write' }, ['deny', 'private']],
  ] as [Record<string, Access>, string[]][]) {
    const access = laidFor(rules).access('/dev/shm/x')
    assert.ok(wanted.includes(access), `${access} under ${JSON.stringify(rules)}`)
  }
})

test('the devices that everyone needs can be opened, whatever rules say of them', () => {
  for (const rules of [{ '/': 'read', '/dev/null': 'write' }, { '/dev/null': 'read' }] as Record<string, Access>[]) {
    // What is bound is bound without devices: it is there, and cannot be opened.
    assert.is(laidFor(rules).access('/dev/null'), 'private', JSON.stringify(rules))
  }
})

// ---- the options ----

const names = (options: readonly Option[]): string[] => options.map(([name]) => name)
const valueOf = (options: readonly Option[], name: string): string[][] =>
  options.filter(([other]) => other === name).map(([, ...values]) => values)

const READABLE: MountPlan = { base: 'readable', mounts: [], links: [], forbidden: [] }

test('every sandbox is cut off from other processes, ends with its server, and has no powers and few system calls', () => {
  for (const plan of [READABLE, { ...READABLE, base: 'writable' }, { ...READABLE, base: 'empty' }] as MountPlan[]) {
    for (const userNamespace of [true, false]) {
      for (const proc of [true, false]) {
        const options = argumentsFor(plan, { abilities: { userNamespace, proc }, seccompFd: 17 })
        for (const name of ['--unshare-pid', '--unshare-ipc', '--die-with-parent'])
          assert.is(names(options).filter((other) => other === name).length, 1, name)
        assert.is(names(options).includes('--unshare-user'), userNamespace)
        assert.equal(valueOf(options, '--cap-drop'), [['ALL']])
        assert.equal(valueOf(options, '--seccomp'), [['17']])
        assert.equal(valueOf(options, '--chdir'), [['/w']])
      }
    }
  }
})

test('the network is cut off where it is restricted', () => {
  for (const plan of [READABLE, undefined]) {
    assert.ok(names(argumentsFor(plan)).includes('--unshare-net'))
    assert.not(names(argumentsFor(plan, { network: 'enabled' })).includes('--unshare-net'))
  }
})

test('where every file may be written all devices are there, and root that makes no user namespace works with the files of others', () => {
  for (const proc of [true, false]) {
    for (const userNamespace of [true, false]) {
      const options = argumentsFor(undefined, { abilities: { proc, userNamespace } })
      assert.equal(
        options.filter(([name]) => name.includes('bind') && !name.endsWith('-try')),
        [['--dev-bind', '/', '/']],
      )
      assert.equal(
        options.filter(([name]) => name.startsWith('--cap-')),
        [
          ['--cap-drop', 'ALL'],
          ...(userNamespace ? [] : ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER'].map((cap) => ['--cap-add', cap])),
        ],
      )
      assert.ok(names(options).includes('--seccomp') && names(options).includes('--unshare-pid'))
      const { access } = laid(options, machine)
      assert.equal(
        [access('/'), access('/w'), access('/dev/null'), access('/proc/1')],
        ['write', 'write', 'write', proc ? 'private' : 'deny'],
      )
    }
  }
})

test('the launcher is reached through its descriptor, or copied to where there is no view of descriptors', () => {
  const copied = (options: Option[]): boolean =>
    options.some(([name, fd, path]) => name === '--file' && fd === '5' && path === '/proc/launcher')
  for (const plan of [READABLE, undefined]) {
    const [with_, without] = [true, false].map((proc) =>
      argumentsFor(plan, { abilities: { userNamespace: true, proc }, launcherFd: 5 }),
    ) as [Option[], Option[]]
    assert.not(copied(with_))
    assert.ok(copied(without))
    const { layers } = laid(without, machine)
    const proc = layers.find(({ at }) => at === '/proc')
    assert.equal([proc?.writable, Array.from(proc?.made.keys() ?? [])], [false, ['/proc/launcher']])
    assert.not(copied(argumentsFor(plan, { abilities: { userNamespace: true, proc: false } })))
  }
  assert.is(launcherPath({ userNamespace: true, proc: true }, 5), '/proc/self/fd/5')
  assert.is(launcherPath({ userNamespace: true, proc: false }, 5), '/proc/launcher')
})

test('the environment and the directory of the command are passed as they are, whatever they look like', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('--bind', '--', '', '-', '--setenv', '/ a', '\n'))
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), text, (pairs, cwd) => {
      const env = new Map(pairs)
      const options = argumentsFor(READABLE, { env, cwd })
      assert.equal(
        valueOf(options, '--setenv'),
        [...env].map(([name, value]) => [name, value]),
      )
      assert.equal(valueOf(options, '--chdir'), [[cwd]])
    }),
    { numRuns: 100 },
  )
})

test('masks are made read-only after everything that is mounted in them', () => {
  const tree = { ...MACHINE, d: { x: { r: {} }, f: 'text' } }
  const plan = planMounts(
    {
      rules: [
        ['/', 'read'],
        ['/d', 'deny'],
        ['/d/x/r', 'write'],
      ].map(([path, access]) => ({ path, access }) as { path: string; access: Access }),
      minimal: false,
      denyGlobs: [],
      network: 'restricted',
    },
    fakeDisk(tree),
  )
  const options = argumentsFor(plan)
  const place = (...wanted: string[]): number => options.findIndex((option) => option.join(' ') === wanted.join(' '))
  assert.ok(place('--tmpfs', '/d') < place('--bind', '/d/x/r', '/d/x/r'))
  assert.ok(place('--bind', '/d/x/r', '/d/x/r') < place('--remount-ro', '/d'))
  assert.equal(options[place('--tmpfs', '/d') - 1], ['--perms', '0111'])
  assert.is(place('--remount-ro', '/'), -1)
  assert.equal(
    argumentsFor({ ...plan, base: 'empty' }).findLast(([name]) => name === '--remount-ro'),
    ['--remount-ro', '/'],
  )
})

test('what is open is bound by its descriptor, the rest by path, and the command waits for a byte', () => {
  const plan: MountPlan = {
    base: 'readable',
    mounts: [
      { kind: 'bind', path: '/w', writable: true },
      { kind: 'bind', path: '/w/.git', writable: false },
      { kind: 'bind', path: '/more', writable: false },
    ],
    forbidden: [],
    links: [],
  }
  const args = bubblewrapArguments({
    plan,
    network: 'restricted',
    abilities: { userNamespace: true, proc: true },
    seccompFd: 4,
    cwd: '/',
    env: new Map(),
    coverForbidden: true,
    blockFd: 6,
    sourceFds: new Map([
      ['/w', 7],
      ['/w/.git', 8],
    ]),
  }).join(' ')
  assert.match(args, '--bind-fd 7 /w --ro-bind-fd 8 /w/.git --ro-bind /more /more')
  assert.match(args, '--block-fd 6')
})

test.run()
