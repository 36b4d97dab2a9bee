/**
 * The planner against a model of what it plans: a plan is laid on a disk as bubblewrap would lay it, and what comes
 * out is compared with what the rules say, path by path.
 */
import fc from 'fast-check'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { Access } from '../../../src/protocol/schemas/sandbox.ts'
import { planMounts } from '../../../src/sandbox/linux/mounts.ts'
import type { MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import type { PlanNeeds } from '../../../src/sandbox/policy/resolved-paths.ts'
import type { Policy, Rule } from '../../../src/sandbox/policy/policy.ts'
import { anyScene, fakeDisk, holds, namesOf, parentOf } from '../../support/fakes/fake-disk.ts'
import type { FakeDisk, Tree } from '../../support/fakes/fake-disk.ts'
import { assertLinear } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const PROTECTED = ['.git', '.agents', '.codex', '.aws']
const MINIMAL = ['/bin', '/sbin', '/usr', '/etc', '/lib', '/lib32', '/lib64', '/nix/store', '/run/current-system/sw']

const depth = (path: string): number => namesOf(path).length
const below = (path: string, name: string): string => `/${[...namesOf(path), name].join('/')}`

// ---- what the rules say, on this disk ----

const STRENGTH = ['read', 'write', 'deny']

/** Of the rules that hold a path the deepest, of the deepest the strongest. */
function decide(rules: readonly Rule[], path: string): Rule | undefined {
  return rules
    .filter((rule) => holds(rule.path, path))
    .sort((a, b) => depth(b.path) - depth(a.path) || STRENGTH.indexOf(b.access) - STRENGTH.indexOf(a.access))[0]
}

function strongest(rules: readonly { access: Access }[]): Access | undefined {
  return ['deny', 'write', 'read'].find((access): access is Access => rules.some((rule) => rule.access === access))
}

type Model = {
  access(path: string): Access
  /** Why there can be no plan. */
  refusal?: string
  /** A grant is by way of a link that can be changed: no more may come of it than is granted without, and maybe nothing at all. */
  isShaky: boolean
  /** Paths that must not come to be, and those that need not. */
  mustNotCome: Set<string>
  mayBeForbidden: Set<string>
}

function modelOf(policy: Policy, disk: FakeDisk, { visible = [], protect = [], deny = [] }: PlanNeeds = {}): Model {
  const places = [...policy.rules, ...deny.map((path): Rule => ({ path, access: 'deny' }))].map(({ path, access }) => ({
    rule: path,
    access,
    place: disk.resolve(path),
  }))
  const asRules = (kept: typeof places): Rule[] =>
    kept.flatMap(({ place, access }) => (place.exists ? [{ path: place.path, access }] : []))
  /** Laid over all others at the very same path. */
  const overriding = new Map<string, Access>()
  let rules = asRules(places)
  // One that leads to the root directory is none.
  const minimal = policy.minimal ? MINIMAL.map((path) => disk.resolve(path)).filter(({ path }) => path !== '/') : []

  const access = (path: string): Access => {
    const deciding = decide(rules, path)
    for (let at = path; depth(at) >= (deciding === undefined ? 0 : depth(deciding.path)); at = parentOf(at)) {
      const over = overriding.get(at)
      if (over !== undefined) return over
      if (at === '/') break
    }
    const open = deciding === undefined || (deciding.path === '/' && deciding.access === 'deny')
    if (!open) return deciding.access
    return minimal.some((place) => place.exists && holds(place.path, path)) ? 'read' : 'deny'
  }
  const isMovable = (link: string): boolean => access(parentOf(link)) === 'write'

  // A grant that a link in a writable directory leads to is a grant for whatever that link is made to lead to.
  const steady = places.filter(({ access, place }) => access !== 'write' || !place.crossed.some(isMovable))
  const moved = places.filter((place) => !steady.includes(place))
  rules = asRules(steady)

  const mustNotCome = new Set<string>()
  const mayBeForbidden = new Set<string>()
  /** What must not be led elsewhere, and the links that it takes. */
  const steadied: { what: string; links: string[] }[] = []

  for (const directory of new Set(rules.map(({ path }) => path))) {
    if (access(directory) !== 'write' || !disk.isDirectory(directory)) continue
    if (PROTECTED.includes(directory.slice(directory.lastIndexOf('/') + 1))) continue
    for (const name of PROTECTED) {
      const path = below(directory, name)
      const said = steady.filter(({ place }) => place.path === path)
      const isGranted = strongest(said) === 'write'
      const place = disk.resolve(path)
      if (!isGranted) {
        if (place.crossed.length > 0) {
          steadied.push({ what: path, links: [path] })
          // To make what a protected link leads to is to make what it protects.
          if (place.firstMissing !== undefined) mustNotCome.add(place.firstMissing)
        } else if (!place.exists) mustNotCome.add(path)
        else if (said.length === 0) rules = [...rules, { path, access: 'read' }]
      }
      const pointer = name === '.git' && place.exists && !isGranted ? disk.gitDirectory(place.path) : undefined
      if (pointer === undefined) continue
      const gitDirectory = disk.resolve(pointer.startsWith('/') ? pointer : `${directory}/${pointer}`)
      steadied.push({ what: `the git directory of ${path}`, links: gitDirectory.crossed })
      if (gitDirectory.firstMissing !== undefined && access(parentOf(gitDirectory.firstMissing)) === 'write')
        mustNotCome.add(gitDirectory.firstMissing)
      if (gitDirectory.exists && access(gitDirectory.path) === 'write') overriding.set(gitDirectory.path, 'read')
    }
  }
  for (const [paths, wrong] of [
    [visible, 'deny'],
    [protect, 'write'],
  ] as const) {
    for (const path of paths) {
      const place = disk.resolve(path)
      if (!place.exists || access(place.path) !== wrong || place.crossed.some(isMovable)) continue
      overriding.set(place.path, 'read')
    }
  }
  for (const { rule, access: wanted, place } of steady) {
    if (wanted === 'write') continue
    steadied.push({ what: rule, links: place.crossed })
    const missing = place.firstMissing
    if (missing === undefined || access(parentOf(missing)) !== 'write') continue
    mayBeForbidden.add(missing)
    if (strongest(steady.filter((other) => other.place.path === place.path)) !== 'write') mustNotCome.add(missing)
  }
  for (const path of mustNotCome) if (access(parentOf(path)) !== 'write') mustNotCome.delete(path)
  const refusals = steadied
    .filter(({ links }) => links.some(isMovable))
    .map(({ what }) => `${what} can be led elsewhere`)
  return {
    access,
    isShaky: moved.length > 0,
    mustNotCome,
    mayBeForbidden,
    ...(refusals[0] === undefined ? {} : { refusal: refusals[0] }),
  }
}

// ---- what a plan does, on this disk ----

type View = {
  /** What can be done with a path that takes no link. */
  access(path: string): Access
  /** The same for a path that does; undefined if it does not lead anywhere inside. */
  follow(path: string): Access | undefined
}

const BASES = { readable: 'read', writable: 'write', empty: 'deny' } as const

function viewOf(plan: MountPlan, disk: FakeDisk): View {
  const access = (path: string): Access => {
    // Each mount covers whatever was there, mounts of the same plan included.
    const top = plan.mounts.findLast((mount) => holds(mount.path, path))
    if (top === undefined) return BASES[plan.base]
    return top.kind === 'mask' ? 'deny' : top.writable ? 'write' : 'read'
  }
  /** Masks that are passed on the way must let through. */
  const isReachable = (path: string): boolean =>
    path === '/' ||
    plan.mounts.every(
      (mount) =>
        mount.kind === 'bind' || !holds(mount.path, parentOf(path)) || access(mount.path) !== 'deny' || mount.leadsOn,
    )
  const follow = (path: string): Access | undefined => {
    const place = disk.resolve(path)
    if (!place.exists || !isReachable(place.path)) return undefined
    const seen = place.crossed.every((link) => {
      if (access(parentOf(link)) !== 'deny') return true
      return plan.links.some(({ path, text }) => path === link && text === disk.linkText(link)) && isReachable(link)
    })
    return seen ? access(place.path) : undefined
  }
  return { access, follow }
}

const isPrivate = (path: string): boolean => holds('/proc', path) || holds('/dev', path)

type Planned = { plan: MountPlan; view: View; model: Model; policy: Policy; disk: FakeDisk; needs: PlanNeeds }

function planned(policy: Policy, disk: FakeDisk, needs: PlanNeeds): MountPlan | RpcError {
  try {
    return planMounts(policy, disk, needs)
  } catch (error) {
    if (error instanceof RpcError) return error
    throw error
  }
}

const anyNeeds: fc.Arbitrary<PlanNeeds> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.record({
      visible: fc.subarray(['/usr/lib', '/bin', '/w/a', '/none']),
      protect: fc.subarray(['/w/b', '/a/b', '/usr/bin']),
      deny: fc.subarray(['/w/a/b', '/b/a', '/usr/lib/a']),
    }),
  },
)

