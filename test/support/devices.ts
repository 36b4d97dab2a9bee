/** Entries of bubblewrap's /dev. */
export const DEVICES = [
  'console',
  'core',
  'fd',
  'full',
  'null',
  'ptmx',
  'pts',
  'random',
  'shm',
  'stderr',
  'stdin',
  'stdout',
  'tty',
  'urandom',
  'zero',
]
