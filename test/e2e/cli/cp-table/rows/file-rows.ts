/** Rows of single files: their modes, and where they go. */
import type { Row } from './row.ts'

export const fileRows: readonly Row[] = [
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
]
