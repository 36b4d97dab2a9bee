import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sourceNotices } from '../../../src/cli/serve/source-notices.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('from source the licences are those of the project and of each package that it uses', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
  const titles = [...sourceNotices().matchAll(/^==== (.+)$/gm)].map(([, title]) => title)
  assert.equal(titles, ['exec-server', ...Object.keys(dependencies).sort(), 'The runtime'])
  assert.match(sourceNotices(), readFileSync(join(root, 'node_modules', 'ws', 'LICENSE'), 'utf8').trim())
  assert.not.match(sourceNotices(), /Not installed|undefined/)
})

test.run()
