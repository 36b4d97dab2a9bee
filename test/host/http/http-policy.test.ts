import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { openPolicy, parseHttpPolicy, readHttpPolicy } from '../../../src/host/http/http-policy.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const policy = (rules: { allow?: string[]; deny?: string[] }) => parseHttpPolicy(JSON.stringify(rules))

/** Whether a literal address, as a URL's parser leaves it, is allowed. */
const allowsUrl = (rules: { allow?: string[]; deny?: string[] }, url: string): boolean => {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
  return policy(rules).allows(host, host)
}

test('without rules everybody may be talked to', () => {
  for (const each of [openPolicy, policy({}), policy({ deny: [] })]) {
    assert.ok(each.allows('x.test', '169.254.169.254'))
    assert.not(each.needsAddress('x.test'))
  }
})

test('rules that cannot be read are refused, each with a word on what is wrong', () => {
  const wrong = [
    '',
    'x',
    '[]',
    '5',
    'null',
    '{"denied":[]}',
    '{"allow":"x"}',
    '{"deny":[5]}',
    '{"allow":null}',
    '{"deny":null}',
    '{"allow":{}}',
  ]
  for (const text of wrong)
    assert.throws(
      () => parseHttpPolicy(text),
      (error: Error) => error.message.length > 0,
      text,
    )
  assert.throws(() => parseHttpPolicy('{"deny":[5]}'), /deny/)
  const rules = [
    '',
    ' ',
    'http://x',
    'x:80',
    'a b',
    '*.',
    '*x',
    'x.*',
    '10.*',
    '**',
    '-x',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/x',
    '10.0.0.0/8/8',
    '::1/129',
    '10.0.0.0/-1',
    '[::1',
    'bücher.test',
    '.x',
  ]
  for (const rule of rules) {
    for (const kind of ['allow', 'deny']) {
      assert.throws(
        () => policy({ [kind]: [rule] }),
        (error: Error) => error.message.includes(rule),
        rule,
      )
    }
  }
})

test('a rule that no host can match is refused: a denial that denies nothing is a trap', () => {
  // A URL's parser makes addresses of these, so that no host is ever called so.
  for (const rule of ['127.1', '10.0', '2130706433', '0x7f.1', '0x7f000001', '1.2.3.4.5', 'x.127']) {
    assert.throws(() => policy({ deny: [rule] }), undefined, rule)
  }
})

test('rules come as JSON or from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'policy-'))
  const path = join(folder, 'rules.json')
  writeFileSync(path, '{"deny":["x.test"]}\n')
  for (const given of [path, ' {"deny":["x.test"]}']) {
    assert.not(readHttpPolicy(given).allows('x.test', '1.2.3.4'))
    assert.ok(readHttpPolicy(given).allows('y.test', '1.2.3.4'))
  }
  writeFileSync(path, 'deny x')
  assert.throws(() => readHttpPolicy(path))
  rmSync(folder, { recursive: true })
  assert.throws(() => readHttpPolicy(path), /ENOENT/)
})

test('a name is a name in any case, with or without its last dot', () => {
  for (const rule of ['Api.Test', 'api.test.', 'API.TEST']) {
    for (const host of ['api.test', 'API.test', 'api.test.']) {
      assert.not(policy({ deny: [rule] }).allows(host, '1.2.3.4'), `${rule} ${host}`)
    }
    for (const host of ['test', 'x.api.test', 'xapi.test', 'api.test.x', 'api']) {
      assert.ok(policy({ deny: [rule] }).allows(host, '1.2.3.4'), `${rule} ${host}`)
    }
  }
})

test('*.NAME is what is below the name, not the name; * is everybody', () => {
  for (const host of ['a.corp.test', 'A.B.Corp.Test.', 'x.corp.test']) {
    assert.not(policy({ deny: ['*.corp.test'] }).allows(host, '1.2.3.4'), host)
  }
  for (const host of ['corp.test', 'xcorp.test', 'corp.test.x'])
    assert.ok(policy({ deny: ['*.corp.test'] }).allows(host, '1.2.3.4'), host)
  for (const host of ['x', '1.2.3.4', '::1', 'a.b.']) assert.not(policy({ deny: ['*'] }).allows(host, '1.2.3.4'), host)
})

