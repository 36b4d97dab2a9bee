/** Rows of `exec-server cp` where its user, or a file that is overwritten where it is, may not have more room. */
import type { Row } from './row.ts'

/** A file system whose folder v holds 2 MB, as a user without privileges sees it. */
const QUOTA = [
  'truncate -s 128M ../disk',
  'mkfs.btrfs -q ../disk >/dev/null 2>&1',
  'mkdir d',
  'mount -o loop ../disk d',
  'btrfs quota enable d',
  'btrfs -q subvolume create d/v',
  'btrfs qgroup limit 2M d/v',
  'chown 65534:65534 d/v',
].join('; ')

/** A disk for this many files and folders, itself included. */
const inodes = (count: number): string =>
  `mkdir d; mount -t tmpfs -o nr_inodes=${count},size=9m,uid=65534,gid=65534,mode=755 tmpfs d`

const LARGE = 'seq 999999 | head -c 3000000'

/** A file t whose file system, mounted elsewhere, copies on write. */
const COPY_ON_WRITE = [
  'truncate -s 128M ../disk',
  'mkfs.btrfs -q ../disk >/dev/null 2>&1',
  'mkdir ../m',
  'mount -o loop ../disk ../m',
  `${LARGE} | tr 0-9 a-j >../m/f`,
  'sync -f ../m',
  ': >t',
  'mount --bind ../m/f t',
].join('; ')

const FILL = '{ cat /dev/zero >../m/fill 2>/dev/null || sync -f ../m; }'

export const quotaRows: readonly Row[] = [
  {
    title: 'over a file where a quota is used up',
    setUp: QUOTA,
    needs: 'mkfs.btrfs',
    prepare: `${LARGE} >s; echo old >d/v/t`,
    args: 's d/v/t',
    as: 'none',
    code: 1,
    stderr: /^exec-server: on [^\n]*d\/v\/t: Disk quota exceeded\n$/,
    unprivileged: true,
    mounts: true,
    all: true,
  },
  {
    title: 'a tree where a quota is used up',
    setUp: QUOTA,
    needs: 'mkfs.btrfs',
    prepare: `mkdir s; echo a >s/a; ${LARGE} >s/b; echo c >s/c`,
    args: '-r s d/v',
    as: { script: 'mkdir d/v/s; cp s/a s/c d/v/s' },
    code: 1,
    stderr: /^exec-server: on [^\n]*d\/v\/s\/b: Disk quota exceeded\n$/,
    unprivileged: true,
    mounts: true,
  },
  {
    title: 'a tree over one that is there, where a quota is used up',
    setUp: QUOTA,
    needs: 'mkfs.btrfs',
    prepare: `mkdir -p s d/v/s; echo a >s/a; ${LARGE} >s/b; echo old >d/v/s/a; echo old >d/v/s/b`,
    args: '-r s d/v',
    as: { script: 'cp s/a d/v/s' },
    code: 1,
    stderr: /^exec-server: on [^\n]*d\/v\/s\/b: Disk quota exceeded\n$/,
    unprivileged: true,
    mounts: true,
  },
  {
    title: 'over a file on a disk that takes no more files',
    setUp: inodes(2),
    prepare: 'echo new >s; echo old >d/t',
    args: 's d/t',
    as: 'none',
    code: 1,
    stderr: /^exec-server: on [^\n]*d\/t: No space left on device\n$/,
    unprivileged: true,
    mounts: true,
    all: true,
  },
  {
    title: 'a tree on a disk that takes three files and folders',
    setUp: inodes(4),
    prepare: 'mkdir s; for i in 1 2 3 4; do echo $i >s/$i; done',
    args: '-r s d',
    as: { script: 'mkdir d/s; cp s/1 s/2 d/s' },
    code: 1,
    stderr: /^(exec-server: on [^\n]*d\/s\/[34]: No space left on device\n){2}$/,
    unprivileged: true,
    mounts: true,
  },
  {
    title: 'over a mount point on a file system that copies on write',
    needs: 'mkfs.btrfs',
    prepare: `${COPY_ON_WRITE}; ${LARGE} >s`,
    args: 's t',
    stderr: /^exec-server: on [^\n]*\bt: was overwritten where it is: it is a mount point\n$/,
    mounts: true,
    all: true,
  },
  {
    title: 'over a mount point on a file system that copies on write, and is full',
    needs: 'mkfs.btrfs',
    prepare: `${COPY_ON_WRITE}; ${FILL}; ${LARGE} >s`,
    args: 's t',
    as: 'none',
    code: 1,
    stderr:
      /^exec-server: on [^\n]*\bt: no room to overwrite it where it is: the disk is full, or a quota is used up\n$/,
    mounts: true,
    all: true,
  },
  {
    title: 'over a mount point with holes that the disk has no room for',
    prepare: `mkdir ../m; mount -t tmpfs -o size=4m tmpfs ../m; truncate -s 3M ../m/f; ${LARGE} >../m/fill; : >t; mount --bind ../m/f t; ${LARGE} >s`,
    args: 's t',
    as: 'none',
    code: 1,
    stderr:
      /^exec-server: on [^\n]*\bt: no room to overwrite it where it is: the disk is full, or a quota is used up\n$/,
    mounts: true,
  },
]
