/** Where a path really leads, and which symbolic links it takes on the way. */
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import { join } from './policy.ts'

/** A look at one path of a disk, links not followed. */
export type Disk = {
  /** `other` is neither directory nor link: files, devices, sockets. `unreachable` cannot even be looked at. */
  kind(path: string): 'missing' | 'unreachable' | 'directory' | 'link' | 'other'
  linkText(path: string): string
  /** What a `.git` file says after `gitdir:`. */
  gitDirectory(path: string): string | undefined
}

export type Route = {
  /** Free of links. What does not exist is put behind what does. */
  path: string
  /** `blocked`: below what is no directory. `unreachable`: it cannot be told. */
  kind: 'missing' | 'blocked' | 'unreachable' | 'directory' | 'other'
  /** The first component that does not exist, for a path that could come to be. */
  firstMissing?: string
  /** Every link taken, by its own link-free path. */
  links: { path: string; text: string }[]
}

/** The kernel's bound. */
const MAX_LINKS = 40

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