/** The suite as a whole has a few seconds. */
const RUNS = 300
/** The quick tier tries the same scenes each time; the full tier looks for new ones. */
const SEED = process.env['EXEC_SERVER_TEST_TIER'] === 'quick' ? { seed: 20_251_121 } : {}

function everyScene(check: (policy: Policy, disk: FakeDisk, needs: PlanNeeds) => void): void {
  fc.assert(
    fc.property(anyScene, anyNeeds, ({ tree, policy }, { visible = [], protect = [], deny = [] }) => {
      const disk = fakeDisk(tree)
      // What these two speak of takes no link.
      const isReal = (path: string): boolean => disk.resolve(path).crossed.length === 0
      check(policy, disk, { visible, protect: protect.filter(isReal), deny: deny.filter(isReal) })
    }),
    { numRuns: RUNS, ...SEED },
  )
}

function everyPlan(check: (planned: Planned) => void): void {
  everyScene((policy, disk, needs) => {
    const plan = planned(policy, disk, needs)
    const model = modelOf(policy, disk, needs)
    if (plan instanceof RpcError || model.refusal !== undefined) return
    check({ plan, view: viewOf(plan, disk), model, policy, disk, needs })
  })
}

test('rules that cannot be held to are refused, and no others', () => {
  everyScene((policy, disk, needs) => {
    const plan = planned(policy, disk, needs)
    const { refusal, isShaky } = modelOf(policy, disk, needs)
    if (!(plan instanceof RpcError)) assert.is(refusal, undefined)
    else {
      assert.is(plan.code, -32602)
      assert.ok(refusal !== undefined || isShaky, plan.message)
    }
  })
})

