import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { formatToml, isTable, parseToml, tableOf } from '../../../src/core/codex-config/toml.ts'
import { anyCharacter } from '../../support/characters.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const key = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a.b', '', '\x7f', 'until'),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: anyCharacter }).filter((text) => text.isWellFormed()),
    integer,
    fc.double(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(tableOf),
  ),
}))
const document = fc.array(fc.tuple(key, value), { maxLength: 5 }).map(tableOf)

/** Tables as lists, for a comparison that is not led astray by keys such as `constructor`. */
const listed = (value: unknown): unknown =>
  isTable(value)
    ? { table: Object.entries(value).map(([name, member]) => [name, listed(member)]) }
    : Array.isArray(value)
      ? value.map(listed)
      : value

test('what is written is read back as it was, in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(document, async (table) =>
      assert.equal(listed(await parseToml(formatToml(table), 'f')), listed(table)),
    ),
    { numRuns: 500 },
  )
})

const KEPT = [
  'a = 1979-05-27T00:32:00.999999-07:00',
  'a = 1979-05-27T07:32:00+00:00',
  'a = 1979-05-27T07:32:00.5',
  'a = 1979-05-27',
  'a = 07:32:00.123456789',
  'a = 9223372036854775807',
  'a = -9223372036854775808',
  'a = 10.0',
  'a = -0.0',
  'a = 1e+21',
  'a = 5e-324',
  'a = inf',
  'a = -inf',
  'a = nan',
  'a = "\\u0000\\u007F\\n\\"\\\\é😀"',
  'a = [1, "x", [], {}, 1.5, 1979-05-27, {"b" = [{"c" = 1}]}]',
]
for (const text of KEPT) {
  test(`a value keeps its type and all of its digits: ${text}`, async () => {
    assert.is(formatToml(await parseToml(text, 'f')), `"a"${text.slice(1)}\n`)
  })
}

test('headers and dotted keys come to the same as braces', async () => {
  const headers = '[a.b]\nx = 1\n[[a.c]]\ny.z = 2\n[[a.c]]\n[d]\n'
  assert.is(
    formatToml(await parseToml(headers, 'f')),
    '"a" = {"b" = {"x" = 1}, "c" = [{"y" = {"z" = 2}}, {}]}\n"d" = {}\n',
  )
})

test('a long name over many tables is written as often as it was read', async () => {
  const name = 'k'.repeat(10_000)
  const text = `[${name}]\n${Array.from({ length: 1000 }, (_, index) => `x${index} = {}\n`).join('')}`
  assert.ok(formatToml(await parseToml(text, 'f')).length < 2 * text.length)
})

const REFUSED: [string, string][] = [
  ['a = = 1', 'f:1:5: '],
  ['\na = 1\na = 2', 'f:3:1: '],
  ['a = "x', 'f:1:'],
  ['a = 2021-02-30', 'f:1:5: '],
  ['a = 9223372036854775808', 'f: an integer is beyond 64 bits'],
  ['a = [{b = 0xffffffffffffffff}]', 'f: an integer is beyond 64 bits'],
  [`a = ${'['.repeat(81)}${']'.repeat(81)}`, 'f: values are nested too deeply'],
  [`a = ${'['.repeat(100_000)}`, 'f:1:'],
  [`${'a.'.repeat(100_000)}a = 1`, 'f: values are nested too deeply'],
]
for (const [text, beginning] of REFUSED) {
  test(`what is no TOML, or more than others read, is an error with its position: ${text.slice(0, 40).trim()}`, async () => {
    try {
      await parseToml(text, 'f')
      assert.unreachable()
    } catch (error) {
      assert.ok((error as Error).message.startsWith(beginning), (error as Error).message)
      assert.not.match((error as Error).message, '\n')
    }
  })
}

test('an error does not quote the file', async () => {
  const secret = 'sk-1234567890'
  for (const text of [
    `token = "${secret}"\nx = = 1`,
    `token = ${secret}`,
    `token = "${secret}`,
    `${secret}`,
    `"${secret}" = 1\n"${secret}" = 2`,
    `a = 1${secret}`,
    `[${secret}`,
    `a = 12:${secret}`,
  ]) {
    try {
      await parseToml(text, 'f')
      assert.unreachable(text)
    } catch (error) {
      assert.not.match((error as Error).message, secret)
    }
  }
})

test('80 tables or arrays in one another are read', async () => {
  for (const text of [`a = ${'['.repeat(80)}${']'.repeat(80)}\n`, `a = ${'{a = '.repeat(79)}{}${'}'.repeat(79)}\n`]) {
    const document = await parseToml(text, 'f')
    assert.equal(await parseToml(formatToml(document), 'f'), document)
  }
})

test.run()
