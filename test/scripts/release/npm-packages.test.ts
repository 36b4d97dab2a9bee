/** What the npm packages say of themselves. Installing them is tried in npm-install.full.test.ts. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findTarget, TARGETS } from '../../../scripts/build/targets.ts'
import { isPackaged, mainManifest, packageName, platformManifest } from '../../../scripts/release/npm-packages.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

test('exec-server depends on nothing but one optional package for each platform, of its own version', () => {
  const manifest = mainManifest(own) as Record<string, unknown>
  assert.is(manifest['dependencies'], undefined)
  assert.is(manifest['private'], undefined)
  assert.equal(manifest['optionalDependencies'], {
    'exec-server-linux-x64': own.version,
    'exec-server-linux-arm64': own.version,
    'exec-server-darwin-x64': own.version,
    'exec-server-darwin-arm64': own.version,
  })
})

test('the package of a platform is installed there only', () => {
  const { name, os, cpu, libc } = platformManifest(findTarget('linux-arm64'), own) as Record<string, unknown>
  assert.equal(
    { name, os, cpu, libc },
    { name: 'exec-server-linux-arm64', os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
  )
})

test('the launcher looks for the packages by their names', () => {
  const launcher = readFileSync(join(root, 'scripts', 'release', 'npm', 'exec-server.cjs'), 'utf8')
  assert.match(launcher, '`exec-server-${process.platform}-${process.arch}`')
  for (const target of TARGETS.filter(isPackaged))
    assert.is(packageName(target), `exec-server-${target.platform}-${target.arch}`)
})

test.run()