test('a sandbox gives every file the access that the rules give it, and what protections leave of it', () => {
  everyPlan(({ plan, view, model, disk }) => {
    for (const path of disk.realPaths) {
      const [seen, granted] = [view.access(path), model.access(path)]
      const isLess = model.isShaky && granted !== 'deny' && seen !== 'write'
      if (!isPrivate(path) && !isLess) assert.is(seen, granted, `${path} in ${JSON.stringify(plan)}`)
    }
  })
})

test('nothing that the rules keep closed is opened, whatever else is asked for', () => {
  everyPlan(({ view, disk, policy, needs }) => {
    const places = policy.rules.map(({ path, access }) => ({ place: disk.resolve(path), access }))
    const rules = places.flatMap(({ place, access }) => (place.exists ? [{ path: place.path, access }] : []))
    for (const path of disk.realPaths) {
      if (isPrivate(path)) continue
      const said = decide(rules, path)
      const isMinimal = policy.minimal && MINIMAL.some((minimal) => holds(disk.resolve(minimal).path, path))
      const isNeeded = needs.visible?.some((visible) => holds(disk.resolve(visible).path, path)) === true
      const seen = view.access(path)
      if (seen === 'write') assert.is(said?.access, 'write', path)
      if (seen === 'read' && !isNeeded && !isMinimal) assert.ok(said !== undefined && said.access !== 'deny', path)
    }
  })
})

test('what is granted by a name that takes links is there by that name too', () => {
  everyPlan(({ view, model, disk, policy, needs }) => {
    const granted = policy.rules.filter(({ access }) => access !== 'deny').map(({ path }) => path)
    for (const name of [...granted, ...(policy.minimal && needs.visible?.length === 0 ? MINIMAL : [])]) {
      const place = disk.resolve(name)
      if (place.exists !== true || isPrivate(place.path) || model.isShaky || model.access(place.path) === 'deny')
        continue
      assert.is(view.follow(name), model.access(place.path), name)
    }
  })
})

