/** Routes against a disk that finds its way otherwise: by rewriting a path until there is nothing left to rewrite. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { boundedDisk, routeOf } from '../../../src/sandbox/policy/symlink-resolver.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { Disk } from '../../../src/sandbox/policy/symlink-resolver.ts'
import { anyTree, fakeDisk, namesOf, parentOf } from '../../support/fakes/fake-disk.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const more = fc.array(fc.constantFrom('a', 'b', '.git', 'none'), { maxLength: 2 })

test('a route leads where the links of the disk lead', () => {
  fc.assert(
    fc.property(anyTree, fc.nat(), more, (tree, pick, names) => {
      const disk = fakeDisk(tree)
      const path = `/${[...namesOf(disk.allPaths[pick % disk.allPaths.length] as string), ...names].join('/')}`
      const [route, place] = [routeOf(path, disk), disk.resolve(path)]
      assert.is(route.kind === 'directory' || route.kind === 'other', place.exists)
      assert.is(route.kind === 'missing', place.firstMissing !== undefined)
      assert.is(route.firstMissing, place.firstMissing)
      if (place.exists) assert.is(route.kind, disk.isDirectory(place.path) ? 'directory' : 'other')
      if (route.kind !== 'unreachable') assert.is(route.path, place.path)
      assert.equal(
        route.links,
        place.crossed.map((link) => ({ path: link, text: disk.linkText(link) })),
      )
    }),
    { numRuns: 1000 },
  )
})

test('a route to what is there is free of links, and what is first missing is in a directory that is there', () => {
  fc.assert(
    fc.property(anyTree, fc.nat(), more, (tree, pick, names) => {
      const disk = fakeDisk(tree)
      const route = routeOf(
        `/${[...namesOf(disk.allPaths[pick % disk.allPaths.length] as string), ...names].join('/')}`,
        disk,
      )
      if (route.kind === 'directory' || route.kind === 'other') assert.equal(disk.resolve(route.path).crossed, [])
      if (route.firstMissing === undefined) return
      assert.is(disk.kind(route.firstMissing), 'missing')
      assert.is(disk.kind(parentOf(route.firstMissing)), 'directory')
    }),
    { numRuns: 500 },
  )
})

test('dots in a link’s text are resolved where the link leads, and end at the root', () => {
  const disk = fakeDisk({ a: { b: { c: 'text' } }, l: '-> a/b', up: '-> l/../..', far: '-> ../../../../a/./b//c' })
  assert.equal(routeOf('/up', disk), {
    path: '/',
    kind: 'directory',
    links: [
      { path: '/up', text: 'l/../..' },
      { path: '/l', text: 'a/b' },
    ],
  })
  assert.is(routeOf('/far', disk).path, '/a/b/c')
})

test('a link that leads nowhere leaves what it would lead to', () => {
  const disk = fakeDisk({ w: { l: '-> ../x/y' } })
  assert.equal(routeOf('/w/l/z', disk), {
    path: '/x/y/z',
    kind: 'missing',
    firstMissing: '/x',
    links: [{ path: '/w/l', text: '../x/y' }],
  })
})

test('a path goes on below a file as little as in a circle', () => {
  const disk = fakeDisk({ f: 'text', a: '-> b', b: '-> a', self: '-> self/x' })
  for (const path of ['/a', '/a/x', '/self']) assert.is(routeOf(path, disk).kind, 'unreachable', path)
  assert.is(routeOf('/f/x', disk).kind, 'blocked')
  assert.is(routeOf('/f', disk).kind, 'other')
})

test('as many links are followed as the kernel follows, and no more', () => {
  const chain = (length: number): Disk =>
    fakeDisk({
      ...Object.fromEntries(
        Array.from({ length }, (_, index) => [`l${index}`, `-> ${index + 1 === length ? 'end' : `l${index + 1}`}`]),
      ),
      end: {},
    })
  assert.is(routeOf('/l0', chain(40)).kind, 'directory')
  assert.is(routeOf('/l0', chain(41)).kind, 'unreachable')
})

test('a path that cannot be examined differs from a missing one', () => {
  const disk = fakeDisk({ locked: { x: {} } }, ['/locked'])
  assert.is(routeOf('/locked', disk).kind, 'directory')
  assert.is(routeOf('/locked/x/y', disk).kind, 'unreachable')
  assert.is(routeOf('/locked/none', disk).firstMissing, undefined)
})

test('links that multiply cost no more than the kernel’s bound', () => {
  // Each leads twice through the next.
  const tree = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`l${index}`, `-> l${index + 1}/../l${index + 1}`]),
  )
  const disk = fakeDisk({ ...tree, l60: {} })
  let looks = 0
  const kind: Disk['kind'] = (path) => {
    looks++
    return disk.kind(path)
  }
  assert.is(routeOf('/l0', { ...disk, kind }).kind, 'unreachable')
  // The kernel follows 40 links; between two of them is a name or two.
  assert.ok(looks > 40 && looks <= 3 * 41, `${looks} looks`)
})

/** A disk on which every path is a directory, and how often it was looked at. */
function countingDisk(): { disk: Disk; lookups: () => number } {
  let lookups = 0
  const kind = (): 'directory' => {
    lookups++
    return 'directory'
  }
  return { disk: { kind, linkText: () => '', gitDirectory: () => undefined }, lookups: () => lookups }
}

test('one plan looks at each path once', () => {
  const { disk, lookups } = countingDisk()
  const bounded = boundedDisk(disk)
  for (let index = 0; index < 100; index++) routeOf(`/a/b/c/d/${index}`, bounded)
  assert.is(lookups(), 104)
})

test('a plan that looks at too many paths, or at long ones, is refused after a bounded number of looks', () => {
  const families: ((index: number) => string)[] = [
    (index) => `/a/${index}`,
    (index) => `/${index}${'/x'.repeat(1000)}`,
    (index) => `/${`${index}/`.repeat(30_000)}`,
  ]
  for (const path of families) {
    const { disk, lookups } = countingDisk()
    const bounded = boundedDisk(disk)
    const planAll = (): void => {
      for (let index = 0; index < 10_000; index++) routeOf(path(index), bounded)
    }
    assert.throws(planAll, (error: unknown) => error instanceof RpcError && error.code === -32602)
    assert.ok(lookups() <= 4096, `${lookups()}`)
  }
})

test.run()
