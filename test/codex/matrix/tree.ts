/** The files that every request is tried on: made afresh, and listed afterwards. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What `.git` of the workspace is. */
export type Variant = 'git folder' | 'git pointer' | 'git link' | 'empty git' | 'no git'

export type Owner = { uid: number; gid: number }

/** The names that a sandbox protects at the top of every writable root. */
const PROTECTED = ['.git', '.agents', '.codex', '.aws']

/** Relative to the root of the tree; those that begin with `tmp:` to a folder in the side's own /tmp. */
const FILES: Record<string, string> = {
  'ws/file.txt': 'workspace\n',
  'ws/second.txt': 'second\n',
  'ws/data.secret': 'shallow secret\n',
  'ws/nested/file.txt': 'nested\n',
  'ws/nested/data.secret': 'nested secret\n',
  'ws/nested/.git/config': 'nested git\n',
  'ws/nested/deep/er/file.txt': 'deep\n',
  'ws/nested/deep/er/data.secret': 'deep secret\n',
  'ws/.agents/skill.md': 'skill\n',
  'ws/denied/secret.txt': 'denied\n',
  'ws/denied/child/file.txt': 'child\n',
  'ws/denied/child/inner/file.txt': 'inner\n',
  'ws/denied.txt': 'denied file\n',
  'ws/ro/file.txt': 'read-only\n',
  'ws/ro/rw/file.txt': 'writable again\n',
  'ws/ro/rw/ro/file.txt': 'read-only again\n',
  'ws/single/granted.txt': 'granted\n',
  'ws/single/sibling.txt': 'sibling\n',
  'outside/file.txt': 'outside\n',
  'outside/hard.txt': 'hard\n',
  'outside/folder/file.txt': 'outside folder\n',
  'outside/single/granted.txt': 'granted outside\n',
  'outside/single/sibling.txt': 'sibling outside\n',
  'outside/denied/secret.txt': 'denied outside\n',
  'outside/data.secret': 'outside secret\n',
  'extra/file.txt': 'extra\n',
  'extra/.git/config': 'extra git\n',
  'extra/gitdir/config': 'git of a pointer\n',
  'tmpdir/file.txt': 'tmpdir\n',
  'tmp:file.txt': 'tmp\n',
}

/** Where each points; a link with the root in front of it is absolute. */
const LINKS: Record<string, string> = {
  'ws/link-in': 'file.txt',
  'ws/link-out': '$T/outside/file.txt',
  'ws/linkdir-out': '$T/outside',
  'ws/dangling': '$T/outside/by-dangling',
  'ws/link-denied': 'denied/secret.txt',
  alias: 'ws',
  'ws/gitlink-target': 'nested/deep',
}

const HARD_LINKS: Record<string, string> = {
  'ws/hard.txt': 'outside/hard.txt',
  'ws/hard-denied.txt': 'ws/denied/secret.txt',
}

const VARIANTS: Record<Variant, (tree: Tree) => void> = {
  'git folder': (tree) => {
    tree.write('ws/.git/config', 'git\n')
    tree.write('ws/.git/HEAD', 'ref\n')
  },
  'git pointer': (tree) => tree.write('ws/.git', `gitdir: ${tree.root}/extra/gitdir\n`),
  'git link': (tree) => {
    tree.write('ws/real-git/config', 'git\n')
    tree.link('ws/.git', 'real-git')
  },
  'empty git': (tree) => tree.folder('ws/.git'),
  'no git': () => {},
}

export class Tree {
  readonly root: string
  /** The folder in the side's own /tmp, as the side names it. */
  static readonly tmp = '/tmp/side'
  /** Where this process finds that /tmp. */
  readonly #tmpHere: string
  readonly #owner: Owner
  /** A socket that listens. It lives elsewhere, so that it is not lost when the tree is made anew. */
  readonly #socket: string
  #variant: Variant = 'git folder'
  #pristine: Listing | undefined

  constructor(root: string, tmpHere: string, socket: string, owner: Owner) {
    this.root = root
    this.#tmpHere = tmpHere
    this.#socket = socket
    this.#owner = owner
  }

  /** The path of a target as the server takes it. Those that begin with a slash are absolute already. */
  path(target: string): string {
    if (target.startsWith('/')) return target
    if (target.startsWith('tmp:')) return join(Tree.tmp, target.slice(4))
    // Not joined, which would resolve the dots that some targets have.
    return target === '' ? this.root : `${this.root}/${target}`
  }

  uri(target: string): string {
    return `file://${encodeURI(this.path(target))}`
  }

  /** Text in which what only this side has is called by a common name. */
  common(text: string): string {
    return text.replaceAll(this.root, '$T')
  }

  #here(target: string): string {
    return target.startsWith('tmp:') ? join(this.#tmpHere, basename(Tree.tmp), target.slice(4)) : this.path(target)
  }

  #own(path: string): void {
    lchownSync(path, this.#owner.uid, this.#owner.gid)
  }

  folder(target: string): void {
    this.#makeFolder(this.#here(target))
  }