test('what must not come to be in a writable directory is named, and nothing else is', () => {
  everyPlan(({ plan, view, model, disk, policy }) => {
    const forbidden = new Map(plan.forbidden.map(({ path, isDirectory }) => [path, isDirectory]))
    for (const path of model.mustNotCome)
      if (!isPrivate(path)) assert.ok(forbidden.has(path), `${path} is not forbidden`)
    for (const [path, isDirectory] of forbidden) {
      assert.ok(model.mustNotCome.has(path) || model.mayBeForbidden.has(path) || model.isShaky, `${path} is forbidden`)
      assert.is(disk.kind(path), 'missing')
      assert.is(view.access(parentOf(path)), 'write')
      // Tools take a file of that name for something else than a directory.
      const isGuarded =
        PROTECTED.includes(namesOf(path).at(-1) as string) &&
        model.mustNotCome.has(path) &&
        !policy.rules.some((rule) => rule.path.startsWith(path))
      if (isGuarded && decide(policy.rules, parentOf(path))?.path === parentOf(path)) assert.is(isDirectory, true, path)
    }
    assert.is(forbidden.size, plan.forbidden.length)
  })
})

test('no directory on the way to what is not writable can be moved aside', () => {
  everyPlan(({ plan, view }) => {
    const mountPoints = new Set(['/', ...plan.mounts.map(({ path }) => path)])
    const heldBack = [...plan.mounts.filter(({ path }) => view.access(path) !== 'write'), ...plan.forbidden].map(
      ({ path }) => path,
    )
    for (const path of heldBack) {
      for (let above = parentOf(path); above !== '/'; above = parentOf(above)) {
        if (isPrivate(above) || view.access(parentOf(above)) !== 'write') continue
        assert.ok(mountPoints.has(above), `${above} can be moved, and ${path} with it: ${JSON.stringify(plan)}`)
      }
    }
  })
})

test('no mount hides one that was laid before, or is laid twice', () => {
  everyPlan(({ plan, disk }) => {
    for (const [index, { path, kind }] of plan.mounts.entries()) {
      for (const earlier of plan.mounts.slice(0, index))
        assert.not(holds(path, earlier.path), `${path} hides ${earlier.path}`)
      assert.is.not(path, '/')
      assert.ok(disk.realPaths.includes(path), `${path} takes a link, or is not there`)
      if (kind === 'mask')
        assert.is((plan.mounts[index] as { isDirectory: boolean }).isDirectory, disk.isDirectory(path))
    }
    for (const { path, text } of plan.links) {
      assert.is(disk.kind(path), 'link')
      assert.is(disk.linkText(path), text)
    }
  })
})

test('the processes and devices of the machine are never mounted', () => {
  everyPlan(({ plan }) => {
    for (const { path } of plan.mounts) assert.not(holds('/proc', path) || path === '/dev', path)
  })
})

test('a plan does not depend on the order of the rules', () => {
  fc.assert(
    fc.property(anyScene, fc.infiniteStream(fc.nat()), ({ tree, policy }, dice) => {
      const disk = fakeDisk(tree)
      const sorted = policy.rules
        .map((rule) => ({ rule, key: dice.next().value as number }))
        .sort((a, b) => a.key - b.key)
      const shuffled = { ...policy, rules: sorted.map(({ rule }) => rule) }
      const [one, other] = [planned(policy, disk, {}), planned(shuffled, disk, {})]
      if (one instanceof RpcError || other instanceof RpcError)
        assert.ok(one instanceof RpcError && other instanceof RpcError)
      else assert.equal(other, one)
    }),
    { numRuns: RUNS, ...SEED },
  )
})

// ---- cases, each of which has a reason ----

function plan(
  tree: Tree,
  rules: Record<string, Access>,
  needs: PlanNeeds = {},
  minimal = false,
  locked: string[] = [],
): MountPlan {
  const asRules = Object.entries(rules).map(([path, access]) => ({ path, access }))
  return planMounts({ rules: asRules, minimal, denyGlobs: [], network: 'restricted' }, fakeDisk(tree, locked), needs)
}

