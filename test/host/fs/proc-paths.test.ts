/** Paths and open files of process file systems. */
import { closeSync, openSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { cameThroughProc, leadsThroughProc } from '../../../src/host/fs/proc-paths.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const onLinux = process.platform === 'linux' ? test : (test.skip as typeof test)

onLinux('a path leads through /proc by any name, link or parent', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  symlinkSync('/proc/self', join(folder, 'self'))
  symlinkSync('self/environ', join(folder, 'environ'))
  symlinkSync('/proc/self/root', join(folder, 'root'))
  symlinkSync('../../../../../../proc', join(folder, 'relative'))
  symlinkSync('circle', join(folder, 'circle'))
  for (const path of [
    '/proc',
    '/proc/self/environ',
    '//proc/./1',
    '/tmp/../proc/1/maps',
    '/dev/fd/0',
    '/dev/stdin',
    join(folder, 'self'),
    join(folder, 'environ'),
    join(folder, 'self', 'fd', '0'),
    join(folder, 'root', 'etc', 'passwd'),
    join(folder, 'relative', 'version'),
  ])
    assert.is(await leadsThroughProc(path), true, path)
  for (const path of [
    '/',
    '/etc/passwd',
    '/dev/null',
    '/sys',
    join(folder, 'file'),
    join(folder, 'circle'),
    '/no/file',
  ])
    assert.is(await leadsThroughProc(path), false, path)
})

onLinux('an open file that was reached through /proc differs from one that was opened by name', async () => {
  const opened = async (path: string): Promise<boolean> => {
    const fd = openSync(path, 'r')
    try {
      return await cameThroughProc(fd)
    } finally {
      closeSync(fd)
    }
  }
  const path = join(temporaryFolder(), 'file')
  writeFileSync(path, '')
  assert.is(await opened(path), false)
  assert.is(await opened('/proc/self/environ'), true)
  assert.is(await opened('/proc/self/mem'), true)
  const fd = openSync(path, 'r')
  // The same file, which its name leads to as well.
  assert.is(await opened(`/proc/self/fd/${fd}`), false)
  unlinkSync(path)
  if (!isDeno) assert.is(await opened(`/proc/self/fd/${fd}`), true)
  closeSync(fd)
})

test.run()