test('an address is denied under whatever name it comes', () => {
  const rules = policy({ deny: ['169.254.0.0/16', '10.1.2.3', 'fd00::/8', '::1'] })
  for (const address of [
    '169.254.169.254',
    '169.254.0.0',
    '169.254.255.255',
    '10.1.2.3',
    'fd12::1',
    '::1',
    '0:0:0:0:0:0:0:1',
  ]) {
    assert.not(rules.allows('innocent.test', address), address)
  }
  for (const address of ['169.253.255.255', '169.255.0.0', '10.1.2.2', '10.1.2.4', 'fe00::1', '::2', '8.8.8.8']) {
    assert.ok(rules.allows('innocent.test', address), address)
  }
  assert.ok(rules.needsAddress('innocent.test'))
})

test('with allow, what neither name nor address matches is refused, and deny wins', () => {
  const rules = policy({ allow: ['api.test', '10.1.0.0/16'], deny: ['10.1.2.0/24', 'bad.api.test', '*.evil.test'] })
  assert.ok(rules.allows('api.test', '8.8.8.8'))
  assert.ok(rules.allows('other.test', '10.1.0.1'))
  assert.ok(rules.allows('10.1.0.1', '10.1.0.1'))
  assert.not(rules.allows('other.test', '8.8.8.8'))
  assert.not(rules.allows('api.test', '10.1.2.3'))
  assert.not(rules.allows('x.evil.test', '10.1.0.1'))
  assert.not(policy({ allow: [] }).allows('api.test', '8.8.8.8'))
})

test('an address is needed only where it may decide', () => {
  for (const [rules, host, needed] of [
    [{ deny: ['x.test'] }, 'x.test', false],
    [{ deny: ['x.test'] }, 'y.test', false],
    [{ deny: ['10.0.0.0/8'] }, 'y.test', true],
    [{ deny: ['10.0.0.0/8', 'x.test'] }, 'x.test', false],
    [{ allow: ['x.test'] }, 'x.test', false],
    [{ allow: ['x.test'] }, 'y.test', false],
    [{ allow: ['x.test', '10.0.0.0/8'] }, 'x.test', false],
    [{ allow: ['x.test', '10.0.0.0/8'] }, 'y.test', true],
    [{ allow: ['x.test'], deny: ['10.0.0.0/8'] }, 'x.test', true],
  ] as const) {
    assert.is(policy(rules as never).needsAddress(host), needed, `${JSON.stringify(rules)} ${host}`)
  }
})

test('every spelling of an address in a URL is that address', () => {
  const spellings = [
    '127.0.0.1',
    '0x7f.1',
    '2130706433',
    '127.1',
    '017700000001',
    '0x7F000001',
    '127.0.0.1.',
    '0177.0.0.0x1',
    '[::ffff:127.0.0.1]',
    '[::FFFF:7f00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[64:ff9b::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '１２７.0.0.1',
  ]
  for (const spelling of spellings) {
    assert.not(allowsUrl({ deny: ['127.0.0.0/8'] }, `http://${spelling}/`), `denied ${spelling}`)
    assert.ok(allowsUrl({ allow: ['127.0.0.1'] }, `http://${spelling}/`), `allowed ${spelling}`)
  }
  for (const spelling of ['128.0.0.1', '[::ffff:128.0.0.1]', '[64:ff9b::1:7f00:1]', '[::1]', '[1::7f00:1]']) {
    assert.ok(allowsUrl({ deny: ['127.0.0.0/8'] }, `http://${spelling}/`), spelling)
  }
})

test('an address of a scope is that address', () => {
  assert.not(policy({ deny: ['fe80::/10'] }).allows('x', 'fe80::1%eth0'))
})

