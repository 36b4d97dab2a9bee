/** Glob patterns of sources, and of what is left out. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { excluder, expandPattern, isPattern } from '../../../src/host/copy/patterns.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('a pattern matches names as in a shell, in several directories, and no leading dot', () => {
  const folder = temporaryFolder()
  for (const name of ['a', 'b']) mkdirSync(join(folder, name))
  for (const name of ['a/1.c', 'a/2.c', 'b/3.c', 'b/4.h', 'a/.5.c']) writeFileSync(join(folder, name), '')
  const names = (pattern: string): string[] =>
    expandPattern(join(folder, pattern)).map((path) => path.slice(folder.length + 1))
  assert.equal(names('*/*.c'), ['a/1.c', 'a/2.c', 'b/3.c'])
  assert.equal(names('a/[12].?'), ['a/1.c', 'a/2.c'])
  assert.equal(names('no*/x'), [])
  assert.equal([isPattern('/a/b'), isPattern('/a/*')], [false, true])
})

test('what is left out is a name, or with a slash a path', () => {
  const isExcluded = excluder(['*.o', 'build', 'docs/old/', '/x/*.c'])
  const paths = ['a.o', '.b.o', 'd/c.o', 'build', 'd/build', 'docs/old', 'x/y.c']
  assert.equal(paths.filter(isExcluded), paths)
  assert.equal(['a.c', 'builds', 'd/docs/old', 'x/y/z.c'].filter(isExcluded), [])
})

test.run()
