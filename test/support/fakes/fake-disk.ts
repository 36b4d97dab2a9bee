/** Fake disks from a literal, and generators of random disks with policies about their paths. */
import fc from 'fast-check'
import type { Access } from '../../../src/protocol/schemas/sandbox.ts'
import type { Policy, Rule } from '../../../src/sandbox/policy/policy.ts'
import type { Disk } from '../../../src/sandbox/policy/symlink-resolver.ts'

/** A directory is an object, a file its text, a link an arrow and its target: `-> ../x`. */
export type Tree = { [name: string]: Tree | string }

/** A resolved path, by another algorithm than the planner's. */
export type Place = {
  path: string
  exists: boolean
  /** Also absent for a loop of links, or a path below a file. */
  firstMissing?: string
  /** The links on the way, by their own real paths. */
  crossed: string[]
}

/** A disk from a tree, with all its paths. */
export type FakeDisk = Disk & {
  /** Real paths of all directories and files, the root first. */
  realPaths: string[]
  /** All paths in the tree, links included. */
  allPaths: string[]
  isDirectory(path: string): boolean
  resolve(path: string): Place
}

const ARROW = '-> '
const MAX_LINKS = 40

const isLink = (node: Tree | string | undefined): node is string => typeof node === 'string' && node.startsWith(ARROW)

/** Makes a disk from a tree. Everything below a `locked` directory is unreachable. */
export function fakeDisk(tree: Tree, locked: readonly string[] = []): FakeDisk {
  const nodes = new Map<string, Tree | string>()
  const walk = (path: string, here: Tree | string): void => {
    nodes.set(path, here)
    if (typeof here !== 'string')
      for (const [name, child] of Object.entries(here)) walk(path === '/' ? `/${name}` : `${path}/${name}`, child)
  }
  walk('/', tree)
  const nodeAt = (names: readonly string[]): Tree | string | undefined => nodes.get(`/${names.join('/')}`)
  const isLocked = (path: string): boolean => locked.some((directory) => path !== directory && holds(directory, path))

  const kind: Disk['kind'] = (path) => {
    if (isLocked(path)) return 'unreachable'
    const node = nodes.get(path)
    if (node !== undefined) return isLink(node) ? 'link' : typeof node === 'string' ? 'other' : 'directory'
    for (let above = parentOf(path); ; above = parentOf(above)) {
      const found = nodes.get(above)
      // The kernel would follow it, but callers of this interface must have resolved it already.
      if (isLink(found)) throw new Error(`${path} was looked at across a link`)
      if (found !== undefined) return typeof found === 'string' ? 'unreachable' : 'missing'
    }
  }

  const linkText: Disk['linkText'] = (path) => {
    const link = nodes.get(path)
    if (!isLink(link)) throw new Error(`${path} is no link`)
    return link.slice(ARROW.length)
  }

  /** Rewrites the path from the start until no link is left. */
  const resolve = (path: string): Place => {
    const crossed: string[] = []
    let names = namesOf(path)
    for (let at = 0; at < names.length; ) {
      const here = names.slice(0, at + 1)
      if (names[at] === '.') names = names.toSpliced(at, 1)
      else if (names[at] === '..') {
        names = names.toSpliced(Math.max(at - 1, 0), at === 0 ? 1 : 2)
        at = Math.max(at - 1, 0)
      } else {
        const found = nodeAt(here)
        if (isLink(found)) {
          crossed.push(`/${here.join('/')}`)
          if (crossed.length > MAX_LINKS) return { path: lexical(names), exists: false, crossed }
          const text = found.slice(ARROW.length)
          names = [...(text.startsWith('/') ? [] : names.slice(0, at)), ...namesOf(text), ...names.slice(at + 1)]
          if (text.startsWith('/')) at = 0
        } else if (found === undefined) {
          return { path: lexical(names), exists: false, firstMissing: `/${here.join('/')}`, crossed }
        } else {
          if (typeof found === 'string' && at < names.length - 1)
            return { path: lexical(names), exists: false, crossed }
          at++
        }
      }
    }
    return { path: `/${names.join('/')}`, exists: true, crossed }
  }

  const all = [...nodes.keys()]
  return {
    kind,
    linkText,
    gitDirectory: (path) => {
      const text = nodes.get(path)
      return typeof text === 'string' ? /^gitdir: (.*)$/.exec(text)?.[1] : undefined
    },
    realPaths: all.filter((path) => !isLink(nodes.get(path))),
    allPaths: all,
    isDirectory: (path) => typeof nodes.get(path) === 'object',
    resolve,
  }
}