const bind = (path: string, writable = false) => ({ kind: 'bind', path, writable })
const mask = (path: string, isDirectory = true, leadsOn = false) => ({ kind: 'mask', path, isDirectory, leadsOn })

const refuses = (what: RegExp, ...args: Parameters<typeof plan>): void => {
  assert.throws(
    () => plan(...args),
    (error: unknown) => error instanceof RpcError && error.code === -32602 && what.test(error.message),
  )
}

const WHOLE = Object.fromEntries(PROTECTED.map((name) => [name, {}]))

test('a workspace is writable in a readable machine, but for its protected names', () => {
  assert.equal(plan({ w: { ...WHOLE, src: {} } }, { '/': 'read', '/w': 'write' }), {
    base: 'readable',
    mounts: [bind('/w', true), bind('/w/.agents'), bind('/w/.aws'), bind('/w/.codex'), bind('/w/.git')],
    links: [],
    forbidden: [],
  })
})

test('protected names that are not there are kept from coming, as directories', () => {
  const { forbidden } = plan({ w: { '.git': {} } }, { '/': 'read', '/w': 'write' })
  assert.equal(
    forbidden.sort((a, b) => (a.path < b.path ? -1 : 1)),
    ['.agents', '.aws', '.codex'].map((name) => ({ path: `/w/${name}`, isDirectory: true })),
  )
})

test('names protected at the top of a workspace are not protected below it', () => {
  assert.equal(
    plan({ w: { ...WHOLE, x: { '.git': {} } } }, { '/w': 'write' }).mounts.filter(({ path }) =>
      path.startsWith('/w/x'),
    ),
    [],
  )
})

test('a protected name that is granted by its own rule is writable', () => {
  const { mounts, forbidden } = plan({ w: WHOLE }, { '/': 'read', '/w': 'write', '/w/.git': 'write' })
  assert.not(mounts.some(({ path, kind }) => path === '/w/.git' && !(kind === 'bind')))
  assert.not(mounts.some((mount) => mount.path === '/w/.git' && mount.kind === 'bind' && !mount.writable))
  assert.not(forbidden.some(({ path }) => path === '/w/.git'))
  assert.not(plan({ w: {} }, { '/w': 'write', '/w/.git': 'write' }).forbidden.some(({ path }) => path === '/w/.git'))
})

test('a file that may be written has no protected names below it', () => {
  const { mounts, forbidden } = plan({ a: { file: 'text' } }, { '/': 'read', '/a/file': 'write' })
  assert.equal(mounts, [bind('/a/file', true)])
  assert.equal(forbidden, [])
})

test('what may be read or written below a denied directory is there, and the directory lets through', () => {
  assert.equal(
    plan(
      { d: { x: { r: {}, w: WHOLE }, s: {} } },
      { '/': 'read', '/d': 'deny', '/d/x/r': 'read', '/d/x/w': 'write' },
    ).mounts.slice(0, 3),
    [mask('/d', true, true), bind('/d/x/r'), bind('/d/x/w', true)],
  )
  assert.equal(plan({ d: { s: {} }, f: 'text' }, { '/': 'read', '/d': 'deny', '/f': 'deny' }).mounts, [
    mask('/d'),
    mask('/f', false),
  ])
})

test('a denied directory lets through to a link that is granted', () => {
  const { mounts, links } = plan({ d: { link: '-> /r' }, r: {} }, { '/': 'deny', '/d': 'read', '/d/link': 'read' })
  assert.equal([mounts, links], [[bind('/d'), bind('/r')], []])
  const below = plan({ d: { link: '-> /r' }, r: {} }, { '/': 'read', '/d': 'deny', '/d/link': 'read' })
  assert.equal(below.links, [{ path: '/d/link', text: '/r' }])
  assert.equal(below.mounts, [mask('/d', true, true)])
})

