import * as assert from 'uvu/assert'
import { hasLocalMountsOnly } from '../../../src/host/fs/mounts.ts'
import { test } from '../../support/suite.ts'

const ROOT = '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n'
const PROC = '23 22 0:21 / /proc rw - proc proc rw\n'

test("disks and the kernel's own file systems are local", () => {
  assert.ok(hasLocalMountsOnly(ROOT + PROC))
})

test('a network file system, one in user space, and an unknown one are not', () => {
  for (const type of ['nfs4', 'cifs', 'fuse.sshfs', '9p', 'virtiofs', 'autofs', 'unheard-of']) {
    assert.not(hasLocalMountsOnly(`${ROOT}30 22 0:40 / /mnt/a\\040b rw shared:2 - ${type} host:/x rw\n${PROC}`))
  }
})

test('what cannot be read is not taken for local', () => {
  assert.not(hasLocalMountsOnly(''))
  assert.not(hasLocalMountsOnly('nonsense\n'))
})

test.run()
