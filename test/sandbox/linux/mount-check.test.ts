import * as assert from 'uvu/assert'
import { isSetUp, misplacedMount } from '../../../src/sandbox/linux/mount-check.ts'
import { parseMountTable } from '../../../src/sandbox/linux/mountinfo.ts'
import type { MountPlan } from '../../../src/sandbox/linux/mounts.ts'
import { test } from '../../support/suite.ts'

const HOST = `22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:5 / /dev rw - devtmpfs udev rw
24 23 0:6 / /dev/shm rw - tmpfs tmpfs rw
25 22 0:7 / /proc rw - proc proc rw
26 22 254:16 / /mnt/disk rw - ext4 /dev/vdb rw
27 22 0:9 / /run/user/doc rw - fuse portal rw
`

/** A workspace with a denied directory and file, and a protected one that is there and one that is not. */
const PLAN: MountPlan = {
  base: 'readable',
  mounts: [
    { kind: 'bind', path: '/w', writable: true },
    { kind: 'bind', path: '/w/.git', writable: false },
    { kind: 'mask', path: '/w/secret', isDirectory: true, leadsOn: false },
    { kind: 'bind', path: '/w/d', writable: true },
    { kind: 'mask', path: '/w/d/key', isDirectory: false, leadsOn: false },
  ],
  forbidden: [{ path: '/w/.codex', isDirectory: true }],
  links: [],
}

/** The sandbox as bubblewrap makes it for the plan, by path. */
const MADE: Record<string, string> = {
  '/': '50 1 254:0 / / ro,nosuid,nodev - ext4 /dev/vda rw',
  '/mnt/disk': '51 50 254:16 / /mnt/disk ro,nosuid,nodev - ext4 /dev/vdb rw',
  '/run/user/doc': '67 50 0:9 / /run/user/doc ro - fuse portal rw',
  '/dev': '52 50 0:60 / /dev rw,nosuid,nodev - tmpfs tmpfs rw',
  '/dev/null': '53 52 0:5 /null /dev/null rw,nosuid - devtmpfs udev rw',
  '/dev/pts': '54 52 0:61 / /dev/pts rw - devpts devpts rw',
  '/proc': '55 50 0:62 / /proc rw - proc proc rw',
  '/proc/sys': '56 55 0:7 /sys /proc/sys ro - proc proc rw',
  '/proc/irq': '57 55 0:62 /irq /proc/irq ro - proc proc rw',
  '/w': '58 50 254:0 /w /w rw,nosuid,nodev - ext4 /dev/vda rw',
  '/w/.git': '59 58 254:0 /w/.git /w/.git ro,nosuid,nodev - ext4 /dev/vda rw',
  '/w/secret': '60 58 0:63 / /w/secret ro,nosuid,nodev - tmpfs tmpfs rw',
  '/w/d': '61 58 254:0 /w/d /w/d rw,nosuid,nodev - ext4 /dev/vda rw',
  '/w/d/key': '62 61 0:5 /null /w/d/key ro,nosuid,nodev - devtmpfs udev rw',
  '/w/.codex': '63 58 0:64 / /w/.codex ro,nosuid,nodev - tmpfs tmpfs rw',
}

/** Compares with some of the mounts made otherwise, or not at all (an empty line). */
function compare(changes: Record<string, string> = {}, plan = PLAN, unreachable: string[] = []): string | undefined {
  const inside = parseMountTable(Object.values({ ...MADE, ...changes }).join('\n'))
  const seen = { inside, outside: parseMountTable(HOST), isUnreachable: (path: string) => unreachable.includes(path) }
  return misplacedMount(plan, seen)
}

test('what bubblewrap makes of a plan is as planned', () => assert.is(compare(), undefined))

test('a bind mount of another directory or file system shows, whatever its path', () => {
  assert.is(compare({ '/w/d': '61 58 254:0 /out /w/d rw - ext4 /dev/vda rw' }), '/w/d')
  assert.is(compare({ '/w/d': '61 58 254:16 /w/d /w/d rw - ext4 /dev/vda rw' }), '/w/d')
  assert.is(compare({ '/w': '58 50 254:0 /w//deleted /w rw - ext4 /dev/vda rw' }), '/w')
})

test('a mount that has landed elsewhere is missed', () => {
  for (const path of ['/w/.git', '/w/secret', '/w/d', '/w/d/key', '/w/.codex'])
    assert.is(compare({ [path]: (MADE[path] as string).replace(` ${path} `, ' /w/x ') }), path)
})

