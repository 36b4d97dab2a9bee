import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { MountsChangedError, openPlain, openSources } from '../../../src/host/sandbox/mount-sources.ts'
import type { MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { test as everywhere } from '../../support/suite.ts'

let folder: string
const at = (name: string): string => join(folder, name)
everywhere.before.each(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'mount-sources-')))
})
everywhere.after.each(() => rmSync(folder, { recursive: true }))

const test = process.platform === 'linux' ? everywhere : everywhere.skip

const binding = (...paths: string[]): MountPlan => ({
  base: 'readable',
  mounts: paths.map((path) => ({ kind: 'bind', path, writable: true })),
  forbidden: [],
  links: [],
})

const openCount = (): number => readdirSync('/proc/self/fd').length

test('directories and files are held open until they are closed; masks have no source', () => {
  mkdirSync(at('d'))
  writeFileSync(at('f'), '')
  const before = openCount()
  const plan = binding(at('d'), at('f'))
  plan.mounts.push({ kind: 'mask', path: at('none'), isDirectory: true, leadsOn: false })
  const sources = openSources(plan)
  assert.equal([...sources.descriptors.keys()], [at('d'), at('f')])
  assert.is(sources.changedUnder(''), undefined)
  sources.close()
  assert.is(openCount(), before)
})

test('a path that is a link, crosses one, or is missing is refused, and nothing stays open', () => {
  mkdirSync(at('d/sub'), { recursive: true })
  symlinkSync('d', at('link'))
  const before = openCount()
  for (const name of ['link', 'link/sub', 'missing', 'missing/sub']) {
    assert.throws(
      () => openSources(binding(at('d'), at(name))),
      (error: unknown) => error instanceof MountsChangedError && error.message.includes(at(name)),
    )
    assert.throws(() => openPlain(at(name)), /was replaced/)
  }
  assert.is(openCount(), before)
})

test('a source that was replaced since it was opened is noticed', () => {
  for (const name of ['d', 'other']) mkdirSync(at(name))
  const sources = openSources(binding(at('d')))
  renameSync(at('d'), at('moved'))
  assert.is(sources.changedUnder(''), at('d'))
  renameSync(at('other'), at('d'))
  assert.is(sources.changedUnder(''), at('d'))
  sources.close()
})

everywhere.run()
