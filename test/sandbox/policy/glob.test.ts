/** Globs against a matcher that knows no regular expressions: alternatives are written out, the rest goes name by name. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { GlobBudget, GlobSyntaxError, parseGlob } from '../../../src/sandbox/policy/glob.ts'
import { cpuMs } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

// ---- the other matcher ----

/** Every pattern without alternatives that a pattern with them stands for. */
function written(pattern: string): string[] {
  const open = plainIndex(pattern, '{')
  if (open < 0) return [pattern]
  let depth = 0
  const commas = [open]
  for (let at = open; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++
    else if (pattern[at] === '{') depth++
    else if (pattern[at] === ',' && depth === 1) commas.push(at)
    else if (pattern[at] === '}' && --depth === 0) {
      commas.push(at)
      const parts = commas.slice(1).map((end, index) => pattern.slice((commas[index] as number) + 1, end))
      return parts.flatMap((part) => written(pattern.slice(0, open) + part + pattern.slice(at + 1)))
    }
  }
  throw new Error(`unclosed: ${pattern}`)
}

function plainIndex(text: string, wanted: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === wanted) return at
  }
  return -1
}

const matches = (pattern: string, path: string): boolean =>
  written(pattern).some((one) => matchesNames(withoutDots(one.slice(1).split('/')), path.slice(1).split('/')))

/** As paths are before anyone looks for them. */
function withoutDots(names: string[]): string[] {
  const kept: string[] = []
  for (const name of names) {
    if (name === '..') kept.pop()
    else if (name !== '.') kept.push(name)
  }
  return kept
}

function matchesNames([first, ...patterns]: string[], names: string[]): boolean {
  if (first === undefined) return names.length === 0
  if (first === '**') {
    // The last one is for what is below, of which there must be something.
    if (patterns.length === 0) return names.length > 0
    return matchesNames(patterns, names) || (names.length > 0 && matchesNames([first, ...patterns], names.slice(1)))
  }
  return names.length > 0 && matchesName(first, names[0] as string) && matchesNames(patterns, names.slice(1))
}

function matchesName(pattern: string, name: string): boolean {
  return matchesCharacters(Array.from(pattern), Array.from(name))
}

function matchesCharacters([first, ...pattern]: string[], name: string[]): boolean {
  if (first === undefined) return name.length === 0
  if (first === '*')
    return (
      matchesCharacters(pattern, name) || (name.length > 0 && matchesCharacters([first, ...pattern], name.slice(1)))
    )
  const [character, ...rest] = name
  if (character === undefined) return false
  if (first === '?') return matchesCharacters(pattern, rest)
  if (first === '\\') return pattern[0] === character && matchesCharacters(pattern.slice(1), rest)
  if (first === '[') {
    const isNegated = pattern[0] === '!' || pattern[0] === '^'
    const inner = isNegated ? pattern.slice(1) : pattern
    const close = inner.indexOf(']', 1)
    return isMember(inner.slice(0, close), character) !== isNegated && matchesCharacters(inner.slice(close + 1), rest)
  }
  return first === character && matchesCharacters(pattern, rest)
}

function isMember([from, dash, to, ...more]: string[], character: string): boolean {
  if (from === undefined) return false
  if (dash === '-' && to !== undefined) return (from <= character && character <= to) || isMember(more, character)
  return (
    from === character ||
    isMember(
      [dash, to, ...more].filter((member) => member !== undefined),
      character,
    )
  )
}

// ---- random patterns, and paths that have something in common with them ----

