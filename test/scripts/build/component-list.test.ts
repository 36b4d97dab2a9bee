/** The list of components of a release. */
import * as assert from 'uvu/assert'
import { componentList } from '../../../scripts/build/component-list.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

// npm takes a second or two.
test.full('it holds what is inside, Node included, and nothing that is only for development', () => {
  const bom = JSON.parse(componentList(root, ['hono', 'ws', 'node-pty']))
  const names = bom.components.map(({ name }: { name: string }) => name)
  assert.equal([...names].sort(), ['hono', 'node', 'node-pty', 'ws'])
  assert.is(bom.metadata.component.name, 'exec-server')
  const refs = bom.dependencies.map(({ ref }: { ref: string }) => ref.replace(/@[^@]*$/, ''))
  assert.equal(refs.sort(), ['exec-server', 'hono', 'node-pty', 'ws'])
})

test.full('a package that npm does not know fails the release', () => {
  assert.throws(() => componentList(root, ['no-such-package']), 'npm knows no no-such-package')
})

test.run()
