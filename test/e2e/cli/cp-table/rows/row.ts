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

/** Makes a small tree s. */
export const TREE =
  'mkdir -p s/d/e s/empty; echo a >s/a; echo b >s/d/b; echo c >s/d/e/c; chmod 755 s/a; chmod 600 s/d/b'
