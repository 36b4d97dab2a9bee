/**
 * Deny globs: `*` and `?` stay within one path component, a component `**` matches any number of components, `[...]`
 * is a character class, `{a,b}` are alternatives, a backslash escapes. An unclosed `[` or `{` is an error.
 */
import { matchesPath } from './glob-match.ts'
import type { Characters, Meter, Segment, Token } from './glob-match.ts'

/** A parsed deny glob. */
export type Glob = {
  /** The deepest directory that contains every match. */
  directory: string
  /** The glob as an extended regular expression, anchored to the whole path. */
  pattern: string
  /** Whether an absolute, normalised path matches. Adds the steps that it took to `meter`. */
  matches(path: string, meter?: Meter): boolean
}

/** A malformed pattern. It cannot be enforced, so the caller must reject the request. */
export class GlobSyntaxError extends Error {}

/** Real patterns are far shorter; longer ones only cost time. */
const MAX_PATTERN_CHARACTERS = 4096

/** Upper bound on the patterns that brace expansion may produce. */
const MAX_ALTERNATIVES = 256

/**
 * Characters that the parsing of all globs of a policy may copy, which takes some 20 ms. Real policies need a tenth
 * of it; 500 patterns of 50 characters without alternatives fit.
 */
const MAX_WORK = 2 ** 18

/** Making a token of a character takes as long as copying so many. */
const TOKEN_WORK = 8

/** What is left of MAX_WORK; one for all globs of a policy. */
export class GlobBudget {
  #left = MAX_WORK