const letter = fc.constantFrom('a', 'b', '.', '-', 'é', '😀')
const token = fc.oneof(
  { weight: 6, arbitrary: letter },
  {
    weight: 2,
    arbitrary: fc.constantFrom('*', '?', '**', '[ab]', '[!a]', '[a-b]', '[^b]', '[]a]', '\\*', '\\a', '\\{', '}', ','),
  },
)
const plainName = fc.array(token, { minLength: 1, maxLength: 3 }).map((tokens) => tokens.join(''))
const part = fc.oneof({ weight: 3, arbitrary: plainName }, { weight: 1, arbitrary: fc.constant('**') })
const parts = fc.array(part, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
const alternatives = fc
  .array(fc.oneof(parts, fc.constant('')), { minLength: 1, maxLength: 3 })
  .map((options) => `{${options.join(',')}}`)
const pattern = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: part },
      { weight: 1, arbitrary: alternatives },
      { weight: 1, arbitrary: fc.tuple(letter, alternatives).map((both) => both.join('')) },
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) => `/${all.join('/')}`)
  // A class with a slash in it, and what alternatives make of commas and brackets, are another matter; the cases below have some.
  .filter((text) => !/\[[!^]?\]?[^\]]*\/.*\]/su.test(text))
  // Names of dots, and a last slash, are other matters too.
  .filter((text) => !text.includes('.') && !text.endsWith('/'))
  .filter((text) => !text.includes('{') || !/\[(?![!^]?[ab-]+\])|\[\]|[^\\]\},|\}\}/.test(text))

