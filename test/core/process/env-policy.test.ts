import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { childEnvironment, wildcard } from '../../../src/core/process/env-policy.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { EnvPolicy } from '../../../src/protocol/schemas/process.ts'
import { assertLinear } from '../../support/time/cpu-time.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

// ---- the model: what each name comes to, one name at a time ----

function matches(pattern: string, name: string): boolean {
  if (pattern === '') return false
  const source = pattern
    .replace(/[\\^$.+()[\]{}|/]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]')
  return new RegExp(`^${source}$`, 'iu').test(name)
}

const matchesAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => matches(pattern, name))

const CORE = /^(PATH|SHELL|TMPDIR|TEMP|TMP|HOME|LANG|LC_ALL|LC_CTYPE|LOGNAME|USER)$/i
const DENIED = new RegExp(
  `^(${[
    'CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN',
    'NODE_REPL_AUTH_TOKEN',
    'OPENAI_FEDERATION_RULE_ID',
    'OPENAI_IDENTITY_TOKEN_FILE',
    'OPENAI_WORKLOAD_IDENTITY_CONTEXT',
    'CODEX_EXEC_SERVER_EXIT_ON_STDIN_CLOSE',
  ].join('|')})$`,
  'i',
)

function valueOf(
  name: string,
  server: Map<string, string>,
  policy: EnvPolicy | null,
  request: Map<string, string>,
): string | undefined {
  if (DENIED.test(name)) return undefined
  if (request.has(name)) return request.get(name)
  if (policy === null) return undefined
  if (policy.includeOnly.length > 0 && !matchesAny(policy.includeOnly, name)) return undefined
  if (policy.set.has(name)) return policy.set.get(name)
  if (policy.inherit === 'none' || (policy.inherit === 'core' && !CORE.test(name))) return undefined
  if (!policy.ignoreDefaultExcludes && /key|secret|token/i.test(name)) return undefined
  return matchesAny(policy.exclude, name) ? undefined : server.get(name)
}

// ---- inputs ----

const SPECIAL = [
  'PATH',
  'Home',
  'lc_all',
  'LC_MESSAGES',
  'TERM',
  'MONKEY',
  'tokenlower',
  'MY_SECRET_',
  'NODE_REPL_AUTH_TOKEN',
  'openai_federation_rule_id',
  'OPENAI_API_KEY',
  'constructor',
  '__proto__',
]
const letters = fc.constantFrom(...'aAbB_0é[].(😀')
const name = fc.oneof(fc.constantFrom(...SPECIAL), fc.string({ unit: letters, minLength: 1, maxLength: 5 }))
const pattern = fc.oneof(
  fc.constantFrom(...SPECIAL, '*', '?*', 'LC_*', '', '*_*'),
  fc.string({ unit: fc.oneof(letters, fc.constantFrom('*', '?')), maxLength: 5 }),
)
const variables = fc.array(fc.tuple(name, fc.string({ maxLength: 2 })), { maxLength: 6 }).map((list) => new Map(list))
const policy: fc.Arbitrary<EnvPolicy> = fc.record({
  inherit: fc.constantFrom('all', 'core', 'none'),
  ignoreDefaultExcludes: fc.boolean(),
  exclude: fc.array(pattern, { maxLength: 2 }),
  set: variables,
  includeOnly: fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 3, arbitrary: fc.array(pattern, { maxLength: 3 }) },
  ),
})

const all: EnvPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: new Map(), includeOnly: [] }
const env = (object: Record<string, string>): Map<string, string> => new Map(Object.entries(object))
const names = (map: Map<string, string>): string => [...map.keys()].sort().join(' ')

test('each variable comes to what the steps of the protocol make of it', () => {
  fc.assert(
    fc.property(variables, fc.option(policy), variables, (server, policy, request) => {
      const result = childEnvironment(server, policy, request)
      const expected = new Map<string, string>()
      for (const name of new Set([...server.keys(), ...(policy?.set.keys() ?? []), ...request.keys()])) {
        const value = valueOf(name, server, policy, request)
        if (value !== undefined) expected.set(name, value)
      }
      assert.equal([...result].sort(), [...expected].sort())
    }),
    { numRuns: 1500 },
  )
})

test('a wildcard matches like the regular expression of the same meaning', () => {
  const text = fc.string({ unit: letters, minLength: 1, maxLength: 8 })
  const wild = fc.string({ unit: fc.oneof(letters, fc.constantFrom('*', '?', '*')), maxLength: 8 })
  fc.assert(
    fc.property(wild, text, (pattern, text) =>
      assert.is(wildcard(pattern)(text), matches(pattern, text), `${pattern} on ${text}`),
    ),
    { numRuns: 2000 },
  )
})

