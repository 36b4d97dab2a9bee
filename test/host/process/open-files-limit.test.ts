/** The commands' limit of open files. The executable's is shown by test/e2e/odd-devboxes. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { hasFreeDescriptors } from '../../../src/host/ffi/libc.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const onLinux = process.platform === 'linux' && !('Deno' in globalThis) ? test : test.skip

onLinux('descriptors are free below a limit that is far above those in use, and not below one that is in use', () => {
  assert.is(hasFreeDescriptors(16, 100_000n), true)
  assert.is(hasFreeDescriptors(1, 3n), false)
  assert.is(hasFreeDescriptors(16, 100_000n, {}), false)
})

const PROGRAM = `
import { execFileSync } from 'node:child_process'
import { openFilesLimits, withOpenFilesLimit } from '${join(root, 'src/host/process/open-files-limit.ts')}'
const before = openFilesLimits()
const look = () => ({ pid: undefined, soft: execFileSync('/bin/sh', ['-c', 'ulimit -Sn'], { encoding: 'utf8' }) })
const { soft } = withOpenFilesLimit(look)
console.log(JSON.stringify([Number(before.commands), Number(soft), openFilesLimits().soft === before.soft]))
`

onLinux('a program that raised its limit gives commands that of its parent, and keeps its own', () => {
  // The shell stays, as the parent that still has the limit.
  const script = 'ulimit -Sn 200; "$0" --disable-warning=ExperimentalWarning --input-type=module -e "$1"; exit'
  const { stdout, stderr } = spawnSync('/bin/sh', ['-c', script, process.execPath, PROGRAM], { encoding: 'utf8' })
  assert.is(stderr, '')
  assert.equal(JSON.parse(stdout), [200, 200, true])
})

test.run()