const path = fc
  .array(
    fc.array(
      fc.oneof(
        { weight: 5, arbitrary: letter },
        { weight: 1, arbitrary: fc.constantFrom('*', '[', '{', '}', ',', '\\') },
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((names) => `/${names.map((name) => name.join('')).join('/')}`)
  .filter((text) => !/\/\.{1,2}(?:\/|$)/.test(text))

test('a glob matches what the same pattern matches name by name', () => {
  fc.assert(
    fc.property(pattern, fc.array(path, { minLength: 8, maxLength: 8 }), (text, paths) => {
      let glob: ReturnType<typeof parseGlob>
      let expected: boolean[]
      try {
        expected = paths.map((one) => matches(text, one))
      } catch {
        assert.throws(
          () => parseGlob(text),
          (error: unknown) => error instanceof GlobSyntaxError,
        )
        return
      }
      glob = parseGlob(text)
      for (const [index, one] of paths.entries()) assert.is(glob.matches(one), expected[index], `${text} on ${one}`)
    }),
    { numRuns: 1000 },
  )
})

test('whatever a glob matches is in its directory', () => {
  fc.assert(
    fc.property(pattern, path, (text, one) => {
      let glob: ReturnType<typeof parseGlob>
      try {
        glob = parseGlob(text)
      } catch {
        return
      }
      if (glob.matches(one))
        assert.ok(glob.directory === '/' || one.startsWith(`${glob.directory}/`), `${text}: ${glob.directory}`)
    }),
    { numRuns: 1000 },
  )
})

test('the directory of a glob is as deep as its text says, escapes included', () => {
  const directories = {
    '/w/*.env': '/w',
    '/w/a/b': '/w/a',
    '/w/a/**/b': '/w/a',
    '/w/a?/b': '/w',
    '/w/{a,b}/c': '/w',
    '/w/[ab]/c': '/w',
    '/a': '/',
    '/**/x': '/',
    // So are directories written whose names a glob would read otherwise; how deep a scan goes is counted from here.
    '/w/p\\[1\\]/*.env': '/w/p[1]',
    '/w/a\\,b/x': '/w/a,b',
    '/w/\\*/\\{/?': '/w/*/{',
  }
  for (const [text, directory] of Object.entries(directories)) assert.is(parseGlob(text).directory, directory, text)
})

const says = (text: string, matching: string[], others: string[]): void => {
  for (const one of matching) assert.ok(parseGlob(text).matches(one), `${text} on ${one}`)
  for (const one of others) assert.not(parseGlob(text).matches(one), `${text} on ${one}`)
}

test('stars and question marks stay within a name, double stars cross names', () => {
  says('/w/*.env', ['/w/.env', '/w/a.env'], ['/w/a/.env', '/w/aenv', '/w/a.env/b', '/v/.env'])
  says('/w/?.pem', ['/w/a.pem', '/w/😀.pem'], ['/w/ab.pem', '/w//.pem', '/w/.pem'])
  says('/w/**/*.env', ['/w/.env', '/w/a/.env', '/w/a/b/c.env'], ['/.env', '/w/a/env'])
  says('/w/**', ['/w/a', '/w/a/b'], ['/w', '/wa', '/'])
  says('/w/**/b/**', ['/w/b/c', '/w/a/b/c/d'], ['/w/b', '/w/a/c'])
  says('/w/a**b', ['/w/ab', '/w/axb'], ['/w/a/b'])
  says('//w///*.x', ['/w/a.x'], ['/w//a.x'])
})

test('double stars cross names within alternatives too', () => {
  says('/w/{secrets/**,*.pem}', ['/w/secrets/a', '/w/secrets/a/b', '/w/x.pem'], ['/w/secrets', '/w/a/x.pem'])
  says('/w/{**/a,b}', ['/w/a', '/w/x/y/a', '/w/b'], ['/w/x/b'])
  says('/w/{a,**}', ['/w/a', '/w/x/y'], ['/w'])
  says('/{w,v/**}/key', ['/w/key', '/v/key', '/v/a/b/key'], ['/w/a/key'])
})

test('classes have ranges, negations and brackets, and never match a slash', () => {
  says('/w/[a-c]x', ['/w/ax', '/w/cx'], ['/w/dx', '/w/x'])
  says('/w/[!a-c]', ['/w/d'], ['/w/a', '/w//'])
  says('/w/[^a]', ['/w/b'], ['/w/a'])
  says('/w/[]a]', ['/w/]', '/w/a'], ['/w/b'])
  says('/w/[a-]', ['/w/a', '/w/-'], ['/w/b'])
  says('/w/[\\^&]', ['/w/\\', '/w/^', '/w/&'], ['/w/a'])
  says('/w[!a]x', ['/wbx'], ['/w/x', '/wax'])
  says('/w[.-0]x', ['/w.x'], ['/w/x'])
  assert.throws(
    () => parseGlob('/w/[c-a]'),
    (error: unknown) => error instanceof GlobSyntaxError,
  )
})

test('a closing brace or a comma alone is literal, and so is an escaped bracket', () => {
  says('/w/\\[ab', ['/w/[ab'], ['/w/a'])
  says('/w/a}', ['/w/a}'], ['/w/a'])
  says('/w/a,b', ['/w/a,b'], ['/w/a'])
})

test('characters that regular expressions know stand for themselves', () => {
  says('/w/a.b+(c)|d$^', ['/w/a.b+(c)|d$^'], ['/w/axb+(c)|d$^', '/w/a.bb(c)|d$^'])
})

test('what cannot be read is refused', () => {
  for (const text of [
    '',
    'w/*',
    '*',
    '~/x',
    '/w/{a',
    '/w/{a,{b}',
    '/w/[a',
    '/w/[',
    '/w/[!]',
    '/w/[]/a]',
    '/w/{a,[b}',
    '/w/a\\',
    `/${'a'.repeat(5000)}`,
  ]) {
    assert.throws(
      () => parseGlob(text),
      (error: unknown) => error instanceof GlobSyntaxError,
      text,
    )
  }
})

test('names that are not UTF-8 are matched like any other', () => {
  says('/w/*.env', ['/w/\udcff.env'], ['/w/\udcff/.env'])
  says('/w/?', ['/w/\udcff'], [])
})

/** Patterns of a size, each with a path that it does not match. */
const HOSTILE: ((size: number) => [text: string, path: string])[] = [
  (size) => [`/w${'/**'.repeat(size)}/b`, `/w${'/x'.repeat(2 * size)}`],
  (size) => [`/w${'/**/x'.repeat(size)}/b`, `/w${'/x'.repeat(2 * size)}`],
  (size) => [`/w/${'*a'.repeat(size)}b`, `/w/${'a'.repeat(4 * size)}`],
  (size) => [`/w/${'{a,aa}'.repeat(size)}b`, `/w/${'a'.repeat(2 * size)}`],
  (size) => [`/w/${'{*,?}'.repeat(size)}b`, `/w/${'a'.repeat(2 * size)}`],
]

function matchHostile(family: (typeof HOSTILE)[number], size: number): void {
  const [text, path] = family(size)
  try {
    assert.not(parseGlob(text).matches(path))
  } catch (error) {
    // To refuse is quick as well.
    if (!(error instanceof GlobSyntaxError)) throw error
  }
}

const SIZES = [4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 40, 60, 100, 400]

// With exponential time it would not end.
test('no pattern takes exponential time, whatever path it is held against', () => {
  for (const family of HOSTILE) for (const size of SIZES) matchHostile(family, size)
})

test.full('no pattern takes long, whatever path it is held against', () => {
  for (const family of HOSTILE) {
    for (const size of SIZES) {
      const time = cpuMs(() => matchHostile(family, size), 2)
      assert.ok(time < 500, `${family(size)[0].slice(0, 60)}… took ${time} ms`)
    }
  }
})

const many = (count: number, pattern: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => pattern(index))

/** How many of the patterns are parsed before the budget of a policy is used up. */
function parsedOf(patterns: readonly string[]): number {
  const budget = new GlobBudget()
  return patterns.findIndex((pattern) => {
    try {
      parseGlob(pattern, budget)
      return false
    } catch (error) {
      assert.instance(error, GlobSyntaxError)
      return true
    }
  })
}

test('the globs of a policy share one budget, which those with many alternatives use up at once', () => {
  const hostile = {
    alternatives: many(40, (index) => `/w${index}/${'x'.repeat(4000)}${'{a,b}'.repeat(8)}`),
    'alternatives of one': many(400, (index) => `/w${index}${'{a}'.repeat(1000)}`),
    'nested alternatives': many(400, (index) => `/w${index}/${'{a,'.repeat(1000)}${'}'.repeat(1000)}`),
    'unclosed brackets': many(400, (index) => `/w${index}/${'['.repeat(4000)}`),
    'unclosed brackets behind unclosed braces': many(400, () => `/${'{['.repeat(2000)}`),
    'double stars': many(400, (index) => `/w${index}${'/**/*a*[b-z]'.repeat(100)}`),
  }
  for (const [kind, patterns] of Object.entries(hostile)) {
    const parsed = parsedOf(patterns)
    assert.ok(parsed >= 0 && parsed < 25, `${kind}: ${parsed} were parsed`)
  }
})

test('the budget has room for hundreds of globs as real policies have them', () => {
  assert.is(parsedOf(many(250, (index) => `/home/user/workspace-${index}/**/*.{env,pem}`)), -1)
  assert.is(parsedOf(many(500, (index) => `/home/user/a-workspace-with-a-longer-name/${index}`)), -1)
})

test('consecutive double stars match as one does, and take no longer', () => {
  const steps = (pattern: string, path: string): number => {
    const meter = { steps: 0 }
    parseGlob(pattern).matches(path, meter)
    return meter.steps
  }
  const path = `/w${'/x'.repeat(50)}`
  for (const pattern of ['/w/**/b', '/w/**', '/w/**/x'])
    assert.is(steps(pattern.replace('**', '**/**/**'), path), steps(pattern, path), pattern)
  assert.ok(parseGlob('/w/**/**').matches('/w/x') && !parseGlob('/w/**/**').matches('/w'))
})

test('a match counts its steps, which are at most the product of the lengths', () => {
  const meter = { steps: 0 }
  parseGlob(`/w/*${'a'.repeat(100)}b`).matches(`/w/${'a'.repeat(200)}`, meter)
  assert.ok(meter.steps > 10_000 && meter.steps < 100 * 200 + 1000, `${meter.steps}`)
})

test.run()