test('a wildcard made from a name matches it', () => {
  const text = fc.array(fc.constantFrom(...'aAbé😀[.'), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(text, fc.array(fc.constantFrom('same', 'any', 'run', 'upper')), (characters, how) => {
      const pattern = characters
        .map(
          (character, index) =>
            ({ same: character, any: '?', run: '*', upper: character.toUpperCase() })[how[index] ?? 'same'],
        )
        .join('')
      assert.ok(wildcard(pattern)(characters.join('')))
    }),
  )
})

test('without a policy the child gets the variables of the request and nothing else', () => {
  assert.equal([...childEnvironment(env({ PATH: '/bin', HOME: '/' }), null, env({ A: '1' }))], [['A', '1']])
  assert.is(childEnvironment(env({ PATH: '/bin' }), undefined, new Map()).size, 0)
})

test('the deny list strips every source, in any case', () => {
  const secrets = env({
    node_repl_auth_token: 'a',
    OPENAI_FEDERATION_RULE_ID: 'b',
    Codex_Exec_Server_Exit_On_Stdin_Close: 'c',
  })
  assert.is(childEnvironment(secrets, { ...all, set: secrets }, secrets).size, 0)
  assert.is(childEnvironment(new Map(), null, secrets).size, 0)
  // A name that only holds one of them is another name.
  assert.is(childEnvironment(new Map(), null, env({ NODE_REPL_AUTH_TOKEN_2: 'x' })).size, 1)
})

test('default excludes drop whatever holds key, secret or token, and only of what is inherited', () => {
  const server = env({ MONKEY: '1', KEYBOARD: '2', tokenlower: '3', A: '4' })
  assert.is(names(childEnvironment(server, { ...all, ignoreDefaultExcludes: false }, new Map())), 'A')
  assert.is(
    names(
      childEnvironment(
        server,
        { ...all, ignoreDefaultExcludes: false, set: env({ API_KEY: 'x' }) },
        env({ MY_TOKEN: 'y' }),
      ),
    ),
    'API_KEY A MY_TOKEN'.split(' ').sort().join(' '),
  )
})

test('include-only filters what is set, and never the request', () => {
  const policy = { ...all, set: env({ SET_A: '1', SET_B: '2' }), includeOnly: ['*_a', 'PATH'] }
  assert.is(
    names(childEnvironment(env({ PATH: '/', HOME: '/', X_A: '3' }), policy, env({ ANY: '5' }))),
    'ANY PATH SET_A X_A',
  )
})

test('core variables are those of the list, in any ASCII case', () => {
  const server = env({ Path: '1', LC_ALL: '2', LC_TIME: '3', TERM: '4', logname: '5', HOMES: '6', ſHELL: '7' })
  assert.is(names(childEnvironment(server, { ...all, inherit: 'core' }, new Map())), 'LC_ALL Path logname')
})

// With exponential time it would not end.
test('a hostile pattern takes no exponential time', () => {
  assert.not(wildcard('*a'.repeat(200) + 'b')('a'.repeat(5000)))
  assert.ok(wildcard('*'.repeat(50_000))('a'.repeat(50_000)))
  assert.not(wildcard('*?'.repeat(500) + 'b')('a'.repeat(5000)))
})

test.full('a hostile pattern takes time for each character of the name, and for each of its own', () => {
  for (const unit of ['*a', '*?', '*']) {
    const long = wildcard(unit.repeat(200) + 'b')
    assertLinear(`names for ${unit}`, 5000, (size) => {
      const name = 'a'.repeat(size)
      return () => assert.not(long(name))
    })
    const name = 'a'.repeat(20_000)
    assertLinear(`patterns of ${unit}`, 100, (size) => {
      const matches = wildcard(unit.repeat(size) + 'b')
      return () => assert.not(matches(name))
    })
  }
})

test('long patterns on long names, and many on many, are refused before any is applied', () => {
  const named = (names: readonly string[]) => new Map(names.map((name) => [name, '']))
  const policies = [
    { ...all, set: named(['a'.repeat(40_000)]), includeOnly: [`*${'a'.repeat(20_000)}b`] },
    {
      ...all,
      set: named(Array.from({ length: 10_000 }, (_, index) => `name_${index}`)),
      includeOnly: Array.from({ length: 5000 }, (_, index) => `*x${index}`),
    },
  ]
  // A message may be a hundred times as large, and the whole server waits while it is worked on.
  for (const policy of policies) {
    assert.throws(
      () => childEnvironment(new Map(), policy, new Map()),
      (error: unknown) => error instanceof RpcError && error.message.includes('too many or too long patterns'),
    )
  }
})

test.run()
