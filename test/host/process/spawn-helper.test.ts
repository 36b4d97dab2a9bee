/** The program that starts children on terminals of macOS. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { spawnHelper } from '../../../src/host/process/spawn-helper.ts'
import { isDeno, root } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('it is written executable for this user only, to a folder that goes with the process', () => {
  if (isDeno) skip('only the executable writes it')
  const TMPDIR = temporaryFolder()
  const script = `
    import { statSync } from 'node:fs'
    import { spawnSync } from 'node:child_process'
    import { writeSpawnHelper } from '${join(root, 'src', 'host', 'process', 'spawn-helper.ts')}'
    const path = writeSpawnHelper(new TextEncoder().encode('#!/bin/sh\\necho started'))
    const { mode } = statSync(path)
    console.log(JSON.stringify([path, (mode & 0o777).toString(8), spawnSync(path, { encoding: 'utf8' }).stdout]))
  `
  const args = ['--input-type=module', '--eval', script]
  const { stdout, stderr } = spawnSync(process.execPath, args, { env: { TMPDIR, PATH: '/bin' }, encoding: 'utf8' })
  assert.is(stderr, '')
  const [path, mode, said] = JSON.parse(stdout)
  assert.ok(path.startsWith(TMPDIR))
  assert.equal([mode, said], ['700', 'started\n'])
  assert.not.ok(existsSync(path))
})

test('other systems do without', () => {
  if (process.platform === 'darwin') return assert.ok(existsSync(spawnHelper()))
  assert.is(spawnHelper(), '')
})

test.run()
