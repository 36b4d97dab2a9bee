/**
 * Deny globs: `*` and `?` stay within one path component, a component `**` matches any number of components, `[...]`
 * is a character class, `{a,b}` are alternatives, a backslash escapes. An unclosed `[` is a literal character.
 */

/** A parsed deny glob. */
export type Glob = {
  /** The deepest directory that contains every match. */
  directory: string
  /** The glob as an extended regular expression, anchored to the whole path. */
  pattern: string
  /** Whether an absolute, normalised path matches. */
  matches(path: string): boolean
}

/** A malformed pattern. It cannot be enforced, so the caller must reject the request. */
export class GlobSyntaxError extends Error {}

/** Real patterns are far shorter; longer ones only cost time. */
const MAX_PATTERN_CHARACTERS = 4096

/** Upper bound on the patterns that brace expansion may produce. */
const MAX_ALTERNATIVES = 256

/** A pattern as code points, so that surrogate pairs are not split. */
type Characters = readonly string[]

/** `run`: any number of characters. `one`: a single character that `takes` accepts. */
type Token = { kind: 'run' } | { kind: 'one'; source: string; takes: (character: string) => boolean; literal?: string }

/** One path component, or `names` for any number of components. */
type Segment = 'names' | Token[]

/**
 * Parses an absolute pattern.
 * @throws {GlobSyntaxError} if it is relative, too long or malformed
 */
export function parseGlob(pattern: string): Glob {
  if (!pattern.startsWith('/')) throw new GlobSyntaxError(`glob is not absolute: \`${pattern.slice(0, 100)}\``)
  if (pattern.length > MAX_PATTERN_CHARACTERS) throw new GlobSyntaxError('glob is too long')
  // A trailing slash denies everything below the directory.
  const text = pattern.replace(/\/{2,}/g, '/').replace(/\/$/, '/**')
  const alternatives = expand(Array.from(text)).map((characters) => resolveDots(splitNames(characters)).map(readName))
  const sources = alternatives.map(pathSource)
  return {
    directory: commonDirectory(alternatives),
    pattern: sources.length === 1 ? `^${sources[0]}$` : `^(${sources.join('|')})$`,
    matches: (path) => {
      const names = path
        .split('/')
        .slice(1)
        .map((name) => Array.from(name))
      return alternatives.some((segments) => matchesPath(segments, names))
    },
  }
}

/** Length in characters of the unit at `at`: an escape, a class, or a single character. */
function unitLength(characters: Characters, at: number): number {
  if (characters[at] === '[') return (classEnd(characters, at) ?? at) - at + 1
  if (characters[at] !== '\\') return 1
  if (at + 1 === characters.length) throw new GlobSyntaxError('glob ends with a backslash')
  return 2
}

/** Index of the bracket that closes the class, if there is one in the same path component. */
function classEnd(characters: Characters, start: number): number | undefined {
  const first = isNegated(characters, start) ? start + 2 : start + 1
  // A closing bracket in first position is a member.
  for (let at = first; at < characters.length && characters[at] !== '/'; at++)
    if (characters[at] === ']' && at > first) return at
  return undefined
}

const isNegated = (characters: Characters, start: number): boolean =>
  characters[start + 1] === '!' || characters[start + 1] === '^'

// ---- alternatives ----

/** Brace expansion. Throws if there would be more than MAX_ALTERNATIVES patterns. */
function expand(characters: Characters): Characters[] {
  let results: Characters[] = [[]]
  const append = (texts: readonly Characters[]): void => {
    if (results.length * texts.length > MAX_ALTERNATIVES) throw new GlobSyntaxError('glob has too many alternatives')
    results = results.flatMap((result) => texts.map((text) => [...result, ...text]))
  }
  let plain = 0
  for (let at = 0; at < characters.length; ) {
    if (characters[at] !== '{') {
      at += unitLength(characters, at)
      continue
    }
    const { parts, end } = readBraces(characters, at)
    append([characters.slice(plain, at)])
    append(parts.flatMap(expand))
    at = plain = end
  }
  append([characters.slice(plain)])
  return results
}

function readBraces(characters: Characters, start: number): { parts: Characters[]; end: number } {
  const parts: Characters[] = []
  let depth = 1
  let from = start + 1
  for (let at = from; at < characters.length; at += unitLength(characters, at)) {
    if (characters[at] === '{') depth++
    if (characters[at] === '}') depth--
    if (depth > 1 || (depth === 1 && characters[at] !== ',')) continue
    parts.push(characters.slice(from, at))
    from = at + 1
    if (depth === 0) return { parts, end: from }
  }
  throw new GlobSyntaxError('glob has an unclosed {')
}

// ---- names ----

function splitNames(characters: Characters): Characters[] {
  const names: string[][] = []
  for (let at = 0; at < characters.length; ) {
    const length = unitLength(characters, at)
    if (characters[at] === '/') names.push([])
    else names.at(-1)?.push(...characters.slice(at, at + length))
    at += length
  }
  return names
}

/** Paths are normalised before they are matched, so `.` and `..` are resolved here, too. */
function resolveDots(names: readonly Characters[]): Characters[] {
  const resolved: Characters[] = []
  for (const name of names) {
    const text = name.join('')
    if (text === '..') resolved.pop()
    else if (text !== '.') resolved.push(name)
  }
  return resolved
}

