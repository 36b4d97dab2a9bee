/** What the C library does with freed memory: kept at hand, or returned. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { glibcVersion } from '../../../src/host/process/pty-addon.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const MIB = 1024 * 1024
const PAGE_BYTES = 4096
const ROUNDS = 8
const MODULE = join(import.meta.dirname, '../../../src/host/ffi/malloc.ts')

/** Makes and frees 16 MiB of buffers again and again; prints the page faults. */
const SCRIPT = `
import { keepFreedMemory, mallocTrim } from ${JSON.stringify(MODULE)}
keepFreedMemory(64 * ${MIB}, 32 * ${MIB})
function round() {
  for (let index = 0; index < 4; index++) Buffer.alloc(4 * ${MIB}, 1)
  // Buffers are freed by a thread of their own: the next collection waits for it.
  gc()
  gc()
}
round()
round()
const before = process.resourceUsage().minorPageFault
for (let index = 0; index < ${ROUNDS}; index++) round()
const faults = process.resourceUsage().minorPageFault - before
const kept = process.memoryUsage.rss()
mallocTrim()
console.log(JSON.stringify({ faults, trimmed: kept - process.memoryUsage.rss() }))
`

// Deno has an allocator of its own.
if (!isDeno && glibcVersion() !== undefined)
  test('buffers are made of freed memory, which is returned once it is trimmed', () => {
    const args = ['--expose-gc', '--no-warnings', '--input-type=module', '-e', SCRIPT]
    const { faults, trimmed } = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    const pages = (ROUNDS * 16 * MIB) / PAGE_BYTES
    assert.ok(faults < pages / 4, `${faults} page faults for ${pages} pages`)
    assert.ok(trimmed > 8 * MIB, `${trimmed} bytes trimmed`)
  })

test.run()
