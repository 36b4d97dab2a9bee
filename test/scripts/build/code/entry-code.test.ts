/** The machine code that runs before the runtime. What it does is shown by test/e2e/odd-devboxes. */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { entryAssembly, entryCode } from '../../../../scripts/build/code/entry-code.ts'
import { skip, test } from '../../../support/suite.ts'

const TRIPLES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const

for (const arch of ['x64', 'arm64'] as const) {
  test(`${arch}: the bytes are what the assembly beside them says`, () => {
    const args = [`-triple=${TRIPLES[arch]}`, '-filetype=obj', '-o', '-']
    const assembler = spawnSync('llvm-mc', args, { input: entryAssembly(arch) })
    if (assembler.error !== undefined) skip('there is no llvm-mc')
    assert.is(assembler.status, 0, assembler.stderr.toString())
    assert.ok(assembler.stdout.includes(entryCode(arch)))
  })
}

test.run()
