import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { keyTree, project, withoutKeys } from '../../../src/core/codex-config/key-paths.ts'
import { isTable, parseToml, tableOf } from '../../../src/core/codex-config/toml.ts'
import type { TomlTable } from '../../../src/core/codex-config/toml.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const key = fc.constantFrom('a', 'b', 'c', '__proto__')
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.array(fc.tuple(key, tie('value'))).map(tableOf),
  ),
}))
const document = fc.array(fc.tuple(key, value)).map(tableOf)
const paths = fc.array(fc.array(key, { minLength: 1, maxLength: 4 }), { maxLength: 4 })

/** The paths of all values that are no tables, or empty ones. */
function* leaves(value: unknown, path: string[] = []): Generator<[string[], unknown]> {
  if (isTable(value) && Object.keys(value).length > 0)
    for (const [name, member] of Object.entries(value)) yield* leaves(member, [...path, name])
  else yield [path, value]
}

const begins = (path: readonly string[], beginning: readonly string[]): boolean =>
  beginning.every((name, index) => path[index] === name)

test('a value is returned if a path leads to it, through it, or to a table around it, and no other is', () => {
  fc.assert(
    fc.property(document, paths, (table, asked) => {
      const told = Array.from(leaves(project(table, keyTree(asked)))).filter(([, value]) => !isTable(value))
      const expected = Array.from(leaves(table)).filter(
        ([path, value]) => !isTable(value) && asked.some((each) => begins(path, each) || begins(each, path)),
      )
      assert.equal(told, expected)
    }),
  )
})

test('the order of paths, and paths that others cover, make no difference', () => {
  fc.assert(
    fc.property(document, paths, (table, asked) => {
      const told = project(table, keyTree(asked))
      assert.equal(project(table, keyTree([...asked].reverse())), told)
      assert.equal(project(table, keyTree([...asked, ...asked.map((path) => [...path, 'a'])])), told)
      assert.equal(project(told, keyTree(asked)), told)
    }),
  )
})

const told = async (text: string, ...asked: string[][]): Promise<TomlTable> =>
  project(await parseToml(text, 'f'), keyTree(asked))
const table = (entries: Record<string, unknown>): TomlTable => tableOf(Object.entries(entries))

test('a table on the way stays, though nothing below it is asked for', async () => {
  assert.equal(await told('[a.b]\nc = 1', ['a', 'x']), table({ a: table({}) }))
  assert.equal(await told('[a]', ['a']), table({ a: table({}) }))
  assert.equal(await told('[a]', ['b']), table({}))
})

test('names are compared as they are: dots, case and objects of the language mean nothing', async () => {
  const text = '"a.b" = 1\nA = 2\n[a]\nb = 3'
  assert.equal(await told(text, ['a.b']), table({ 'a.b': 1n }))
  assert.equal(await told(text, ['a', 'b']), table({ a: table({ b: 3n }) }))
  assert.equal(await told(text, ['toString'], ['__proto__'], ['a', 'constructor']), table({ a: table({}) }))
})

test('arrays are not looked into', async () => {
  assert.equal(await told('[[a]]\nb = 1\n[[a]]\nc = 2', ['a', 'b']), table({ a: [table({ b: 1n }), table({ c: 2n })] }))
})

test('keys are left out by name', async () => {
  assert.equal(withoutKeys(await parseToml('a = 1\nb.a = 2\nc = 3', 'f'), ['a', 'c']), table({ b: table({ a: 2n }) }))
})

test.run()
