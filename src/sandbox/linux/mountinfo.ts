/** Reads a mount table in the form of /proc/PID/mountinfo, see proc(5). */
import { isWithin } from '../../base/paths.ts'
import { join } from '../policy/policy.ts'

/** One mount. */
export type MountEntry = {
  id: number
  parent: number
  /** `major:minor` of the file system. */
  device: string
  /** The mounted file or directory, as a path inside its file system. */
  root: string
  /** Where it is mounted. */
  path: string
  options: readonly string[]
  type: string
}

/** A mount table. */
export type MountTable = {
  entries: readonly MountEntry[]
  /** The file systems, by {@link MountEntry.device}. */
  devices: ReadonlySet<string>
  /** The mount that a path without links is on; undefined if the root itself is no mount, as in a chroot. */
  at(path: string): MountEntry | undefined
}

/** Parses a mount table. Names are as decodeName returns them. */
export function parseMountTable(text: string): MountTable {
  const entries = text.split('\n').flatMap(parseLine)
  return { entries, devices: new Set(entries.map(({ device }) => device)), at: lookup(entries) }
}

const LINE = /^(\d+) (\d+) (\S+) (\S+) (\S+) (\S+) .*?- (\S+)/

function parseLine(line: string): MountEntry[] {
  const [matched, id, parent, device, root, path, options, type] = LINE.exec(line) ?? []
  if (matched === undefined) return []
  const [place, source] = [unescape(path as string), unescape(root as string)]
  const flags = (options as string).split(',')
  const numbers = { id: Number(id), parent: Number(parent) }
  return [{ ...numbers, device: device as string, root: source, path: place, options: flags, type: type as string }]
}

/** Space, tab, line break, backslash and # are written as octal numbers. */
const unescape = (text: string): string =>
  text.includes('\\')
    ? text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)))
    : text

/** Stands for the mount outside of a chroot. */
const OUTSIDE = -1

function lookup(entries: readonly MountEntry[]): MountTable['at'] {
  const ids = new Set(entries.map(({ id }) => id))
  const children = new Map<string, MountEntry>()
  for (const entry of entries) {
    const parent = ids.has(entry.parent) && entry.parent !== entry.id ? entry.parent : OUTSIDE
    children.set(`${parent} ${entry.path}`, entry)
  }
  return (path) => {
    let on: MountEntry | undefined
    // A mount may itself be covered by one at the same path.
    const enter = (place: string): void => {
      for (let next = children.get(`${on?.id ?? OUTSIDE} ${place}`); next !== undefined; ) {
        on = next
        next = children.get(`${on.id} ${place}`)
      }
    }
    enter('/')
    if (path === '/') return on
    for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1)) enter(path.slice(0, end))
    enter(path)
    return on
  }
}

/** What a bind mount of a path without links shows: its file system, and its path inside that. */
export function sourceOf(table: MountTable, path: string): { device: string; root: string } | undefined {
  const entry = table.at(path)
  if (entry === undefined || !isWithin(path, entry.path)) return undefined
  const rest = entry.path === '/' ? path : path.slice(entry.path.length)
  return { device: entry.device, root: rest === '' || rest === '/' ? entry.root : join(entry.root, rest.slice(1)) }
}
