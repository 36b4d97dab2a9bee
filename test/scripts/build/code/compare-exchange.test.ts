/** The machine code that stands in for libatomic's function. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { compareExchange, compareExchangeAssembly } from '../../../../scripts/build/code/compare-exchange.ts'
import { skip, test } from '../../../support/suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const TRIPLES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const

for (const arch of ['x64', 'arm64'] as const) {
  test(`${arch}: the bytes are what the assembly beside them says`, () => {
    const args = [`-triple=${TRIPLES[arch]}`, '-show-encoding', '-filetype=obj']
    const assembler = spawnSync('llvm-mc', [...args, '-o', '-'], { input: compareExchangeAssembly(arch) })
    if (assembler.error !== undefined) skip('there is no llvm-mc')
    assert.is(assembler.status, 0, assembler.stderr.toString())
    const code = compareExchange(arch)
    assert.ok(assembler.stdout.includes(code))
    // No more code follows: an object file pads its sections with zeros or goes on with other sections.
    assert.not.ok(code.subarray(-4).equals(Buffer.alloc(4)))
  })
}

const THREADS = 4
const ROUNDS = 50_000

const PROGRAM = `
#include <pthread.h>
#include <stdio.h>
_Bool compare_exchange(unsigned long, void *, void *, void *, int, int);
static long counter;
static void *count(void *unused) {
  for (int i = 0; i < ${ROUNDS}; i++) {
    long seen = counter, next;
    do next = seen + 1; while (!compare_exchange(8, &counter, &seen, &next, 5, 5));
  }
  return unused;
}
int main(int argc, char **argv) {
  long object = 7, expected = 8, desired = 9;
  if (argc > 1) return compare_exchange(4, &object, &expected, &desired, 5, 5);
  for (int i = 0; i < 2; i++) {
    int exchanged = compare_exchange(8, &object, &expected, &desired, 5, 5);
    printf("%d %ld %ld\\n", exchanged, object, expected);
  }
  pthread_t threads[${THREADS}];
  for (int i = 0; i < ${THREADS}; i++) pthread_create(threads + i, 0, count, 0);
  for (int i = 0; i < ${THREADS}; i++) pthread_join(threads[i], 0);
  printf("%ld\\n", counter);
}
`

test('it exchanges, tells the value that differs, loses no update of four threads, and traps on another size', () => {
  const { arch, platform } = process
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) skip('the code is for Linux on x64 and arm64')
  const folder = temporaryFolder()
  const bytes = [...compareExchange(arch)].join(', ')
  writeFileSync(join(folder, 'main.c'), PROGRAM)
  writeFileSync(
    join(folder, 'code.s'),
    `.text\n.global compare_exchange\ncompare_exchange: .byte ${bytes}\n.section .note.GNU-stack\n`,
  )
  const compiler = spawnSync('cc', ['-O1', '-pthread', '-o', 'program', 'main.c', 'code.s'], { cwd: folder })
  if (compiler.error !== undefined) skip('there is no C compiler')
  assert.is(compiler.status, 0, compiler.stderr.toString())
  const { stdout, status } = spawnSync(join(folder, 'program'), { encoding: 'utf8' })
  assert.equal({ stdout, status }, { stdout: `0 7 7\n1 9 7\n${THREADS * ROUNDS}\n`, status: 0 })
  assert.is(spawnSync(join(folder, 'program'), ['4']).signal, arch === 'x64' ? 'SIGILL' : 'SIGTRAP')
})

test.run()
