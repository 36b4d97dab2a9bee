/** The mount program, run for real where bubblewrap works: for this machine and, in an emulator, for the other one. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { CODE_OFFSET } from '../../../src/sandbox/linux/machine-code.ts'
import { mountProgramAssembly, mountProgramImage } from '../../../src/sandbox/linux/mount-program.ts'
import type { Attachment } from '../../../src/sandbox/linux/staged-mounts.ts'
import type { Arch } from '../../../src/sandbox/linux/system-calls.ts'
import { test } from '../../support/suite.ts'

const ARCHS = ['x64', 'arm64'] as const
const GNU = { x64: 'x86_64', arm64: 'aarch64' }

const directory = mkdtempSync(join(tmpdir(), 'mount-program-'))
chmodSync(directory, 0o755)
test.after(() => rmSync(directory, { recursive: true }))
const at = (name: string): string => join(directory, name)
for (const name of ['from/sub', 'to', 'out']) mkdirSync(at(name), { recursive: true })
writeFileSync(at('from/file'), 'text')
symlinkSync(at('out'), at('link'))

/** In it, the program may mount, and enter the mount namespace that it is in. */
const INSIDE = ['--dev-bind', '/', '/', '--proc', '/proc', '--unshare-user', '--cap-add', 'ALL', '--']
const works = process.platform === 'linux' && spawnSync('bwrap', [...INSIDE, 'true']).status === 0
const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined

/** Runs the program, then lists a directory. */
function run(arch: Arch, emulator: readonly string[], attach: readonly Attachment[], listed: string) {
  // An emulator has threads, and so cannot change its mount namespace.
  const image = mountProgramImage(arch, attach, emulator.length === 0 ? ['mount'] : [])
  writeFileSync(at(`program-${arch}`), image, { mode: 0o755 })
  const script = '"$@" 4< /proc/self/ns/mnt; echo "exit $?"; ls "$0"'
  const argv = [...INSIDE, '/bin/sh', '-c', script, listed, ...emulator, at(`program-${arch}`)]
  const { stdout } = spawnSync('bwrap', argv, { encoding: 'utf8' })
  return stdout.trim().split('\n')
}

function programTests(arch: Arch, emulator: readonly string[]): void {
  test.full(`${arch}: makes all the mounts, in their order`, () => {
    const attach = [
      { from: at('from'), to: at('to') },
      { from: at('out'), to: at('to/sub') },
      { from: at('from'), to: at('out') },
    ]
    assert.equal(run(arch, emulator, attach, at('to')), ['exit 0', 'file', 'sub'])
    assert.equal(run(arch, emulator, attach, at('to/sub')), ['exit 0'])
    assert.equal(run(arch, emulator, attach, at('out')), ['exit 0', 'file', 'sub'])
  })

  test.full(`${arch}: makes nothing where a place is missing, behind a link neither, and fails`, () => {
    for (const to of [at('missing'), at('link/missing'), at('missing/deep')])
      assert.equal(run(arch, emulator, [{ from: at('from'), to }], at('out')), ['exit 1'])
    assert.equal(readdirSync(at('out')), [])
    assert.not(readdirSync(directory).includes('missing'))
  })
}

const native = ARCHS.find((arch) => arch === process.arch)
for (const arch of ARCHS) {
  const emulator = arch === native ? [] : [`qemu-${GNU[arch]}-static`]
  if (works && emulator.every(isThere)) programTests(arch, emulator)
  else test.skip(`${arch}: the mount program (not shown here: no bubblewrap, or no emulator)`)

  const assembler = arch === native ? 'as' : `${GNU[arch]}-linux-gnu-as`
  const copier = arch === native ? 'objcopy' : `${GNU[arch]}-linux-gnu-objcopy`
  const title = `${arch}: the bytes are what the assembly beside them says`
  if (isThere(assembler) && isThere(copier))
    test(title, () => {
      const made = spawnSync(assembler, ['-o', at('o'), '-'], { input: mountProgramAssembly(arch), encoding: 'utf8' })
      assert.is(made.status, 0, made.stderr)
      assert.is(spawnSync(copier, ['-O', 'binary', '-j', '.text', at('o'), at('text')]).status, 0)
      // Both are padded up to the table, in ways of their own.
      const code = readFileSync(at('text'))
        .toString('hex')
        .replace(/(00|90|66.*|0f1f.*)*$/, '')
      assert.is(
        Buffer.from(mountProgramImage(arch, [], []))
          .subarray(CODE_OFFSET)
          .toString('hex', 0, code.length / 2),
        code,
      )
    })
  else test.skip(`${title} (not shown here: there is no ${assembler})`)
}

test('a program of many mounts has all of their paths', () => {
  const attach = Array.from({ length: 3000 }, (_, index) => ({ from: `/from/${index}`, to: `/to/ü/${index}` }))
  for (const arch of ARCHS) {
    const text = Buffer.from(mountProgramImage(arch, attach, ['user', 'mount'])).toString()
    for (const { from, to } of [attach[0], attach[2999]] as typeof attach)
      assert.ok(text.includes(`${from}\0`) && text.includes(`${to}\0`))
  }
})

test.run()
