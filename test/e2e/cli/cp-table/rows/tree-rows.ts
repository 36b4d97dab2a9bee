/** Rows of trees, of names, and of the options about them. */
import { TREE } from './row.ts'
import type { Row } from './row.ts'

export const treeRows: readonly Row[] = [
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
