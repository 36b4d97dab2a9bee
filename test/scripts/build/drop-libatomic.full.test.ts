/** The runtime without libatomic, on the Node that runs the tests. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { dropLibatomic } from '../../../scripts/build/drop-libatomic.ts'
import { DT, Elf } from '../../../scripts/build/elf.ts'
import { isDeno } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const LIBRARY = 'libatomic.so.1'

/** The runtime's file, read anew for each test, as the tests change it. */
function runtime(): Elf {
  if (process.platform !== 'linux' || isDeno) skip('this runs no Node for Linux')
  const elf = new Elf(readFileSync(process.execPath))
  if (!elf.needed().includes(LIBRARY)) skip('this Node does not need libatomic')
  return elf
}

test('only libatomic is gone, and its function is defined in the file', () => {
  const elf = runtime()
  const before = { needed: elf.needed(), versions: elf.versionNeeds().map(({ library }) => library) }
  const symbols = elf.undefinedSymbols().map(({ name }) => name)
  assert.is(dropLibatomic(elf), true)
  assert.equal(
    elf.needed(),
    before.needed.filter((library) => library !== LIBRARY),
  )
  assert.equal(
    elf.versionNeeds().map(({ library }) => library),
    before.versions.filter((library) => library !== LIBRARY),
  )
  assert.equal(
    elf.undefinedSymbols().map(({ name }) => name),
    symbols.filter((name) => name !== '__atomic_compare_exchange'),
  )
  const after = Buffer.from(elf.bytes)
  assert.is(dropLibatomic(elf), false, 'without libatomic there is nothing to do')
  assert.ok(elf.bytes.equals(after))
})

test('another function of libatomic is refused by name', () => {
  const elf = runtime()
  const symbol = elf.undefinedSymbols().find(({ name }) => name === '__atomic_compare_exchange')
  const strings = elf.bytes.indexOf('__atomic_compare_exchange\0')
  elf.bytes.write('__atomic_fetch_nand\0', strings, 'latin1')
  assert.ok(symbol !== undefined)
  assert.throws(() => dropLibatomic(elf), /cannot do without libatomic\.so\.1: it also defines __atomic_fetch_nand/)
})

test('padding that is in use is refused', () => {
  const elf = runtime()
  const code = elf.loads().find(({ flags }) => (flags & 1) !== 0)
  assert.ok(code !== undefined)
  elf.bytes.fill(0x90, code.offset + code.fileBytes, code.offset + code.fileBytes + 64)
  assert.throws(() => dropLibatomic(elf), 'the padding behind a segment is in use')
})

test('entries of the dynamic section can be added only while there is room', () => {
  const elf = runtime()
  const before = elf.dynamic().length
  elf.removeEntry(elf.entry(DT.needed))
  elf.addEntry(DT.rpath, 1)
  assert.is(elf.dynamic().length, before)
  assert.throws(() => {
    for (let left = 100; left > 0; left--) elf.addEntry(DT.rpath, 1)
  }, 'no room in the dynamic section')
})

/**
 * Four threads compile and free code, and create WebAssembly instances: V8 takes entries of its code tables, and gives
 * them back, for each. `ROUNDS` is put in front.
 */
const STRESS = `
const { Worker, isMainThread } = require('node:worker_threads')
const module_ = new Uint8Array([0,97,115,109,1,0,0,0,1,5,1,96,0,1,127,3,2,1,0,7,5,1,1,102,0,0,10,6,1,4,0,65,42,11])
const shared = isMainThread ? new BigInt64Array(new SharedArrayBuffer(8)) : require('node:worker_threads').workerData
let sum = 0
for (let i = 0; i < ROUNDS; i++) {
  sum += new Function('a', 'return a + ' + i)(1)
  if (i % 20 === 0) sum += new WebAssembly.Instance(new WebAssembly.Module(module_)).exports.f()
  for (let seen = Atomics.load(shared, 0); ; ) {
    const now = Atomics.compareExchange(shared, 0, seen, seen + 1n)
    if (now === seen) break
    seen = now
  }
}
if (sum !== (ROUNDS * (ROUNDS + 1)) / 2 + 42 * Math.ceil(ROUNDS / 20)) throw new Error('wrong sum ' + sum)
if (isMainThread) {
  let running = 3
  for (let i = 0; i < 3; i++) {
    new Worker(__filename, { workerData: shared }).on('exit', (code) => {
      if (code !== 0) process.exit(code)
      if (--running === 0) console.log(String(shared[0]))
    })
  }
}
`

function stress(rounds: number): void {
  const elf = runtime()
  dropLibatomic(elf)
  const folder = temporaryFolder()
  const [node, script] = [join(folder, 'node'), join(folder, 'stress.cjs')]
  writeFileSync(node, elf.bytes, { mode: 0o755 })
  writeFileSync(script, `const ROUNDS = ${rounds}\n${STRESS}`)
  const { status, stdout, stderr } = spawnSync(node, [script], { encoding: 'utf8' })
  assert.equal({ status, stdout }, { status: 0, stdout: `${4 * rounds}\n` }, stderr)
}

// The quick tier has it from every server that it starts: the executable is built the same way.
test.full('four threads that compile code and run WebAssembly agree', () => stress(20_000))

test.run()
