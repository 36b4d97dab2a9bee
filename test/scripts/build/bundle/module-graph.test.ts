/** Which module of the bundle is in which part. */
import * as assert from 'uvu/assert'
import { divide, moduleGraph } from '../../../../scripts/build/bundle/module-graph.ts'
import { COPIED, PARTS } from '../../../../scripts/build/bundle/parts.ts'
import { test } from '../../../support/suite.ts'

/** A graph from lines such as `main: base, ~server`, where `~` is an import on demand. */
function graphOf(lines: readonly string[]): ReturnType<typeof moduleGraph> {
  const inputs = lines.map((line) => {
    const [path = '', imported = ''] = line.split(': ')
    const imports = imported
      .split(', ')
      .filter((name) => name !== '')
      .map((name) => ({
        path: name.replace('~', ''),
        kind: name.startsWith('~') ? ('dynamic-import' as const) : ('import-statement' as const),
      }))
    return [path, { bytes: 1, imports }] as const
  })
  return moduleGraph({ inputs: Object.fromEntries(inputs), outputs: {} })
}

const GRAPH = graphOf([
  'main: base, ~src/server, ~src/tools/a',
  'base',
  'src/server: base, shared, lib/copied/x, ~src/tools/b',
  'shared: node:fs',
  'src/tools/a: shared, only-a',
  'src/tools/b: ~other',
  'only-a',
  'other: lib/copied/x',
  'lib/copied/x',
])
const TABLE = [
  { name: 'first', roots: ['main'] },
  { name: 'second', roots: ['src/server'] },
  { name: 'third', roots: ['src/tools/'] },
  { name: 'last', roots: [] },
]

test('a module is in the first part that needs it, and what no part names in the last', () => {
  const { partOf } = divide(GRAPH, TABLE, ['lib/copied/'])
  assert.equal(Object.fromEntries(partOf), {
    main: 'first',
    base: 'first',
    'src/server': 'second',
    shared: 'second',
    'src/tools/a': 'third',
    'only-a': 'third',
    'src/tools/b': 'third',
    other: 'last',
  })
})

test('a part offers what other parts import from it', () => {
  const { usedByOthers } = divide(GRAPH, TABLE, ['lib/copied/'])
  assert.equal(Object.fromEntries(usedByOthers), {
    first: ['base'],
    second: ['shared', 'src/server'],
    third: ['src/tools/a', 'src/tools/b'],
    last: ['other'],
  })
})

test('no module needs one of a later part at once', () => {
  const order = TABLE.map(({ name }) => name)
  const { partOf } = divide(GRAPH, TABLE, ['lib/copied/'])
  for (const [path, imports] of GRAPH)
    for (const each of imports) {
      const [own, other] = [partOf.get(path), partOf.get(each.path)]
      if (own === undefined || other === undefined || each.isOnDemand) continue
      assert.ok(order.indexOf(other) <= order.indexOf(own), `${path} in ${own} needs ${each.path} in ${other}`)
    }
})

test('a root that the bundle does not have is an error', () => {
  assert.throws(() => divide(GRAPH, [{ name: 'first', roots: ['main', 'src/gone'] }], []), /has no src\/gone/)
  assert.throws(() => divide(GRAPH, [{ name: 'first', roots: ['src/gone/'] }], []), /has no src\/gone\//)
})

test('packages in node_modules are found where that is a link out of the checkout', () => {
  const graph = graphOf(['main: ~../elsewhere/node_modules/yaml/index.js', '../elsewhere/node_modules/yaml/index.js'])
  const parts = [
    { name: 'first', roots: ['main'] },
    { name: 'second', roots: ['node_modules/yaml/'] },
  ]
  assert.is(divide(graph, parts, []).partOf.get('../elsewhere/node_modules/yaml/index.js'), 'second')
})

test('the parts have different names, and the first one the main script', () => {
  assert.is(new Set(PARTS.map(({ name }) => name)).size, PARTS.length)
  assert.ok(PARTS[0]?.roots.includes('src/main.ts'))
  assert.equal(PARTS.at(-1)?.roots, [])
  for (const folder of COPIED) assert.match(folder, /\/$/)
})

test.run()