function readName(name: Characters): Segment {
  if (name.join('') === '**') return 'names'
  const tokens: Token[] = []
  for (let at = 0; at < name.length; ) {
    const length = unitLength(name, at)
    const character = name[at] as string
    // Within a component, consecutive stars are equal to one.
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'run') tokens.push({ kind: 'run' })
    } else if (character === '?') tokens.push({ kind: 'one', source: '[^/]', takes: () => true })
    else if (character === '[' && length > 1) tokens.push(readClass(name.slice(at, at + length)))
    else tokens.push(literal(character === '\\' ? (name[at + 1] as string) : character))
    at += length
  }
  return tokens
}

function literal(wanted: string): Token {
  const source = /[\\^$.*+?()[\]{}|]/.test(wanted) ? `\\${wanted}` : wanted
  return { kind: 'one', source, takes: (character) => character === wanted, literal: wanted }
}

function readClass(characters: Characters): Token {
  const negated = isNegated(characters, 0)
  const members = characters.slice(negated ? 2 : 1, -1)
  const ranges: [number, number][] = []
  for (let at = 0; at < members.length; ) {
    const isRange = members[at + 1] === '-' && at + 2 < members.length
    const [from, to] = [members[at] as string, members[isRange ? at + 2 : at] as string]
    const [first, last] = [from.codePointAt(0) as number, to.codePointAt(0) as number]
    if (first > last) throw new GlobSyntaxError(`glob has a reversed range: ${from}-${to}`)
    ranges.push([first, last])
    at += isRange ? 3 : 1
  }
  const has = (character: string): boolean => {
    const code = character.codePointAt(0) as number
    return ranges.some(([first, last]) => first <= code && code <= last)
  }
  // A range may include the slash. The regular expression then matches it, which only denies more.
  const member = (code: number): string => String.fromCodePoint(code).replace(/[\\\]^[-]/, '\\$&')
  const source = ranges
    .map(([first, last]) => (first === last ? member(first) : `${member(first)}-${member(last)}`))
    .join('')
  return {
    kind: 'one',
    source: negated ? `[^/${source}]` : `[${source}]`,
    takes: (character) => has(character) !== negated,
  }
}

// ---- matching ----

/** Simulates an NFA: one pass over the names with the set of all reachable pattern positions. */
function matchesPath(segments: readonly Segment[], names: readonly Characters[]): boolean {
  let states = closure(new Set([0]), segments)
  for (const name of names) {
    const next = new Set<number>()
    for (const state of states) {
      const segment = segments[state]
      if (segment === 'names') next.add(state)
      else if (segment !== undefined && matchesName(segment, name)) next.add(state + 1)
    }
    states = closure(next, segments)
  }
  // A trailing `**` matches everything below the directory, but not the directory itself.
  return states.has(segments.length) && !(segments.at(-1) === 'names' && !matchesBelow(segments, names))
}

/** Whether a trailing `**` takes at least one name. */
function matchesBelow(segments: readonly Segment[], names: readonly Characters[]): boolean {
  return names.length > 0 && matchesPath([...segments.slice(0, -1), 'names', [{ kind: 'run' }]], names)
}

function closure(states: Set<number>, segments: readonly Segment[]): Set<number> {
  for (const state of states) if (segments[state] === 'names') states.add(state + 1)
  return states
}

/** Backtracks to the last `*` only, so the time is at most the product of the two lengths. */
function matchesName(tokens: readonly Token[], name: Characters): boolean {
  let [t, n, run, mark] = [0, 0, -1, 0]
  while (n < name.length) {
    const token = tokens[t]
    if (token?.kind === 'run') [run, mark] = [t++, n]
    else if (token?.kind === 'one' && token.takes(name[n] as string)) [t, n] = [t + 1, n + 1]
    else if (run >= 0) [t, n] = [run + 1, ++mark]
    else return false
  }
  while (tokens[t]?.kind === 'run') t++
  return t === tokens.length
}

// ---- regular expression and directory ----

function pathSource(segments: readonly Segment[]): string {
  const isLast = (index: number): boolean => index === segments.length - 1
  return segments
    .map((segment, index) => {
      if (segment !== 'names')
        return `/${segment.map((token) => (token.kind === 'run' ? '[^/]*' : token.source)).join('')}`
      return isLast(index) ? '/.+' : '(/.+)?'
    })
    .join('')
}

/** The longest common prefix of literal names, without each alternative's last name. */
function commonDirectory(alternatives: readonly (readonly Segment[])[]): string {
  const all = alternatives.map((segments) => {
    const names = segments.map(literalName)
    const end = names.indexOf(undefined)
    return names.slice(0, end < 0 ? -1 : Math.min(end, names.length - 1)) as string[]
  })
  const [first = []] = all
  const agreed = first.findIndex((name, index) => all.some((names) => names[index] !== name))
  return `/${(agreed < 0 ? first : first.slice(0, agreed)).join('/')}`
}

function literalName(segment: Segment): string | undefined {
  if (segment === 'names') return undefined
  const characters = segment.map((token) => (token.kind === 'one' ? token.literal : undefined))
  return characters.includes(undefined) ? undefined : characters.join('')
}