function lexical(names: readonly string[]): string {
  const kept: string[] = []
  for (const name of names) {
    if (name === '..') kept.pop()
    else if (name !== '.') kept.push(name)
  }
  return `/${kept.join('/')}`
}

/** The components of a path. */
export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

/** The containing directory; `/` for `/`. */
export function parentOf(path: string): string {
  return `/${namesOf(path).slice(0, -1).join('/')}`
}

/** Whether `path` is `directory` or below it, compared by component. */
export function holds(directory: string, path: string): boolean {
  const names = namesOf(path)
  return namesOf(directory).every((name, at) => names[at] === name)
}

// ---- generators ----

/** Few names, so that rules, links and files overlap. */
const name = fc.constantFrom('a', 'b', 'c', '.git', '.codex')
const target = fc.constantFrom(
  'a',
  'b',
  '../b',
  '..',
  '../../a',
  '/a',
  '/a/b',
  '/b',
  '/b/c',
  '/w',
  '/w/a',
  '/usr',
  '/',
  'a/../b',
  'none/x',
)

const leaf = fc.oneof(
  { weight: 3, arbitrary: fc.constant('text') },
  { weight: 1, arbitrary: target.map((text) => `${ARROW}${text}`) },
  { weight: 1, arbitrary: target.map((text) => `gitdir: ${text}`) },
)

const treeOf = (depth: number): fc.Arbitrary<Tree> =>
  fc.dictionary(
    name,
    depth === 0 ? leaf : fc.oneof({ weight: 2, arbitrary: treeOf(depth - 1) }, { weight: 1, arbitrary: leaf }),
    {
      maxKeys: 3,
      noNullPrototype: true,
    },
  )

/** Generates trees with the directories that the planner treats specially. */
export const anyTree: fc.Arbitrary<Tree> = fc.record(
  {
    a: fc.oneof(treeOf(2), leaf),
    b: fc.oneof(treeOf(2), leaf),
    w: treeOf(2),
    usr: fc.record({ bin: treeOf(0), lib: treeOf(0) }),
    bin: fc.constantFrom('-> usr/bin', '-> /usr/lib', 'file'),
    tmp: treeOf(1),
    dev: fc.constant({ null: 'device', shm: {} }),
    proc: fc.constant({ sys: {} }),
  },
  { requiredKeys: ['w'] },
)

/** Random choices from which a rule is made. */
export type RuleSeed = { pick: number; more: string[]; access: Access }

const seed: fc.Arbitrary<RuleSeed> = fc.record({
  pick: fc.nat(),
  more: fc.oneof(
    { weight: 4, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.array<string>(name, { minLength: 1, maxLength: 2 }) },
  ),
  access: fc.constantFrom<Access[]>('read', 'write', 'write', 'deny'),
})

/** Holds the tree rather than the disk, so that a failing scene can be printed. */
export type Scene = { tree: Tree; policy: Policy }

/** A tree, and rules about its paths by any of their names. */
export const anyScene: fc.Arbitrary<Scene> = fc
  .record({
    tree: anyTree,
    root: fc.constantFrom<(Access | undefined)[]>(undefined, 'read', 'read', 'write', 'deny'),
    seeds: fc.array(seed, { maxLength: 6 }),
    minimal: fc.boolean(),
  })
  .map(({ tree, root, seeds, minimal }): Scene => {
    const { allPaths } = fakeDisk(tree)
    const rules = seeds.map(({ pick, more, access }): Rule => {
      const path = allPaths[pick % allPaths.length] as string
      return { path: `/${[...namesOf(path), ...more].join('/')}`, access }
    })
    if (root !== undefined) rules.push({ path: '/', access: root })
    return { tree, policy: { rules, minimal, denyGlobs: [], network: 'restricted' } }
  })
  // Leave out policies that allow every write: they are never planned.
  .filter(
    ({ policy }) =>
      policy.rules.some(({ access }) => access !== 'write') || !policy.rules.some(({ path }) => path === '/'),
  )
