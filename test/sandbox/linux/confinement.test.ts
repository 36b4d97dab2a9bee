/** Which plans confine nothing. */
import * as assert from 'uvu/assert'
import { unconfinedPath } from '../../../src/sandbox/linux/confinement.ts'
import type { Mount, MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { test } from '../../support/suite.ts'

const SYSTEM = ['/usr/bin', '/usr', '/etc']
const bind = (path: string, writable: boolean): Mount => ({ kind: 'bind', path, writable })
const mask = (path: string): Mount => ({ kind: 'mask', path, isDirectory: true, leadsOn: false })
const plan = (base: MountPlan['base'], ...mounts: Mount[]): MountPlan => ({ base, mounts, links: [], forbidden: [] })

test('a writable root confines nothing, whatever is taken from it', () => {
  assert.is(unconfinedPath(plan('writable'), SYSTEM), '/')
  assert.is(unconfinedPath(plan('writable', bind('/usr', false), bind('/etc', false), mask('/home')), SYSTEM), '/')
})

test("neither does one of the system's directories that is writable as a whole", () => {
  assert.is(unconfinedPath(plan('readable', bind('/etc', true)), SYSTEM), '/etc')
  assert.is(unconfinedPath(plan('empty', bind('/usr', true), bind('/usr/bin', false)), SYSTEM), '/usr')
  assert.is(unconfinedPath(plan('readable', bind('/usr', true)), SYSTEM), '/usr/bin')
})

test('workspaces confine, also in a system directory', () => {
  for (const base of ['readable', 'empty'] as const) {
    assert.is(unconfinedPath(plan(base, bind('/home/me/work', true), mask('/home/me/work/secret')), SYSTEM), undefined)
    assert.is(unconfinedPath(plan(base, bind('/usr/src/work', true), bind('/etcetera', true)), SYSTEM), undefined)
  }
  assert.is(unconfinedPath(plan('empty', bind('/etc', true), mask('/etc')), ['/etc']), undefined)
})

test.run()