test('the directories that programs need are there by all of their names', () => {
  const merged = { bin: '-> usr/bin', lib64: '-> usr/lib64', usr: { bin: {}, lib64: {} } }
  const links = [
    { path: '/bin', text: 'usr/bin' },
    { path: '/lib64', text: 'usr/lib64' },
  ]
  for (const rules of [{}, { '/': 'deny' }, { '/usr': 'read' }, { '/usr/bin': 'read' }] as Record<string, Access>[]) {
    assert.equal(
      plan(merged, rules, {}, true).links.sort((a, b) => (a.path < b.path ? -1 : 1)),
      links,
      JSON.stringify(rules),
    )
  }
})

test('a directory that may be written is held in place where it is on the way to what may not be', () => {
  const tree = { w: { ...WHOLE, sub: { ...WHOLE, src: {} } } }
  for (const rules of [
    { '/w': 'write', '/w/sub': 'write' },
    { '/w': 'write', '/w/sub/.git': 'read' },
  ] as Record<string, Access>[]) {
    assert.ok(
      plan(tree, { '/': 'read', ...rules }).mounts.some(
        (mount) => mount.path === '/w/sub' && mount.kind === 'bind' && mount.writable,
      ),
    )
  }
})

test('a directory is held in place where it is on the way to what is denied, or the next sandbox would not find it', () => {
  const { mounts } = plan(
    { w: { ...WHOLE, a: { b: { secret: {} } } } },
    { '/': 'read', '/w': 'write', '/w/a/b/secret': 'deny' },
  )
  assert.equal(
    mounts.filter(({ path }) => path.startsWith('/w/a')),
    [bind('/w/a', true), bind('/w/a/b', true), mask('/w/a/b/secret')],
  )
})

test('what is denied behind a directory that its owner may open is not left to the owner', () => {
  const [rules, locked] = [{ '/': 'read', '/w': 'write', '/w/locked/secret': 'deny' } as const, ['/w/locked']]
  try {
    const { mounts } = plan({ w: { ...WHOLE, locked: { secret: {} } } }, rules, {}, false, locked)
    assert.ok(
      mounts.some((mount) => mount.path === '/w/locked' && !(mount.kind === 'bind' && mount.writable)),
      JSON.stringify(mounts),
    )
  } catch (error) {
    assert.instance(error, RpcError)
  }
})

test('a link that a confined command can change is not followed', () => {
  const tree = { w: { ...WHOLE, link: '-> /out', inner: '-> src', src: {} }, out: { x: {} } }
  for (const access of ['read', 'deny', 'write'] as const) {
    refuses(/crosses the writable symbolic link \/w\/link/, tree, { '/': 'read', '/w': 'write', '/w/link/x': access })
  }
  refuses(/\/w\/inner/, tree, { '/': 'read', '/w': 'write', '/w/inner': 'deny' })
  refuses(/\.git/, { w: { ...WHOLE, '.git': '-> src', src: {} } }, { '/': 'read', '/w': 'write' })
  // Nobody inside can change these.
  plan(
    { l: '-> /w/src', w: { ...WHOLE, src: {}, r: { l: '-> ../src' } } },
    { '/': 'read', '/w': 'write', '/l': 'deny' },
  )
  plan(
    { w: { ...WHOLE, src: {}, r: { l: '-> ../src' } } },
    { '/': 'read', '/w': 'write', '/w/r': 'read', '/w/r/l': 'deny' },
  )
})

test('a writable path that was replaced by a link grants nothing more than the link’s directory does', () => {
  const granted = { '/': 'read', '/w': 'write', '/w/sub': 'write' } as const
  for (const [tree, rules, victim] of [
    [{ w: { ...WHOLE, sub: '-> .git' } }, granted, '/w/.git'],
    [{ w: { ...WHOLE, sub: '-> .git/hooks', '.git': { hooks: {} } } }, granted, '/w/.git/hooks'],
    [{ w: { ...WHOLE, sub: '-> .git' } }, { ...granted, '/w/.git': 'read' }, '/w/.git'],
    [{ w: { ...WHOLE, sub: '-> none/../.git' } }, granted, '/w/.git'],
    [{ w: { ...WHOLE, sub: '-> kept', kept: {} } }, { ...granted, '/w/kept': 'read' }, '/w/kept'],
  ] as [Tree, Record<string, Access>, string][]) {
    const disk = fakeDisk(tree)
    let planned: MountPlan
    try {
      planned = plan(tree, rules)
    } catch (error) {
      assert.instance(error, RpcError)
      continue
    }
    assert.is.not(viewOf(planned, disk).access(victim), 'write', `${victim} under ${JSON.stringify(rules)}`)
  }
  // The link is no more than another way to what may be written anyway.
  plan({ w: { ...WHOLE, sub: '-> src', src: {} } }, granted)
})

