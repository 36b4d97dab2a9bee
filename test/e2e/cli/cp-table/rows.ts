/**
 * What `exec-server cp` does beside `cp`: each row prepares a folder by a shell script, then copies. The same script and
 * the real `cp` in another folder show what should be there.
 */

/** Where the copy goes: from here to the devbox, back, or on the devbox itself. */
export type Direction = 'up' | 'down' | 'there'

export type Row = {
  title: string
  /** Run by root before `prepare`. */
  setUp?: string
  /** A program that `setUp` needs. */
  needs?: string
  /** Run with `sh -e` in the folder. */
  prepare: string
  /** Options, sources and destination, relative to the folder. */
  args: string
  /** What the real cp is called with; by default the same. `none`: nothing changes. A script where cp does otherwise. */
  as?: { cp: string } | 'none' | { script: string }
  /** Default: 0. */
  code?: number
  /** What stderr must match; by default it is empty. */
  stderr?: RegExp
  /** Compares times and link counts, too. */
  exact?: boolean
  /** Tried in every direction; else in one, by turns. */
  all?: boolean
  /** Runs as a user that is not root, since root may do everything. */
  unprivileged?: boolean
  /** Needs to mount. */
  mounts?: boolean
}

/** Whether rights or mounts stand in the way. */
export const isHindered = ({ unprivileged, mounts }: Row): boolean => unprivileged === true || mounts === true

const TREE = 'mkdir -p s/d/e s/empty; echo a >s/a; echo b >s/d/b; echo c >s/d/e/c; chmod 755 s/a; chmod 600 s/d/b'

