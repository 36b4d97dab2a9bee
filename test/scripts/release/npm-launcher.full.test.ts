/** What `npx exec-server` starts: with stand-ins for the executable, on the Node of the tests and on an older one. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { isDeno, root } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { olderNode } from './older-node.ts'

const test = suite('the launcher of the npm package')
const packaged = join(root, 'node_modules', '.bin', 'node')

/** The launcher in a folder, with the platform's package beside it if there is a program for it. */
function launcher(program?: string): string {
  const folder = temporaryFolder()
  const bin = join(folder, 'node_modules', `exec-server-${process.platform}-${process.arch}`, 'bin')
  mkdirSync(bin, { recursive: true })
  if (program !== undefined) writeFileSync(join(bin, 'exec-server'), `#!/bin/sh\n${program}\n`, { mode: 0o755 })
  copyFileSync(join(root, 'scripts', 'release', 'npm', 'exec-server.cjs'), join(folder, 'exec-server.cjs'))
  return join(folder, 'exec-server.cjs')
}

/** The Node that the tests run with, which can become another program, and one that cannot. */
const NODES: readonly (readonly [string, () => string])[] = [
  ['Node 26', () => execFileSync(packaged, ['-p', 'process.execPath'], { encoding: 'utf8' }).trim()],
  ['Node 20', () => olderNode() ?? skip('no older Node')],
]

for (const [name, find] of NODES) {
  test(`on ${name} it passes on arguments, stdin and the exit code, and says nothing itself`, () => {
    const file = launcher('echo "$@"; cat; exit 7')
    const { status, stdout, stderr } = spawnSync(find(), [file, 'run', '--', 'a b'], { input: 'in', encoding: 'utf8' })
    assert.equal({ status, stdout, stderr }, { status: 7, stdout: 'run -- a b\nin', stderr: '' })
  })

  test(`on ${name} signals reach the executable, and it ends as that does`, async () => {
    const file = launcher("trap 'echo interrupted; kill -TERM $$' INT; echo ready; while :; do sleep 0.01; done")
    const child = endWithTest(spawn(find(), [file], { stdio: ['ignore', 'pipe', 'inherit'] }))
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    assert.is(first.toString(), 'ready\n')
    child.kill('SIGINT')
    const [second] = (await once(child.stdout, 'data')) as [Buffer]
    assert.is(second.toString(), 'interrupted\n')
    assert.equal(await once(child, 'close'), [null, 'SIGTERM'])
  })
}

test('without the package for this platform it says which one is missing', () => {
  if (isDeno) skip('the launcher is for Node')
  const { status, stdout, stderr } = spawnSync(packaged, [launcher()], { encoding: 'utf8' })
  assert.equal({ status, stdout }, { status: 1, stdout: '' })
  assert.match(stderr, /^exec-server: the package exec-server-\S+ is missing: .*\n$/)
})

test.run()
