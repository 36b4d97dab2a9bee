/**
 * Carries what a sandbox says of a client's folders over to the mapped ones. Schemas translate paths in a mapped folder
 * when they decode them. Here are the two kinds of entries that reach into a mapped folder from outside: globs, and
 * entries for a folder above it.
 */
import { isWithin } from '../../base/paths.ts'
import { invalidParams } from '../wire/errors.ts'
import type { Entry, Sandbox } from './sandbox.ts'
import type { PathMap, PathMapping } from './path-map.ts'

/**
 * The sandbox for this machine. Its literal paths are translated already.
 * @throws {RpcError} -32602 for a glob that cannot be carried over
 */
export function mapSandbox(sandbox: Sandbox, map: PathMap): Sandbox {
  if (sandbox.files.unrestricted) return sandbox
  const { entries } = sandbox.files
  const mapped = entries.flatMap((entry) => mapGlob(entry, sandbox.home, map))
  const inherited = map.mappings.flatMap((mapping) => inheritedEntries(entries, mapping, sandbox))
  return { ...sandbox, files: { ...sandbox.files, entries: [...mapped, ...inherited] } }
}

/** What a folder above the client's says of it, unless an entry is about that folder itself. */
function inheritedEntries(entries: readonly Entry[], { client, own }: PathMapping, sandbox: Sandbox): Entry[] {
  if (entries.some((entry) => isAbout(entry, own, sandbox))) return []
  // The root is above both.
  const above = entries.filter(({ at }) => at.type === 'path' && at.path !== '/' && isWithin(client, at.path))
  const depth = Math.max(...above.map(({ at }) => (at.type === 'path' ? at.path.length : 0)))
  return above
    .filter(({ at }) => at.type === 'path' && at.path.length === depth)
    .map(({ access }) => ({ at: { type: 'path', path: own }, access }))
}

/** Whether an entry is about this very folder. An implied cwd is not known yet, and mostly is in the folder. */
function isAbout({ at }: Entry, own: string, { workspaceRoots, cwd, cwdImplied }: Sandbox): boolean {
  if (at.type === 'path') return at.path === own
  if (at.type !== 'project_roots' || at.subpath !== undefined) return false
  return cwdImplied === true || (workspaceRoots ?? [cwd]).includes(own)
}

/** An entry with the patterns that match in mapped folders what the client's pattern matches in its own. */
function mapGlob(entry: Entry, home: string | undefined, map: PathMap): Entry[] {
  const { at, access } = entry
  if (at.type !== 'glob') return [entry]
  const absolute = absolutePattern(at.pattern, home)
  if (absolute === undefined) return [entry]
  const patterns = mapPattern(absolute, map)
  const added = patterns.filter((pattern) => pattern !== absolute)
  const isKept = patterns.includes(absolute) || at.pattern !== absolute
  return [...(isKept ? [entry] : []), ...added.map((pattern): Entry => ({ at: { type: 'glob', pattern }, access }))]
}

/** Undefined for a pattern below the cwd, which is translated. */
function absolutePattern(pattern: string, home: string | undefined): string | undefined {
  if (pattern.startsWith('/')) return pattern
  if (!pattern.startsWith('~/') || home === undefined) return undefined
  return `${home.replace(/[*?[\]{},\\]/g, '\\$&')}/${pattern.slice(2)}`
}

/**
 * The patterns for this machine: the given one, unless it is about a mapped folder only, and one for each way in which
 * it can match below one. A name with a wildcard is taken to match: too much is denied rather than too little.
 */
export function mapPattern(pattern: string, map: PathMap): string[] {
  const segments = splitPattern(pattern)
  let isOnlyMapped = false
  const added = map.mappings.flatMap(({ client, own }) => {
    const names = client.split('/').slice(1)
    isOnlyMapped ||= names.every((name, index) => segments[index] === name)
    return remainders(segments, names).map((rest) => [own, ...rest].join('/'))
  })
  return [...(isOnlyMapped ? [] : [pattern]), ...added]
}

const WILDCARD = /[*?[\]{}\\]/

/** What is left of a pattern below the folder with these names. All states are ends of the pattern. */
function remainders(pattern: readonly string[], names: readonly string[]): (readonly string[])[] {
  let lengths = new Set([pattern.length])
  for (const name of names) {
    const next = new Set<number>()
    for (const length of lengths) for (const left of consume(pattern, length, name)) next.add(left)
    lengths = next
  }
  // A pattern that begins with ** matches everywhere, as it stands.
  if (pattern[0] === '**') lengths.delete(pattern.length)
  return [...lengths].map((length) => pattern.slice(pattern.length - length))
}

/** The lengths of what is left after a name. Nothing left: a folder above has matched, and all that is in it. */
function* consume(pattern: readonly string[], length: number, name: string): Generator<number> {
  const segment = pattern[pattern.length - length]
  if (segment === undefined) yield 0
  else if (segment === '**') {
    yield length
    yield* consume(pattern, length - 1, name)
  } else if (segment.includes('/'))
    throw invalidParams('a glob with alternatives or a class that hold a slash cannot be carried over by --map')
  else if (segment === name || WILDCARD.test(segment)) yield length - 1
}

/** Splits at slashes that are not in braces or brackets. Empty names and `.` do not count. */
function splitPattern(pattern: string): string[] {
  const segments: string[] = []
  let segment = ''
  let depth = 0
  const end = (): void => {
    if (segment !== '' && segment !== '.') segments.push(segment)
    segment = ''
  }
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at)
    if (character === '\\') segment += character + pattern.charAt(++at)
    else if (character === '/' && depth === 0) end()
    else {
      if (character === '{' || character === '[') depth++
      else if ((character === '}' || character === ']') && depth > 0) depth--
      segment += character
    }
  }
  end()
  return segments
}
