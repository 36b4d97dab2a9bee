import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isDeno, root } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder, writeFiles } from './fixture.ts'

const test = suite('compiling ahead')

if (isDeno) test.skip('all that test files import is in the cache, and none of it has run')
else {
  test('all that test files import is in the cache, and none of it has run', () => {
    const folder = temporaryFolder()
    const shout = "import { writeSync } from 'node:fs'\nwriteSync(1, 'ran\\n')\n"
    writeFiles(folder, {
      'package.json': '{ "type": "module" }',
      'imported.ts': `${shout}export const one: number = 1\n`,
      'one.test.ts': `import { one } from './imported.ts'\n${shout}export const two: number = one + 1\n`,
      'other.test.ts': `${shout}export const three: number = 3\n`,
    })
    const [one, other] = ['one.test.ts', 'other.test.ts'].map((file) => join(folder, file)) as [string, string]
    const cache = join(folder, 'cache')
    const node = (...args: string[]): string =>
      execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, NODE_COMPILE_CACHE: cache } })
    const cached = (): string[] => readdirSync(cache, { recursive: true, encoding: 'utf8' }).sort()

    assert.is(node(join(root, 'scripts', 'test', 'compile-ahead.ts'), one, other), '')
    const ahead = cached()
    assert.is(node('--import', other, one), 'ran\nran\nran\n')
    assert.equal(cached(), ahead)
  })
}

test.run()