export const rows: readonly Row[] = [
  // Files and their modes.
  { title: 'a new file', prepare: 'echo a >s', args: 's t', all: true },
  { title: 'an empty file', prepare: ': >s', args: 's t', all: true },
  ...['600', '644', '640', '755', '400', '444', '777', '000', '4755'].map((mode) => ({
    title: `a new file of mode ${mode}`,
    prepare: `echo a >s; chmod ${mode} s`,
    args: 's t',
  })),
  {
    title: 'exact modes and times',
    prepare: 'echo a >s; chmod 666 s; touch -d 2001-02-03T04:05:06.123456789Z s',
    args: '-p s t',
    exact: true,
    all: true,
  },
  { title: 'a time before 1970', prepare: 'echo a >s; touch -d 1960-01-01T00:00:00.5Z s', args: '-p s t', exact: true },
  {
    title: 'a file over another keeps its mode',
    prepare: 'echo new >s; echo old, and longer >t; chmod 604 t',
    args: 's t',
    all: true,
  },
  {
    title: 'a file over another takes the mode of the source with -p',
    prepare: 'echo new >s; chmod 640 s; echo old >t; chmod 604 t',
    args: '-p s t',
    exact: true,
  },
  { title: 'a file over one that is read-only', prepare: 'echo new >s; echo old >t; chmod 444 t', args: 's t' },
  {
    title: 'a file over a running program',
    prepare: 'echo new >s; cp /bin/sleep t; ./t 30 >/dev/null 2>&1 & until cmp -s /proc/$!/exe t; do :; done',
    args: 's t',
    as: { script: 'rm t; cp s t; chmod 755 t' },
  },
  {
    title: 'a large file of several blocks',
    prepare: 'seq 999999 | head -c 3000001 >s',
    args: 's t',
    as: { script: 'cp s t' },
    all: true,
  },
  { title: 'a file of a size that is a multiple of a block', prepare: 'head -c 1048576 /dev/zero >s', args: 's t' },
  {
    title: 'a file that does not know its size',
    prepare: ':',
    args: '/proc/version t',
    as: { script: 'cat /proc/version >t; chmod 444 t' },
  },

  // Where it goes.
  { title: 'a file into a directory', prepare: 'echo a >s; mkdir t', args: 's t' },
  { title: 'several files into a directory', prepare: 'echo a >a; echo b >b; mkdir t', args: 'a b t', all: true },
  {
    title: 'several files where there is no directory',
    prepare: 'echo a >a; echo b >b',
    args: 'a b t',
    as: 'none',
    code: 1,
    stderr: /t is no directory/,
  },
  {
    title: 'a file to a name that ends in a slash',
    prepare: 'echo a >s',
    args: 's t/',
    as: 'none',
    code: 1,
    stderr: /t\/ is no directory/,
  },
  {
    title: 'a file where its directory is missing',
    prepare: 'echo a >s',
    args: 's no/t',
    as: 'none',
    code: 1,
    stderr: /no\/t: No such file or directory/,
  },
  {
    title: 'a file over a directory',
    prepare: 'echo a >s; mkdir -p t/s',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /t\/s: is a directory/,
  },
  {
    title: 'a source that is not there',
    prepare: 'echo a >a; mkdir t',
    args: 'no a t',
    code: 1,
    stderr: /no: No such file or directory/,
  },
  {
    title: 'two sources of one name',
    prepare: 'mkdir a b t; echo a >a/f; echo b >b/f',
    args: 'a/f b/f t',
    code: 1,
    stderr: /another source/,
  },

  // Directories.
  { title: 'a tree to a new name', prepare: TREE, args: '-r s t', all: true },
  { title: 'a tree into a directory', prepare: `${TREE}; mkdir t`, args: '-r s t' },
  { title: 'the contents of a tree into a directory', prepare: `${TREE}; mkdir t`, args: '-r s/. t' },
  {
    title: 'a tree over one that is there',
    prepare: `${TREE}; mkdir -p t/s/d; echo old >t/s/d/b; echo kept >t/s/kept`,
    args: '-r s t',
    all: true,
  },
  {
    title: 'a tree exactly',
    prepare: `${TREE}; touch -d 2001-01-01T01:01:01.5Z s/d/b s/d s/empty s`,
    args: '-a s t',
    exact: true,
    all: true,
  },
  { title: 'a directory of mode 500', prepare: 'mkdir s; echo a >s/a; chmod 500 s', args: '-r s t' },
  {
    title: 'a directory of mode 500 that is not root’s',
    prepare: 'mkdir -p s/d; echo a >s/d/a; chmod 500 s/d s',
    args: '-r s t',
    unprivileged: true,
  },
  {
    title: 'a directory without -r',
    prepare: TREE,
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /s: is a directory; -r copies it/,
  },
  {
    title: 'a directory over a file',
    prepare: `${TREE}; echo old >t`,
    args: '-r s t',
    as: 'none',
    code: 1,
    stderr: /t: is no directory/,
  },
  {
    title: 'a file over a directory inside of a tree',
    prepare: 'mkdir -p s t/s/x; echo a >s/x; echo b >s/y',
    args: '-r s t',
    code: 1,
    stderr: /t\/s\/x: is a directory/,
  },
  {
    title: 'a directory over a file inside of a tree',
    prepare: 'mkdir -p s/x t/s; echo a >s/x/a; echo b >s/y; echo old >t/s/x',
    args: '-r s t',
    code: 1,
    stderr: /t\/s\/x: is no directory/,
  },
  {
    title: 'a tree into itself',
    prepare: 'mkdir -p s/in; echo a >s/a',
    args: '-r s s/in',
    as: 'none',
    code: 1,
    stderr: /not copied into itself/,
  },
  {
    title: 'a tree onto itself',
    prepare: 'mkdir -p s; echo a >s/a',
    args: '-r s .',
    as: 'none',
    code: 1,
    stderr: /same file/,
  },
  {
    title: 'a tree of 300 files',
    prepare: 'mkdir s; i=0; while [ $i -lt 300 ]; do echo $i >s/$i; i=$((i+1)); done',
    args: '-r s t',
  },
  {
    title: 'a tree of 300 files over another',
    prepare: 'mkdir -p s t/s; i=0; while [ $i -lt 300 ]; do echo $i >s/$i; echo old >t/s/$i; i=$((i+1)); done',
    args: '-r s t',
  },
  {
    title: 'a deep tree',
    prepare:
      'p=s; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do p=$p/d; done; mkdir -p $p; echo a >$p/a',
    args: '-r s t',
  },

  // Names.
  {
    title: 'names with spaces, quotes and new lines',
    prepare: 'mkdir s; echo a >"s/a b"; echo b >"s/\'\\"\n"; echo c >s/-r',
    args: '-r s t',
    all: true,
  },
  {
    title: 'names that are not UTF-8',
    prepare: "mkdir s; echo a >s/$(printf 'x\\377y'); echo b >s/$(printf '\\303'); ln -s $(printf '\\200') s/l",
    args: '-r s t',
    all: true,
  },
  { title: 'the longest name', prepare: 'mkdir s; echo a >s/$(printf %0255d 0)', args: '-r s t' },
  {
    title: 'the longest name over another',
    prepare: 'n=$(printf %0255d 0); echo a >$n; mkdir t; echo old >t/$n',
    args: '0* t',
  },

  // Links.
  { title: 'a link is followed', prepare: 'echo a >f; ln -s f s', args: 's t', all: true },
  {
    title: 'links in a tree are copied as links',
    prepare: 'mkdir s; echo a >s/f; ln -s f s/l; ln -s no s/dangling; ln -s . s/up',
    args: '-r s t',
    all: true,
  },
  { title: 'a link with -r is copied as a link', prepare: 'echo a >f; ln -s f s', args: '-r s t' },
  {
    title: 'links in a tree are followed with -L',
    prepare: 'mkdir -p s d; echo a >f; echo b >d/b; ln -s ../f s/l; ln -s ../d s/d',
    args: '-rL s t',
    all: true,
  },
  {
    title: 'a link that leads back with -L',
    prepare: 'mkdir s; echo a >s/a; ln -s . s/up',
    args: '-rL s t',
    as: { script: 'mkdir t; cp s/a t' },
    code: 1,
    stderr: /s\/up: leads back/,
  },
  {
    title: 'a link that leads nowhere',
    prepare: 'ln -s no s',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /s: No such file or directory/,
  },
  {
    title: 'a link that leads nowhere with -L',
    prepare: 'mkdir s; ln -s no s/l; echo a >s/a',
    args: '-rL s t',
    code: 1,
    stderr: /s\/l: is a link that leads nowhere/,
  },
  {
    title: 'a file over a link is written through it',
    prepare: 'echo new >s; echo old >f; ln -s f t',
    args: 's t',
    all: true,
  },
  {
    title: 'a file over a link into another directory',
    prepare: 'echo new >s; mkdir d; echo old >d/f; ln -s d/f t',
    args: 's t',
  },
  {
    title: 'a file over a link that leads nowhere',
    prepare: 'echo new >s; ln -s no t',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /t: is a link that leads nowhere/,
  },
  { title: 'a link over a file', prepare: 'mkdir -p s t/s; ln -s x s/l; echo old >t/s/l', args: '-r s t' },
  { title: 'a link over a link', prepare: 'mkdir -p s t/s; ln -s x s/l; ln -s y t/s/l', args: '-r s t' },
  {
    title: 'the time of a link',
    prepare: 'mkdir s; ln -s x s/l; touch -h -d 2001-01-01T00:00:00.25Z s/l s',
    args: '-a s t',
    exact: true,
  },
  { title: 'a tree into a directory behind a link', prepare: `${TREE}; mkdir d; ln -s d t`, args: '-r s t' },

  // Hard links, holes and special files.
  {
    title: 'hard links with -a',
    prepare: 'mkdir s; echo a >s/a; ln s/a s/b; mkdir s/d; ln s/a s/d/c',
    args: '-a s t',
    exact: true,
    all: true,
  },
  { title: 'hard links without -a', prepare: 'mkdir s; echo a >s/a; ln s/a s/b', args: '-r s t', exact: false },
  {
    title: 'hard links over a tree',
    prepare: 'mkdir -p s t/s; echo a >s/a; ln s/a s/b; echo old >t/s/a; echo old >t/s/b',
    args: '-a s t',
    exact: true,
  },
  {
    title: 'a file with other names is replaced alone',
    prepare: 'echo new >s; echo old >t; ln t other',
    args: 's t',
    as: { script: 'rm t; cp s t' },
    stderr: /t: had other names, which keep the previous contents/,
  },
  {
    title: 'holes stay holes',
    prepare: 'truncate -s 50M s; printf x | dd of=s bs=1 seek=20000000 conv=notrunc 2>/dev/null',
    args: 's t',
    all: true,
  },
  { title: 'a file that is one hole', prepare: 'truncate -s 5G s', args: 's t' },
  { title: 'a hole at the end', prepare: 'echo a >s; truncate -s 9M s', args: 's t' },
  {
    title: 'a FIFO in a tree',
    prepare: 'mkdir s; mkfifo s/f; echo a >s/a',
    args: '-r s t',
    as: { script: 'mkdir t; cp s/a t' },
    code: 1,
    stderr: /s\/f: is neither a file, a directory nor a link/,
  },
  {
    title: 'a FIFO with -a',
    prepare: 'mkdir s; mkfifo -m 640 s/f; touch -d 2001-01-01T00:00:00Z s/f s',
    args: '-a s t',
    exact: true,
  },
  {
    title: 'to a device',
    prepare: 'echo a >s',
    args: 's /dev/null',
    as: 'none',
    stderr: /\/dev\/null: is written where it is/,
  },
  {
    title: 'to a device that is full',
    prepare: 'echo a >s',
    args: 's /dev/full',
    as: 'none',
    code: 1,
    stderr: /\/dev\/full: No space left on device/,
  },
  { title: 'from a device that ends', prepare: ':', args: '/dev/null t', as: { script: ': >t' } },

  // The same file.
  {
    title: 'a file onto itself',
    prepare: 'echo a >s',
    args: 's s',
    as: 'none',
    code: 1,
    stderr: /same file/,
    all: true,
  },
  {
    title: 'a file onto itself through a link',
    prepare: 'echo a >s; ln -s s t',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /same file/,
  },
  {
    title: 'a file onto another of its names',
    prepare: 'echo a >s; ln s t',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /same file/,
  },
  {
    title: 'a file onto itself through a mount',
    prepare: 'mkdir a b; echo x >a/f; mount --bind a b',
    args: 'a/f b/f',
    as: 'none',
    code: 1,
    stderr: /same file/,
    mounts: true,
  },

  // What cannot be replaced.
  {
    title: 'over a mount point',
    prepare: 'echo new, and longer >s; echo old >f; : >t; mount --bind f t',
    args: 's t',
    stderr: /t: was overwritten where it is: it is a mount point/,
    mounts: true,
    all: true,
  },
  {
    title: 'in a directory that takes no new file',
    prepare: 'echo new >s; mkdir d; echo old, and longer >d/t; chmod 500 d',
    args: 's d/t',
    stderr: /d\/t: was overwritten where it is: its directory takes no new file/,
    unprivileged: true,
    all: true,
  },
  {
    title: 'a new file in a directory that takes none',
    prepare: 'echo new >s; mkdir d; chmod 500 d',
    args: 's d/t',
    as: 'none',
    code: 1,
    stderr: /d\/t: Permission denied/,
    unprivileged: true,
  },
  {
    title: 'a file that may not be written in such a directory',
    prepare: 'echo new >s; mkdir d; echo old >d/t; chmod 444 d/t; chmod 500 d',
    args: 's d/t',
    as: 'none',
    code: 1,
    stderr: /d\/t: Permission denied/,
    unprivileged: true,
  },
  {
    title: 'a source that may not be read',
    prepare: 'echo new >s; chmod 0 s; echo old >t',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /s: Permission denied/,
    unprivileged: true,
    all: true,
  },
  {
    title: 'a directory that may not be read',
    prepare: 'mkdir -p s/x; echo a >s/a; chmod 0 s/x',
    args: '-r s t',
    code: 1,
    stderr: /s\/x: Permission denied/,
    unprivileged: true,
  },
  {
    title: 'on a file system that is read-only',
    prepare: 'echo new >s; mkdir d; echo old >d/t; mount --bind d d; mount -o remount,ro,bind d',
    args: 's d/t',
    as: 'none',
    code: 1,
    stderr: /d\/t: Read-only file system/,
    mounts: true,
  },
  {
    title: 'on a disk that is full',
    prepare: 'seq 999999 | head -c 3000000 >s; mkdir d; mount -t tmpfs -o size=1m tmpfs d; echo old >d/t',
    args: 's d/t',
    as: 'none',
    code: 1,
    stderr: /d\/t: No space left on device/,
    mounts: true,
    all: true,
  },
  {
    title: 'a tree on a disk that is full',
    prepare:
      'mkdir s; echo a >s/a; seq 999999 | head -c 3000000 >s/b; echo c >s/c; mkdir d; mount -t tmpfs -o size=1m tmpfs d',
    args: '-r s d',
    as: { script: 'mkdir d/s; cp s/a s/c d/s' },
    code: 1,
    stderr: /d\/s\/b: No space left on device/,
    mounts: true,
  },
  {
    title: 'over a mount point on a disk that is full',
    prepare:
      'seq 999999 | head -c 3000000 >s; mkdir d; mount -t tmpfs -o size=1m tmpfs d; echo old >d/f; : >t; mount --bind d/f t',
    args: 's t',
    as: 'none',
    code: 1,
    stderr: /t: No space left on device/,
    mounts: true,
  },

  // Options.
  { title: '-n leaves alone what is there', prepare: 'echo new >s; echo old >t', args: '-n s t', all: true },
  { title: '-n in a tree', prepare: `${TREE}; mkdir -p t/s/d; echo old >t/s/d/b`, args: '-rn s t' },
  { title: '--dry-run changes nothing', prepare: `${TREE}; mkdir t`, args: '-r --dry-run s t', as: 'none', all: true },
  {
    title: '--exclude leaves out names',
    prepare: `${TREE}; echo x >s/d/x.o; echo y >s/.y.o`,
    args: "-r --exclude '*.o' --exclude e s t",
    as: {
      script: 'rm -r s/d/e s/d/x.o s/.y.o; cp -r s t; mkdir s/d/e; echo c >s/d/e/c; echo x >s/d/x.o; echo y >s/.y.o',
    },
    all: true,
  },
  {
    title: '--exclude leaves out paths',
    prepare: `${TREE}`,
    args: '-r --exclude d/e s t',
    as: { script: 'cp -r s t; rm -r t/d/e' },
  },
]