test('a mount that nothing plans is found, and so is one in /dev or /proc, or over them', () => {
  assert.is(compare({ more: '70 58 254:0 /out /w/x rw - ext4 /dev/vda rw' }), '/w/x')
  assert.is(compare({ more: '70 50 254:0 /w/d /etc ro - ext4 /dev/vda rw' }), '/etc')
  assert.is(compare({ more: '70 55 254:0 /w/d /proc/self ro - ext4 /dev/vda rw' }), '/proc/self')
  assert.is(compare({ more: '70 52 254:0 /w/d /dev/x rw - ext4 /dev/vda rw' }), '/dev/x')
  assert.is(compare({ more: '70 55 254:0 /w/d /proc rw - ext4 /dev/vda rw' }), '/proc')
  assert.is(compare({ more: '70 50 254:0 /w/d / rw - ext4 /dev/vda rw' }), '/')
})

test('what is to be read-only is read-only, the mounts that come along with it too', () => {
  for (const path of ['/', '/w/.git', '/w/secret', '/w/d/key', '/w/.codex', '/mnt/disk'])
    assert.is(compare({ [path]: (MADE[path] as string).replace(/ ro\b/, ' rw') }), path)
})

test('a mount that this user cannot get at stays as it is', () => {
  const changed = { '/run/user/doc': '67 50 0:9 / /run/user/doc rw - fuse portal rw' }
  assert.is(compare(changed), '/run/user/doc')
  assert.is(compare(changed, PLAN, ['/run/user/doc']), undefined)
})

test("a mask is a file system of its own, or the host's /dev/null as no device", () => {
  assert.is(compare({ '/w/secret': '60 58 0:6 / /w/secret ro - tmpfs tmpfs rw' }), '/w/secret')
  assert.is(compare({ '/w/secret': '60 58 0:63 /x /w/secret ro - tmpfs tmpfs rw' }), '/w/secret')
  assert.is(compare({ '/w/d/key': '62 61 0:5 /zero /w/d/key ro,nodev - devtmpfs udev rw' }), '/w/d/key')
  assert.is(compare({ '/w/d/key': '62 61 0:5 /null /w/d/key ro - devtmpfs udev rw' }), '/w/d/key')
})

test('what a mask covers does not show, and does not matter', () => {
  const covered = {
    below: '59 58 0:90 / /w/.git rw - tmpfs x rw',
    '/w/.git': (MADE['/w/.git'] as string).replace('59 58', '66 59'),
  }
  assert.is(compare(covered), undefined)
})

test('an empty root is a file system of its own, a writable one that of the host', () => {
  const plan: MountPlan = { base: 'empty', mounts: [], forbidden: [], links: [] }
  const { '/dev': devices, '/proc': processes } = MADE
  const table = (root: string) => parseMountTable([root, devices, processes].join('\n'))
  const outside = parseMountTable(HOST)
  const check = (base: MountPlan['base'], root: string) =>
    misplacedMount({ ...plan, base }, { inside: table(root), outside, isUnreachable: () => false })
  assert.is(check('empty', '50 1 0:80 / / ro - tmpfs tmpfs rw'), undefined)
  assert.is(check('empty', '50 1 0:80 / / rw - tmpfs tmpfs rw'), '/')
  assert.is(check('empty', '50 1 254:0 / / ro - ext4 /dev/vda rw'), '/')
  assert.is(check('writable', '50 1 254:0 / / rw - ext4 /dev/vda rw'), undefined)
  assert.is(check('writable', '50 1 0:80 / / rw - tmpfs tmpfs rw'), '/')
})

test('a sandbox is set up as soon as its own /dev is at its place', () => {
  const outside = parseMountTable(HOST)
  const isComplete = (inside: string) =>
    isSetUp({ inside: parseMountTable(inside), outside, isUnreachable: () => false })
  assert.ok(isComplete(Object.values(MADE).join('\n')))
  assert.not(isComplete(HOST))
  // While bubblewrap still mounts, all of it is below /newroot.
  assert.not(
    isComplete(
      Object.values(MADE)
        .join('\n')
        .replaceAll(/ (\/\S*) (r[ow])/g, ' /newroot$1 $2'),
    ),
  )
})

test.run()