test('the directory that a .git file points to may not be written, whatever entry grants it and however .git is spelled', () => {
  const tree = { w: { ...WHOLE, '.git': 'gitdir: ../git/real' }, git: { ...WHOLE, real: {} } }
  const rules = { '/': 'read', '/w': 'write', '/git': 'write' } as const
  for (const more of [{}, { '/git/real': 'write' }, { '/w/.git': 'read' }, { '/w/.git': 'deny' }] as Record<
    string,
    Access
  >[]) {
    assert.ok(
      plan(tree, { ...rules, ...more }).mounts.some(
        (mount) => mount.path === '/git/real' && mount.kind === 'bind' && !mount.writable,
      ),
      JSON.stringify(more),
    )
  }
})

test('the directory that a .git file points to cannot be made, nor be led elsewhere', () => {
  const rules = { '/': 'read', '/w': 'write', '/git': 'write' } as const
  const { forbidden } = plan({ w: { ...WHOLE, '.git': 'gitdir: /git/none/x' }, git: WHOLE }, rules)
  assert.ok(
    forbidden.some(({ path }) => path === '/git/none'),
    JSON.stringify(forbidden),
  )
  refuses(
    /\/git\/link/,
    { w: { ...WHOLE, '.git': 'gitdir: /git/link' }, git: { ...WHOLE, link: '-> real', real: {} } },
    rules,
  )
})

test('what a protected name leads to cannot be made, either', () => {
  // The link itself cannot be changed, but its target would be the .git of /usr/bin.
  const tree = { ...WHOLE, usr: { ...WHOLE, bin: { ...WHOLE, '.git': '-> ../b' } } }
  const { forbidden } = plan(tree, { '/': 'write', '/usr/bin': 'write' }, { protect: ['/usr/bin'] })
  assert.ok(
    forbidden.some(({ path }) => path === '/usr/b'),
    JSON.stringify(forbidden),
  )
})

test('a protected name that is a link opens nothing', () => {
  // The directory is writable by its rule, and then not, since it is a git directory.
  const tree = { w: { ...WHOLE, '.git': 'gitdir: /g' }, g: { ...WHOLE, '.git': '-> /secret' }, secret: {} }
  const { mounts } = plan(tree, { '/w': 'write', '/g': 'write' })
  assert.not(
    mounts.some(({ path }) => path === '/secret'),
    JSON.stringify(mounts),
  )
})

test('whatever is private to a sandbox stays so under a writable machine', () => {
  const tree = {
    ...WHOLE,
    proc: { sys: {} },
    dev: { shm: { x: {} }, pts: { '0': 'device' } },
    sys: { kernel: { mm: {} } },
    x: {},
  }
  const paths = (rules: Record<string, Access>): string[] => {
    const { mounts } = plan(tree, { '/': 'write', ...rules })
    return mounts.flatMap((mount) =>
      mount.kind === 'bind' && mount.writable && mount.path !== '/dev/shm' ? [mount.path] : [],
    )
  }
  assert.equal(paths({ '/proc/sys': 'read' }), [])
  assert.equal(paths({ '/dev/pts/0': 'read' }), [])
  // The base has it read-only, since its root could change the kernel's settings.
  assert.equal(paths({ '/sys/kernel/mm': 'read' }), [])
})

test('the devices that a sandbox has of its own are not replaced by those of the machine, which cannot be opened', () => {
  const tree = { dev: { null: 'device', shm: {} } }
  for (const rules of [{ '/': 'read', '/dev/null': 'write' }, { '/dev/null': 'read' }] as Record<string, Access>[])
    assert.equal(plan(tree, rules).mounts, [])
})

test('nothing is put below the devices for the sake of protected names', () => {
  assert.equal(plan({ dev: { shm: {} } }, { '/': 'read', '/dev': 'write' }).forbidden, [])
})

