import * as assert from 'uvu/assert'
import { RUNTIME_VERSION } from '../../../scripts/build/targets.ts'
import { sbom, selectComponents } from '../../../scripts/release/sbom.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

type Bom = {
  serialNumber?: string
  metadata: { timestamp: string; component: { name: string; 'bom-ref': string } }
  components: { name: string; version: string }[]
  dependencies: { ref: string; dependsOn: string[] }[]
}

const PACKAGES = ['hono', 'ws', 'jose', 'valibot', 'smol-toml', 'node-pty', '@hono/node-server', '@hono/node-ws']

test('the bill of materials has the packages that are built in and Node, and nothing for development', () => {
  const { components, dependencies, metadata, serialNumber } = JSON.parse(sbom(root, PACKAGES, 1_700_000_000)) as Bom
  assert.equal(components.map(({ name }) => name).sort(), [...PACKAGES, 'node'].sort())
  assert.is(components.find(({ name }) => name === 'node')?.version, RUNTIME_VERSION)
  assert.is(metadata.component.name, 'exec-server')
  const own = dependencies.find(({ ref }) => ref === metadata.component['bom-ref'])
  assert.ok(own?.dependsOn.includes(`pkg:generic/node@${RUNTIME_VERSION}`))
  // It is the same each time: no random number, and the time of the commit.
  assert.is(serialNumber, undefined)
  assert.is(metadata.timestamp, '2023-11-14T22:13:20.000Z')
})

const component = (name: string): { type: string; name: string; version: string; 'bom-ref': string } => ({
  type: 'library',
  name,
  version: '1.0.0',
  'bom-ref': `${name}@1.0.0`,
})

const bom = {
  metadata: { timestamp: 'now', component: component('folder') },
  components: [component('a'), component('b')],
  dependencies: [
    { ref: 'folder@1.0.0', dependsOn: ['a@1.0.0', 'b@1.0.0'] },
    { ref: 'a@1.0.0', dependsOn: ['b@1.0.0'] },
  ],
}

test('dependencies on packages that are left out are left out, too', () => {
  const { dependencies } = selectComponents(bom, 'exec-server', ['a'], 0)
  assert.equal(dependencies.slice(0, 2), [
    { ref: 'folder@1.0.0', dependsOn: ['a@1.0.0', `pkg:generic/node@${RUNTIME_VERSION}`] },
    { ref: 'a@1.0.0', dependsOn: [] },
  ])
})

test('a package that npm does not know is an error', () => {
  assert.throws(() => selectComponents(bom, 'exec-server', ['a', 'c'], 0), /npm knows no c/)
})

test.run()
