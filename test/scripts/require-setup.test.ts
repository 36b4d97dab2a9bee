/** What a person reads who runs a script before everything is installed. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { atEnd } from '../support/scope.ts'
import { isDeno, root } from '../support/server.ts'
import { test } from '../support/suite.ts'

/** A checkout of which only the script is there. */
function checkout(): { folder: string; run(): { status: number | null; stderr: string } } {
  const folder = mkdtempSync(join(tmpdir(), 'setup-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'scripts'))
  const script = join(folder, 'scripts', 'require-setup.cjs')
  copyFileSync(join(root, 'scripts', 'require-setup.cjs'), script)
  const args = [...(isDeno ? ['run', '-A', '--node-modules-dir=none'] : []), script]
  return { folder, run: () => spawnSync(process.execPath, args, { encoding: 'utf8' }) }
}

test('without node_modules one line says to run npm ci', () => {
  const { status, stderr } = checkout().run()
  assert.is(status, 1)
  assert.match(stderr, /^exec-server: node_modules is missing: run `npm ci`\n$/)
})

test('after npm ci --ignore-scripts one line names the flag', () => {
  const { folder, run } = checkout()
  mkdirSync(join(folder, 'node_modules', 'node'), { recursive: true })
  const { status, stderr } = run()
  assert.is(status, 1)
  assert.match(stderr, /^exec-server: .* run `npm ci` without --ignore-scripts\n$/)
})

test('where everything is installed it says nothing', () => {
  const { folder, run } = checkout()
  mkdirSync(join(folder, 'node_modules', 'node', 'bin'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'node', 'bin', 'node'), '')
  const { status, stderr } = run()
  // Deno tells of an older Node than ours.
  if (!isDeno) assert.equal([status, stderr], [0, ''])
})

test.run()
