/** The programs that come along for commands. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createRequire } from 'node:module'
import * as assert from 'uvu/assert'
import { bundledTools, toolsIn } from '../../../src/host/tools/bundled-tools.ts'
import { packagedRipgrepFolder, RIPGREP, ripgrepPackage } from '../../../src/host/tools/ripgrep.ts'
import { ripgrepOf } from '../../../scripts/build/ripgrep.ts'
import { TARGETS } from '../../../scripts/build/targets.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('from source, ripgrep is that of the package, and needs no unpacking', async () => {
  const tools = bundledTools()
  assert.is(tools?.folder, packagedRipgrepFolder())
  await tools?.provide()
  const path = join(tools?.folder ?? '', RIPGREP)
  accessSync(path, constants.X_OK)
  assert.match(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout, /^ripgrep \d+\./)
  assert.is(tools?.isOwn, false)
})

test('a command wants the tools if its PATH or an argument names their folder', () => {
  const tools = toolsIn("/home/o'neil/.cache/exec-server/rg-1", 'rg-1')
  const wants = (argv: string[], env: Record<string, string>): boolean =>
    tools.isWantedBy({ argv, env: new Map(Object.entries(env)) })
  assert.ok(wants(['ls'], { PATH: "/home/o'neil/.cache/exec-server/rg-1:/bin" }))
  assert.ok(wants(['sh', '-c', String.raw`PATH='/home/o'\''neil/.cache/exec-server/rg-1':$PATH; rg x`], {}))
  assert.not.ok(wants(['sh', '-c', 'rg x'], { PATH: '/usr/bin:/bin' }))
})

test('the build finds the program of every target: npm knows them all', () => {
  const lock = createRequire(import.meta.url)(join(root, 'package-lock.json'))
  for (const { platform, arch } of TARGETS)
    assert.match(lock.packages[`node_modules/${ripgrepPackage(platform, arch)}`].integrity, /^sha512-/)
  const own = TARGETS.find(({ platform, arch }) => platform === process.platform && arch === process.arch)
  if (own !== undefined) assert.match(ripgrepOf(own, root).hash, /^[0-9a-f]{64}$/)
})

test.run()
