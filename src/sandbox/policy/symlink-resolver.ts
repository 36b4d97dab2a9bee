/** Resolves symbolic links and records each link on the way. */
import { invalidParams } from '../../protocol/wire/errors.ts'
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import { join } from './policy.ts'

/** Read access to one path at a time, without following a link in its last component. */
export type Disk = {
  /** `other`: a file, device or socket. `unreachable`: lstat fails, for example with EACCES. */
  kind(path: string): 'missing' | 'unreachable' | 'directory' | 'link' | 'other'
  /** The link's target as stored (readlink). */
  linkText(path: string): string
  /** The path after `gitdir:` in a `.git` file. */
  gitDirectory(path: string): string | undefined
}

/** The result of resolving a path. */
export type Route = {
  /** Without links. Missing components are appended to the existing ones as they are. */
  path: string
  /** `blocked`: below something that is not a directory. `unreachable`: lstat fails, or there are too many links. */
  kind: 'missing' | 'blocked' | 'unreachable' | 'directory' | 'other'
  /** The first missing component, for a path that could be created later. */
  firstMissing?: string
  /** Every link followed: its own path without links, and its target text. */
  links: { path: string; text: string }[]
}

/** The kernel's limit (ELOOP). */
const MAX_LINKS = 40

/**
 * Looks at the disk for one plan, each a system call of 5 to 10 us. A profile of 40 rules takes some 200, since most of
 * their paths have the same beginning; each writable root five.
 */
const MAX_LOOKUPS = 4096

/** What a look costs: its call, and the copies and hashes of its path. */
const lookupCost = (path: string): number => 1 + (path.length >> 8)

/**
 * A view of the disk that looks at each path once, for one plan.
 * @throws {RpcError} -32602 from `kind` if the plan looks at too many or too long paths
 */
export function boundedDisk(disk: Disk): Disk {
  const kinds = new Map<string, ReturnType<Disk['kind']>>()
  let left = MAX_LOOKUPS
  return {
    ...disk,
    kind: (path) => {
      const known = kinds.get(path)
      if (known !== undefined) return known
      left -= lookupCost(path)
      if (left < 0) throw invalidParams('the paths of the sandbox lead through too many directories')
      const kind = disk.kind(path)
      kinds.set(path, kind)
      return kind
    },
  }
}

/** Resolves an absolute path as the kernel does. A path that cannot be resolved is reported in `kind`. */
export function routeOf(path: string, disk: Disk): Route {
  const links: Route['links'] = []
  let at = '/'
  // Reversed, since the first name of a long path is removed slowly.
  const names = namesOf(path)
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    if (name === '.') continue
    if (name === '..') {
      at = normalizePath(`${at}/..`)
      continue
    }
    const here = join(at, name)
    const kind = disk.kind(here)
    if (kind === 'link') {
      const text = disk.linkText(here)
      links.push({ path: here, text })
      if (links.length > MAX_LINKS) return { path: here, kind: 'unreachable', links }
      names.push(...namesOf(text))
      if (text.startsWith('/')) at = '/'
      continue
    }
    if (kind === 'directory') {
      at = here
      continue
    }
    const rest = normalizePath([here, ...names.reverse()].join('/'))
    if (kind === 'missing') return { path: rest, kind, firstMissing: here, links }
    if (kind === 'unreachable') return { path: rest, kind, links }
    return { path: rest, kind: names.length > 0 ? 'blocked' : kind, links }
  }
  return { path: at, kind: 'directory', links }
}

/** The components of a path, the last one first. */
const namesOf = (path: string): string[] =>
  path
    .split('/')
    .filter((name) => name !== '')
    .reverse()
