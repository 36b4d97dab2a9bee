/** A runtime that brings its C library, on the Node that runs the tests. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { useBundledGlibc } from '../../../scripts/build/bundled-glibc.ts'
import { dropLibatomic } from '../../../scripts/build/drop-libatomic.ts'
import { DT, Elf } from '../../../scripts/build/elf.ts'
import { isDeno } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'

test('the loader and the libraries are those of one fixed folder, and nothing else changes', () => {
  if (process.platform !== 'linux' || isDeno) skip('this runs no Node for Linux')
  const elf = new Elf(readFileSync(process.execPath))
  dropLibatomic(elf)
  const needed = elf.needed()
  useBundledGlibc(elf)
  assert.is(elf.interpreter(), '/opt/exec-server/lib/ld.so')
  assert.is(elf.dynamicString(elf.entry(DT.rpath).value), '/opt/exec-server/lib')
  assert.equal(elf.needed(), needed)
})

test.run()