test('what is needed inside is visible by its name, though a rule denies it, and no less writable than it was', () => {
  const tree = { lib: '-> usr/lib', usr: { lib: { x: {} } } }
  const seen = plan(tree, { '/': 'read', '/usr': 'deny' }, { visible: ['/lib'] })
  assert.is(viewOf(seen, fakeDisk(tree)).follow('/lib/x'), 'read')
  const granted = plan({ ...tree, usr: { lib: { ...WHOLE, x: {} } } }, { '/usr/lib': 'write' }, { visible: ['/lib'] })
  assert.is(viewOf(granted, fakeDisk(tree)).access('/usr/lib/x'), 'write')
})

test('the program itself is not writable, and cannot be moved aside', () => {
  const { mounts } = plan(
    { w: { ...WHOLE, bin: { server: 'text' } } },
    { '/': 'read', '/w': 'write' },
    { protect: ['/w/bin/server'] },
  )
  assert.equal(mounts.slice(-2), [bind('/w/bin', true), bind('/w/bin/server')])
})

test('entries for what is not there grant nothing, and forbid it where it could be made', () => {
  const { mounts, forbidden } = plan(
    { w: WHOLE },
    { '/': 'read', '/w': 'write', '/none': 'write', '/home/x/memories': 'write', '/w/x/y': 'read', '/z/y': 'deny' },
  )
  assert.equal(
    mounts.map(({ path }) => path),
    ['/w', '/w/.agents', '/w/.aws', '/w/.codex', '/w/.git'],
  )
  assert.equal(forbidden, [{ path: '/w/x', isDirectory: false }])
})

test('circular links, and paths that continue below a file, are skipped where no confined command can change them', () => {
  assert.equal(plan({ a: '-> b', b: '-> a', f: 'text' }, { '/': 'read', '/a/x': 'write', '/f/x': 'deny' }).mounts, [])
  refuses(/\/w\/a/, { w: { ...WHOLE, a: '-> b', b: '-> a' } }, { '/': 'read', '/w': 'write', '/w/a': 'deny' })
})

/** As many entries as there may be, or fewer, side by side on a long path. */
const NAMES = Array.from({ length: 8 }, (_, level) => `${level}`.padEnd(40, 'x'))

const CROWDS: [Access, string][] = [
  ['write', 'd'],
  ['deny', 'd'],
  ['read', 'none'],
]

function crowd(count: number, access: Access, name: string): { rules: Rule[]; disk: FakeDisk } {
  const directories: Tree = Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}`, {}]))
  const disk = fakeDisk(NAMES.reduceRight<Tree>((tree, name) => ({ [name]: tree }), directories))
  const rules = Array.from(
    { length: count },
    (_, index): Rule => ({ path: `/${NAMES.join('/')}/${name}${index}`, access }),
  )
  rules.push({ path: '/', access: 'read' }, { path: `/${NAMES[0]}`, access: 'write' })
  return { rules, disk }
}

test('the looks at the disk grow with the number of entries', () => {
  for (const [access, name] of CROWDS) {
    const looksFor = (count: number): number => {
      const { rules, disk } = crowd(count, access, name)
      let looks = 0
      const kind: FakeDisk['kind'] = (path) => {
        looks++
        return disk.kind(path)
      }
      planMounts({ rules, minimal: true, denyGlobs: [], network: 'restricted' }, { ...disk, kind })
      return looks
    }
    const [few, many] = [looksFor(100), looksFor(400)]
    assert.ok(many <= 4 * few, `${access}: ${few} looks for 100, ${many} for 400`)
  }
})

test.full('hundreds of entries with long paths are planned', () => {
  const [mounts] = CROWDS.map(([access, name]) => {
    const { rules, disk } = crowd(250, access, name)
    return planMounts({ rules, minimal: true, denyGlobs: [], network: 'restricted' }, disk).mounts.length
  })
  assert.ok((mounts as number) > 250)
})

test.full('the work of planning grows with the number of entries', () => {
  for (const [access, name] of CROWDS) {
    assertLinear(access, 64, (count) => {
      const { rules, disk } = crowd(count, access, name)
      return () => planMounts({ rules, minimal: true, denyGlobs: [], network: 'restricted' }, disk)
    })
  }
})

test.run()