test('a rule may spell an IPv4 address in IPv6, too', () => {
  for (const rule of ['::ffff:127.0.0.1', '::ffff:7f00:0/104', '[::ffff:127.0.0.1]']) {
    assert.not(allowsUrl({ deny: [rule] }, 'http://127.0.0.1/'), rule)
    assert.not(allowsUrl({ deny: [rule] }, 'http://[::ffff:127.0.0.1]/'), rule)
    assert.ok(allowsUrl({ deny: [rule] }, 'http://128.0.0.1/'), rule)
  }
  for (const rule of ['[::1]', '[::1]/128', '::1/128']) assert.not(allowsUrl({ deny: [rule] }, 'http://[::1]/'), rule)
})

test('the address that means this machine is denied with the loopback addresses', () => {
  for (const host of ['0.0.0.0', '0', '[::ffff:0.0.0.0]'])
    assert.not(allowsUrl({ deny: ['127.0.0.0/8'] }, `http://${host}/`), host)
  assert.not(allowsUrl({ deny: ['::1'] }, 'http://[::]/'))
})

test('a range of no bits is every address of its kind', () => {
  const four = policy({ deny: ['0.0.0.0/0'] })
  assert.equal(
    [four.allows('x', '1.2.3.4'), four.allows('x', '255.255.255.255'), four.allows('x', '2001:db8::1')],
    [false, false, true],
  )
  const six = policy({ deny: ['::/0'] })
  assert.not(six.allows('x', '2001:db8::1'))
})

// ---- against a model ----

type Address = number
const text4 = (address: Address): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
const address4 = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0x7f000001, 0x0a010203, 0x0a010204, 0xa9fea9fe, 0x0a020000),
)
/** Ways in which the same address may come. */
const spelt = fc.constantFrom(
  text4,
  (address: Address) => `::ffff:${text4(address)}`,
  (address: Address) => `64:ff9b::${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}`,
  (address: Address) =>
    `0000:0:0:0:0:FFFF:${(address >>> 16).toString(16).toUpperCase()}:${(address & 0xffff).toString(16)}`,
)
const label = fc.constantFrom('a', 'b', 'corp', 'test')
const hostName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))

type Rule = { text: string; matches: (host: string, address: Address) => boolean }
const rule: fc.Arbitrary<Rule> = fc.oneof(
  hostName.map((name) => ({ text: name, matches: (host: string) => host === name })),
  hostName.map((name) => ({ text: `*.${name}`, matches: (host: string) => host.endsWith(`.${name}`) })),
  fc.tuple(address4, fc.integer({ min: 0, max: 32 })).map(([base, bits]) => ({
    text: `${text4(base)}/${bits}`,
    matches: (_: string, address: Address) =>
      Math.floor(address / 2 ** (32 - bits)) === Math.floor(base / 2 ** (32 - bits)),
  })),
  address4.map((base) => ({ text: text4(base), matches: (_: string, address: Address) => address === base })),
)

test('whatever the rules: denied is what deny matches, and what allow, if there is one, does not', () => {
  const rules = fc.array(rule, { maxLength: 4 })
  const cased = fc.constantFrom(
    (name: string) => name,
    (name: string) => name.toUpperCase(),
    (name: string) => `${name}.`,
  )
  fc.assert(
    fc.property(
      fc.option(rules, { nil: undefined }),
      rules,
      hostName,
      address4,
      spelt,
      cased,
      (allow, deny, host, address, spell, write) => {
        const texts = (given: readonly Rule[]): string[] => given.map(({ text }) => text)
        const tested = policy({ deny: texts(deny), ...(allow === undefined ? {} : { allow: texts(allow) }) })
        // No address at all is this machine, as 127.0.0.1 is.
        const isIn = (given: readonly Rule[], at: Address): boolean =>
          given.some(({ matches }) => matches(host, at) || (at === 0 && matches(host, 0x7f000001)))
        const expected = (at: Address): boolean => !isIn(deny, at) && (allow === undefined || isIn(allow, at))
        assert.is(tested.allows(write(host), spell(address)), expected(address))
        if (!tested.needsAddress(write(host))) assert.is(expected(address), expected(0x08080808))
      },
    ),
    { numRuns: 500 },
  )
})

test.run()
