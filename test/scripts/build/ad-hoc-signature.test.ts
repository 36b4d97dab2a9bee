/** Signatures of macOS, on the programs that node-pty brings for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { signAdHoc, verifySignature } from '../../../scripts/build/ad-hoc-signature.ts'
import { MachO } from '../../../scripts/build/mach-o.ts'
import { root } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const program = (arch: string): Buffer =>
  readFileSync(join(root, 'node_modules', 'node-pty', 'prebuilds', `darwin-${arch}`, 'spawn-helper'))

for (const arch of ['x64', 'arm64']) {
  test(`${arch}: a signed program has the right hash for each page, and its last segment covers the signature`, () => {
    const signed = signAdHoc(program(arch), 'a-program')
    verifySignature(signed)
    const { offset, fileBytes } = new MachO(signed).segment('__LINKEDIT')
    assert.is(offset + fileBytes, signed.length)
    assert.ok(signed.includes('a-program\0'))
  })

  test(`${arch}: signing again changes nothing`, () => {
    const signed = signAdHoc(program(arch), 'a-program')
    assert.ok(signAdHoc(signed, 'a-program').equals(signed))
  })

  test(`${arch}: a changed byte is found, wherever it is`, () => {
    const signed = signAdHoc(program(arch), 'a-program')
    const end = new MachO(signed).signature()?.offset as number
    for (const at of [end - 1, Math.floor(end / 2), 4096]) {
      const changed = Buffer.from(signed)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      assert.throws(() => verifySignature(changed), `page ${Math.floor(at / 4096)} has another hash`)
    }
  })
}

test('a file that is not signed, or is signed in part, is not taken for a signed one', () => {
  const signed = signAdHoc(program('arm64'), 'a-program')
  assert.throws(() => verifySignature(Buffer.concat([signed, Buffer.alloc(16)])), 'does not end the file')
  const { command } = new MachO(signed).signature() as { command: number }
  // Another type of load command: LC_UUID.
  signed.writeUInt32LE(0x1b, command)
  assert.throws(() => verifySignature(signed), 'not signed')
})

test('another format is refused', () => {
  assert.throws(() => signAdHoc(Buffer.from('\x7fELF and more'), 'a-program'), 'not a 64-bit Mach-O file')
})

test.run()