  #makeFolder(path: string): void {
    // From the first that is missing on, so that each gets its owner.
    const first = mkdirSync(path, { recursive: true, mode: 0o755 })
    for (let made = path; first !== undefined && made.length >= first.length; made = dirname(made)) this.#own(made)
  }

  write(target: string, content: string): void {
    const path = this.#here(target)
    if (!this.#isMissing(target)) return
    this.#makeFolder(dirname(path))
    writeFileSync(path, content, { mode: 0o644 })
    this.#own(path)
  }

  link(target: string, to: string): void {
    if (!this.#isMissing(target)) return
    symlinkSync(to.replace('$T', this.root), this.#here(target))
    this.#own(this.#here(target))
  }

  /**
   * Makes what is not as it was made. The rest stays the very same files, as it would between the requests of a
   * client.
   */
  restore(variant: Variant): void {
    if (variant !== this.#variant) {
      this.#pristine = undefined
      for (const name of readdirSync(this.root)) rmSync(join(this.root, name), { recursive: true, force: true })
      for (const name of readdirSync(this.#tmpHere).filter(isOurs))
        rmSync(join(this.#tmpHere, name), { recursive: true, force: true })
    }
    if (this.#pristine !== undefined && !this.#undo(this.#pristine)) return
    this.#variant = variant
    for (const [target, content] of Object.entries(FILES)) this.write(target, content)
    for (const [target, to] of Object.entries(LINKS)) this.link(target, to)
    for (const [target, to] of Object.entries(HARD_LINKS)) {
      if (!this.#isMissing(target) && lstatSync(this.#here(target)).ino === lstatSync(this.#here(to)).ino) continue
      rmSync(this.#here(target), { force: true })
      linkSync(this.#here(to), this.#here(target))
    }
    if (this.#isMissing('ws/fifo')) {
      execFileSync('mkfifo', ['-m', '644', this.#here('ws/fifo')])
      this.#own(this.#here('ws/fifo'))
    }
    if (this.#isMissing('ws/socket')) linkSync(this.#socket, this.#here('ws/socket'))
    VARIANTS[variant](this)
    this.#pristine ??= this.#list()
    const left = this.changes()
    if (left.length > 0) throw new Error(`the files could not be restored: ${left.join('; ')}`)
  }

  /** Removes what the reference keeps for itself in a TMPDIR of this tree. */
  sweep(): void {
    const folder = this.#here('tmpdir')
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      if (!isOurs(name)) rmSync(join(folder, name), { recursive: true, force: true })
  }

  /** Removes a folder, and makes it again. */
  remake(target: string): void {
    rmSync(this.#here(target), { recursive: true, force: true })
    this.restore(this.#variant)
  }

  /** Removes whatever is not as it was. Whether there was anything. */
  #undo(pristine: Listing): boolean {
    const now = this.#list()
    let changed = false
    for (const [path, what] of now) {
      const before = pristine.get(path)
      if (before === what) continue
      changed = true
      const here = this.#unlisted(path)
      if (before?.startsWith('folder ') && what.startsWith('folder '))
        chmodSync(here, Number.parseInt(before.slice(7), 8))
      else if (dirname(path) === '/') this.#removeLitter(here)
      else rmSync(here, { recursive: true, force: true })
    }
    for (const path of pristine.keys()) changed ||= !now.has(path)
    return changed
  }

  /** In `/`. Only what is empty, as others may have such names there. */
  #removeLitter(path: string): void {
    try {
      rmdirSync(path)
    } catch {
      // Not empty, no folder, or gone.
    }
  }

  #unlisted(name: string): string {
    if (name.startsWith('$T')) return this.root + name.slice(2)
    return name.startsWith('/tmp/') ? join(this.#tmpHere, name.slice(5)) : name
  }

  #isMissing(target: string): boolean {
    return lstatSync(this.#here(target), { throwIfNoEntry: false }) === undefined
  }

  /** One line for every path that is not as it was made. */
  changes(): string[] {
    const before = this.#pristine ?? new Map<string, string>()
    const now = this.#list()
    const lines: string[] = []
    for (const [path, what] of now)
      if (before.get(path) !== what) lines.push(`${before.has(path) ? '~' : '+'}${path} ${what}`)
    for (const path of before.keys()) if (!now.has(path)) lines.push(`-${path}`)
    return lines.sort()
  }

  #list(): Listing {
    const listing: Listing = new Map()
    this.#listInto(listing, this.root, '$T')
    for (const name of readdirSync(this.#tmpHere).filter(isOurs))
      this.#listInto(listing, join(this.#tmpHere, name), `/tmp/${name}`)
    for (const name of PROTECTED) this.#listInto(listing, `/${name}`, `/${name}`)
    return listing
  }

  #listInto(listing: Listing, path: string, name: string): void {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) listing.set(name, `-> ${this.common(readlinkSync(path))}`)
    else if (stats.isDirectory()) {
      listing.set(name, `folder ${mode}`)
      for (const child of readdirSync(path).filter(isOurs))
        this.#listInto(listing, join(path, child), `${name}/${child}`)
    } else if (stats.isFile())
      listing.set(name, `file ${mode} ${JSON.stringify(this.common(readFileSync(path, 'utf8').slice(0, 200)))}`)
    else listing.set(name, stats.isFIFO() ? 'fifo' : stats.isSocket() ? 'socket' : 'device')
  }
}

type Listing = Map<string, string>

/** The reference keeps folders of its own in $TMPDIR. */
const isOurs = (name: string): boolean => !name.startsWith('codex-')

/** Lets everybody pass through. */
export function openFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  chmodSync(path, 0o755)
  return path
}
