/** The platforms of the build, and what is downloaded for them. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { terminalAssets } from '../../../scripts/build/addon.ts'
import { verifyIntegrity } from '../../../scripts/build/npm-package.ts'
import { findTarget, RUNTIME_VERSION, TARGETS } from '../../../scripts/build/targets.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('the runtimes with checksums are of the version that package.json installs', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.is(RUNTIME_VERSION, devDependencies.node)
})

test('an unknown target is refused, and the known ones are named', () => {
  assert.throws(() => findTarget('plan9-x64'), /^plan9-x64 is not a target\. Targets: linux-x64, linux-arm64, /)
  assert.is(findTarget('linux-arm64-musl').isMusl, true)
})

test('node-pty has the files of each target, for macOS its helper, too', () => {
  for (const target of TARGETS) {
    const assets = terminalAssets(target)
    assert.equal(Object.keys(assets), target.platform === 'darwin' ? ['pty.node', 'spawn-helper'] : ['pty.node'])
    for (const path of Object.values(assets)) assert.ok(readFileSync(path).length > 1000)
  }
})

test('content with another checksum is refused', () => {
  const content = Buffer.from('content')
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`
  verifyIntegrity(content, integrity, 'a-package')
  assert.throws(
    () => verifyIntegrity(Buffer.from('Content'), integrity, 'a-package'),
    /^a-package has the checksum sha512-/,
  )
})

test.run()
