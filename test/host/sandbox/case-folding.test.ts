/** Directories in which protected names have aliases. */
import { linkSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { foldsCase, refuseCaseFolding } from '../../../src/host/sandbox/case-folding.ts'
import type { Probe } from '../../../src/host/sandbox/case-folding.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const [EXT4, NINE_P, VFAT] = [0xef53, 0x01021997, 0x4d44]

/** A file system of these paths, below a root on another device. */
function fileSystem(type: number, folds: boolean, paths: readonly string[]): Probe {
  const key = (path: string): string => (folds ? path.toLowerCase() : path)
  return {
    names: (directory) =>
      paths.flatMap((path) => (path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [])),
    identity: (path) => {
      if (path === '/') return { device: 1n, inode: 1n }
      const index = paths.findIndex((one) => key(one) === key(path))
      return index < 0 ? undefined : { device: 2n, inode: BigInt(index) }
    },
    type: () => type,
  }
}

test('a name that leads to the same file in the other case tells, on whatever file system', () => {
  for (const type of [EXT4, NINE_P, VFAT]) {
    assert.is(foldsCase('/w', fileSystem(type, true, ['/w', '/w/.git'])), true)
    assert.is(foldsCase('/w', fileSystem(type, false, ['/w', '/w/.git'])), false)
    assert.is(foldsCase('/w', fileSystem(type, true, ['/w', '/w/12', '/w/Makefile'])), true)
  }
})

test('an empty directory is judged by its own name, and the top of a disk that mostly folds case is refused', () => {
  assert.is(foldsCase('/c/work', fileSystem(NINE_P, true, ['/c', '/c/work'])), true)
  assert.is(foldsCase('/c/work', fileSystem(NINE_P, false, ['/c', '/c/work'])), false)
  assert.is(foldsCase('/c', fileSystem(VFAT, false, ['/c'])), true)
  assert.is(foldsCase('/c', fileSystem(EXT4, false, ['/c'])), false)
})

test('on this disk, which distinguishes them, hard links and pairs of names do not mislead', () => {
  const folder = temporaryFolder()
  assert.is(foldsCase(folder), false)
  mkdirSync(join(folder, '.git'))
  writeFileSync(join(folder, 'a'), '')
  linkSync(join(folder, 'a'), join(folder, 'A'))
  assert.is(foldsCase(folder), false)
  assert.is(foldsCase(join(folder, 'a')), false)
})

test('a plan that makes such a directory writable is refused, and one that only reads it is not', () => {
  const probe = fileSystem(NINE_P, true, ['/c', '/c/work', '/c/work/src'])
  const judge = (writable: boolean): void =>
    refuseCaseFolding(
      { base: 'readable', links: [], forbidden: [], mounts: [{ kind: 'bind', path: '/c/work', writable }] },
      probe,
    )
  assert.throws(() => judge(true), /cannot protect \.git .*\/c\/work/)
  judge(false)
})

test.run()
