/** Resolves symbolic links and records each link on the way. */
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

/** Resolves an absolute path as the kernel does. A path that cannot be resolved is reported in `kind`. */
export function routeOf(path: string, disk: Disk): Route {
  const links: Route['links'] = []
  let at = '/'
  const names = path.split('/').filter((name) => name !== '')
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
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
      names.unshift(...text.split('/').filter((part) => part !== ''))
      if (text.startsWith('/')) at = '/'
      continue
    }
    const rest = normalizePath([here, ...names].join('/'))
    if (kind === 'missing') return { path: rest, kind, firstMissing: here, links }
    if (kind === 'unreachable') return { path: rest, kind, links }
    if (kind === 'other' && names.length > 0) return { path: rest, kind: 'blocked', links }
    if (kind === 'other') return { path: here, kind, links }
    at = here
  }
  return { path: at, kind: 'directory', links }
}
