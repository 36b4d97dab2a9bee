import * as assert from 'uvu/assert'
import { parseMountTable, sourceOf } from '../../../src/sandbox/linux/mountinfo.ts'
import { test } from '../../support/suite.ts'

const HOST = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw
24 22 0:30 / /home/a\\040b rw,nosuid,nodev - tmpfs tmpfs rw,size=1k
25 22 254:16 /@home/u /home/u rw - btrfs /dev/vdb rw,subvol=/@home
`

test('a line is read whole, with optional fields or without, and its names are unescaped', () => {
  const { entries, devices } = parseMountTable(HOST)
  assert.equal(entries[2], {
    id: 24,
    parent: 22,
    device: '0:30',
    root: '/',
    path: '/home/a b',
    options: ['rw', 'nosuid', 'nodev'],
    type: 'tmpfs',
  })
  assert.equal([...devices], ['254:0', '0:5', '0:30', '254:16'])
})

test('a path is on the deepest mount that contains it', () => {
  const table = parseMountTable(HOST)
  const on = (path: string): string | undefined => table.at(path)?.path
  assert.equal(['/', '/home', '/home/u', '/home/u/x/y', '/home/user', '/dev/null'].map(on), [
    '/',
    '/',
    '/home/u',
    '/home/u',
    '/',
    '/dev',
  ])
})

test('of mounts at one path the last one shows, and what the lower one held does not', () => {
  const table = parseMountTable(`${HOST}30 25 0:40 / /home/u/x rw - tmpfs a rw
31 25 0:41 / /home/u rw - tmpfs b rw
`)
  assert.is(table.at('/home/u')?.id, 31)
  assert.is(table.at('/home/u/x')?.id, 31)
})

test('in a chroot the mounts below it are found, and the root has none', () => {
  const table = parseMountTable('40 22 0:5 / /dev rw - devtmpfs udev rw\n')
  assert.is(table.at('/'), undefined)
  assert.is(table.at('/dev/null')?.id, 40)
  assert.is(sourceOf(table, '/home'), undefined)
})

test('the source of a bind mount is its path inside the file system', () => {
  const table = parseMountTable(HOST)
  assert.equal(sourceOf(table, '/'), { device: '254:0', root: '/' })
  assert.equal(sourceOf(table, '/etc/ssl'), { device: '254:0', root: '/etc/ssl' })
  assert.equal(sourceOf(table, '/home/u'), { device: '254:16', root: '/@home/u' })
  assert.equal(sourceOf(table, '/home/u/ws/d'), { device: '254:16', root: '/@home/u/ws/d' })
  assert.equal(sourceOf(table, '/dev/null'), { device: '0:5', root: '/null' })
})

test.run()
