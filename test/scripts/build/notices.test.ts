/** The licence notices of what is inside the executable. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { collectNotices, packagesOf } from '../../../scripts/build/notices.ts'
import { cacheFolder } from '../../../scripts/build/npm-package.ts'
import { RUNTIME_VERSION, RUNTIMES } from '../../../scripts/build/targets.ts'
import { root } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('packages are found by the paths of their files, with scopes and inside each other', () => {
  const files = [
    'src/main.ts',
    'node_modules/ws/lib/a.js',
    'node_modules/ws/b.js',
    '../x/node_modules/@hono/node-ws/c.js',
  ]
  assert.equal(packagesOf(files), ['ws', '@hono/node-ws'])
  assert.equal(packagesOf(['node_modules/a/node_modules/b/c.js']), ['b'])
})

test('each package has a notice, also one without a licence file; glibc where it comes along; Node last', () => {
  const libraries = temporaryFolder()
  writeFileSync(join(libraries, 'COPYRIGHT.libc6'), 'notice of glibc')
  const text = collectNotices(root, ['ws', '@hono/node-ws'], libraries)
  assert.match(text, /@hono\/node-ws\n=+\n\nVersion \S+, licence MIT\./)
  assert.match(text, /\nws\n=+\n\nCopyright \(c\) 2011/)
  assert.match(text, /Debian's libc6, .*\n=+\n\nnotice of glibc\n/)
  assert.ok(text.indexOf('notice of glibc') < text.indexOf('Node.js is licensed'))
})

test('a package that says nothing of its licence fails the build', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'LICENSE'), 'own')
  mkdirSync(join(folder, 'node_modules', 'silent'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'silent', 'package.json'), '{}')
  assert.throws(() => collectNotices(folder, ['silent']), 'silent says nothing about its licence')
})

test("Node's notices are those of the runtimes", () => {
  const kept = Object.values(RUNTIMES)
    .map(({ name }) => join(cacheFolder(root), `${name}-${RUNTIME_VERSION}`, 'package', 'LICENSE'))
    .filter((path) => existsSync(path))
  if (kept.length === 0) skip('no runtime was downloaded')
  const own = readFileSync(join(root, 'scripts', 'build', 'licenses', `node-${RUNTIME_VERSION}.txt`))
  for (const path of kept) assert.ok(readFileSync(path).equals(own), path)
})

test.run()
