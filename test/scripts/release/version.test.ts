import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { releaseVersion, withVersion } from '../../../scripts/release/version.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** A checkout of which only what has a version is there. */
function checkout({ constant = '1.2.3', lock = '1.2.3', changelog = '## 1.2.3 (2026-12-01)' } = {}): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'src', 'base'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.2.3' }))
  writeFileSync(
    join(folder, 'package-lock.json'),
    JSON.stringify({ version: lock, packages: { '': { version: lock } } }),
  )
  writeFileSync(join(folder, 'src', 'base', 'version.ts'), `export const version = '${constant}'\n`)
  writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n${changelog}\n`)
  return folder
}

test('the version is that of package.json, where everything agrees with it', () => {
  assert.is(releaseVersion(checkout()), '1.2.3')
  assert.is(releaseVersion(checkout(), 'v1.2.3'), '1.2.3')
})

test('this checkout agrees with itself', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is(releaseVersion(root), version)
})

test('another version in the sources, the lock file or the tag fails the release', () => {
  assert.throws(() => releaseVersion(checkout({ constant: '1.2.2' })), /src\/base\/version.ts says 1.2.2/)
  assert.throws(() => releaseVersion(checkout({ lock: '1.2.2' })), /package-lock.json says 1.2.2/)
  assert.throws(() => releaseVersion(checkout(), 'v1.2.4'), /the tag v1.2.4 says 1.2.4/)
})

test('a tag needs a section in the changelog that is released', () => {
  const unreleased = checkout({ changelog: '## 1.2.3 (unreleased)' })
  assert.is(releaseVersion(unreleased), '1.2.3')
  assert.throws(() => releaseVersion(unreleased, 'v1.2.3'), /says that 1.2.3 is unreleased/)
  assert.throws(() => releaseVersion(checkout({ changelog: '## 1.2.2' }), 'v1.2.3'), /not that of 1.2.3/)
})

test('the constant follows package.json', () => {
  assert.is(
    withVersion("/** x */\nexport const version = '1.2.3'\n", '2.0.0'),
    "/** x */\nexport const version = '2.0.0'\n",
  )
})

test.run()