  /** @throws {GlobSyntaxError} if not enough is left */
  spend(characters: number): void {
    this.#left -= characters
    if (this.#left < 0) throw new GlobSyntaxError('the globs of the sandbox have too many or too long alternatives')
  }
}

/**
 * Parses an absolute pattern.
 * @throws {GlobSyntaxError} if it is relative, too long or malformed, or exceeds the budget
 */
export function parseGlob(pattern: string, budget = new GlobBudget()): Glob {
  if (!pattern.startsWith('/')) throw new GlobSyntaxError(`glob is not absolute: \`${pattern.slice(0, 100)}\``)
  if (pattern.length > MAX_PATTERN_CHARACTERS) throw new GlobSyntaxError('glob is too long')
  // A trailing slash denies everything below the directory.
  const text = pattern.replace(/\/{2,}/g, '/').replace(/\/$/, '/**')
  budget.spend(text.length)
  const expanded = expand(Array.from(text), budget)
  budget.spend(TOKEN_WORK * charactersOf(expanded))
  const alternatives = expanded.map((characters) => readSegments(characters, budget))
  return {
    directory: commonDirectory(alternatives),
    // Not at once: only macOS needs it.
    get pattern() {
      const sources = alternatives.map(pathSource)
      return sources.length === 1 ? `^${sources[0]}$` : `^(${sources.join('|')})$`
    },
    matches: (path, meter = { steps: 0 }) => {
      meter.steps += path.length
      const names = path
        .split('/')
        .slice(1)
        .map((name) => Array.from(name))
      return alternatives.some((segments) => matchesPath(segments, names, meter))
    },
  }
}

const charactersOf = (texts: readonly Characters[]): number => texts.reduce((sum, text) => sum + text.length, 0)

/** Length in characters of the unit at `at`: an escape, a class, or a single character. */
function unitLength(characters: Characters, at: number, budget: GlobBudget): number {
  if (characters[at] === '[') return classEnd(characters, at, budget) - at + 1
  if (characters[at] !== '\\') return 1
  if (at + 1 === characters.length) throw new GlobSyntaxError('glob ends with a backslash')
  return 2
}

/**
 * Index of the bracket that closes the class, in the same path component. Without one the author meant something else
 * than the literal character, so the pattern would not deny what it should.
 */
function classEnd(characters: Characters, start: number, budget: GlobBudget): number {
  const first = isNegated(characters, start) ? start + 2 : start + 1
  let at = first
  // A closing bracket in first position is a member.
  while (at < characters.length && characters[at] !== '/' && (characters[at] !== ']' || at === first)) at++
  budget.spend(at - start)
  if (characters[at] !== ']') throw new GlobSyntaxError('glob has an unclosed [')
  return at
}

const isNegated = (characters: Characters, start: number): boolean =>
  characters[start + 1] === '!' || characters[start + 1] === '^'

// ---- alternatives ----

/** Brace expansion. Throws if there would be more than MAX_ALTERNATIVES patterns, or they exceed the budget. */
function expand(characters: Characters, budget: GlobBudget): Characters[] {
  budget.spend(characters.length)
  let results: Characters[] = [[]]
  const append = (texts: readonly Characters[]): void => {
    if (results.length * texts.length > MAX_ALTERNATIVES) throw new GlobSyntaxError('glob has too many alternatives')
    budget.spend(texts.length * charactersOf(results) + results.length * charactersOf(texts))
    results = results.flatMap((result) => texts.map((text) => result.concat(text)))
  }
  let plain = 0
  for (let at = 0; at < characters.length; ) {
    if (characters[at] !== '{') {
      at += unitLength(characters, at, budget)
      continue
    }
    const { parts, end } = readBraces(characters, at, budget)
    append([characters.slice(plain, at)])
    append(parts.flatMap((part) => expand(part, budget)))
    at = plain = end
  }
  append([characters.slice(plain)])
  return results
}

function readBraces(characters: Characters, start: number, budget: GlobBudget): { parts: Characters[]; end: number } {
  const parts: Characters[] = []
  let depth = 1
  let from = start + 1
  for (let at = from; at < characters.length; at += unitLength(characters, at, budget)) {
    // Nested braces are read once for each level around them.
    budget.spend(1)
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

function readSegments(characters: Characters, budget: GlobBudget): Segment[] {
  const segments = resolveDots(splitNames(characters, budget)).map((name) => readName(name, budget))
  // Consecutive `**` are equal to one.
  return segments.filter((segment, index) => segment !== 'names' || segments[index + 1] !== 'names')
}

/** The pattern begins with a slash. An escaped one is part of a name. */
function splitNames(characters: Characters, budget: GlobBudget): Characters[] {
  const names: Characters[] = []
  let start = 1
  for (let at = 1; at < characters.length; at += unitLength(characters, at, budget)) {
    if (characters[at] !== '/') continue
    names.push(characters.slice(start, at))
    start = at + 1
  }
  return [...names, characters.slice(start)]
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

function readName(name: Characters, budget: GlobBudget): Segment {
  if (name.join('') === '**') return 'names'
  const tokens: Token[] = []
  for (let at = 0; at < name.length; ) {
    const length = unitLength(name, at, budget)
    const character = name[at] as string
    // Within a component, consecutive stars are equal to one.
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'run') tokens.push({ kind: 'run' })
    } else if (character === '?') tokens.push({ kind: 'one', source: '[^/]', takes: () => true })
    else if (character === '[') tokens.push(readClass(name.slice(at, at + length)))
    else tokens.push({ kind: 'literal', character: character === '\\' ? (name[at + 1] as string) : character })
    at += length
  }
  return tokens
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

// ---- regular expression and directory ----

function pathSource(segments: readonly Segment[]): string {
  const isLast = (index: number): boolean => index === segments.length - 1
  return segments
    .map((segment, index) => {
      if (segment !== 'names') return `/${segment.map(tokenSource).join('')}`
      return isLast(index) ? '/.+' : '(/.+)?'
    })
    .join('')
}

function tokenSource(token: Token): string {
  if (token.kind === 'run') return '[^/]*'
  if (token.kind === 'one') return token.source
  return /[\\^$.*+?()[\]{}|]/.test(token.character) ? `\\${token.character}` : token.character
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
  const characters = segment.map((token) => (token.kind === 'literal' ? token.character : undefined))
  return characters.includes(undefined) ? undefined : characters.join('')
}
