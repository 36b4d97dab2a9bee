/** The files that a case is played on: every side has its own, made afresh and alike. */
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const FILES: Record<string, string> = {
  'file.txt': 'hello\n',
  empty: '',
  'data.bin': Array.from({ length: 3000 }, (_, index) => String.fromCharCode(33 + (index % 90))).join(''),
  script: '#!/bin/sh\necho script "$@"\n',
  'not-a-program': 'neither text nor code',
  'no-interpreter': '#!/nowhere/at/all\n',
  'folder/a.txt': 'a\n',
  'folder/b.txt': 'b\n',
  'folder/.hidden': 'hidden\n',
  'folder/inner/c.txt': 'c\n',
  'folder/inner/deep/d.txt': 'd\n',
  'sp ace.txt': 'space\n',
  'ünï.txt': 'unicode\n',
  'pct%20x': 'percent\n',
  'back\\slash': 'backslash\n',
  'ws/file.txt': 'workspace\n',
  'ws/sub/file.txt': 'sub\n',
  'ws/.git/config': 'git\n',
  'ws/denied/secret.txt': 'denied\n',
  'ws/data.secret': 'secret\n',
  'outside/file.txt': 'outside\n',
}

const MODES: Record<string, number> = {
  script: 0o755,
  'no-interpreter': 0o755,
  'not-a-program': 0o755,
  'data.bin': 0o600,
}

const FOLDERS = ['empty-folder']

const LINKS: Record<string, string> = {
  link: 'file.txt',
  'link-to-folder': 'folder',
  dangling: 'nowhere',
  loop: 'loop',
  'folder/link': 'a.txt',
  'ws/link-out': '../outside/file.txt',
}

/** A name that is not UTF-8. */
const RAW_NAME = Buffer.from('bad\xff\xfename', 'latin1')

/** Of every file, so that it can be compared. */
const MODIFIED_S = 1_700_000_000

/** Larger files are told of by their size. */
const LARGEST_SHOWN = 1_000_000

export class Tree {
  readonly root: string
  #pristine: ReadonlySet<string>

  constructor(root: string) {
    this.root = root
    mkdirSync(root, { recursive: true })
    for (const [name, content] of Object.entries(FILES)) {
      const path = join(root, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
      if (MODES[name] !== undefined) chmodSync(path, MODES[name])
    }
    for (const name of FOLDERS) mkdirSync(join(root, name))
    for (const [name, to] of Object.entries(LINKS)) symlinkSync(to, join(root, name))
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), RAW_NAME]), 'raw name\n')
    this.makeFifo('fifo')
    this.#age(root)
    this.#pristine = new Set(this.#list())
  }

  #age(path: string): void {
    if (lstatSync(path).isDirectory())
      for (const name of readdirSync(path)) if (!name.includes('\ufffd')) this.#age(join(path, name))
    lutimesSync(path, MODIFIED_S, MODIFIED_S)
  }

  // ---- what cases do behind the servers' backs ----

  /** With the folders above it. */
  makeFile(name: string, content = ''): void {
    mkdirSync(dirname(join(this.root, name)), { recursive: true })
    writeFileSync(join(this.root, name), content)
  }

  /** Of nothing but a length. */
  makeSparse(name: string, size: number): void {
    this.makeFile(name)
    truncateSync(join(this.root, name), size)
  }

  makeFolder(name: string): void {
    mkdirSync(join(this.root, name))
  }

  makeLink(name: string, to: string): void {
    symlinkSync(to, join(this.root, name))
  }

  makeFifo(name: string): void {
    execFileSync('mkfifo', ['-m', '644', join(this.root, name)])
  }

  move(name: string, to: string): void {
    renameSync(join(this.root, name), join(this.root, to))
  }

  chmod(name: string, mode: number): void {
    chmodSync(join(this.root, name), mode)
  }

  remove(name: string): void {
    rmSync(join(this.root, name), { recursive: true })
  }

  // ---- what became of them ----

  /** One line for every path that is not as it was made. */
  changes(): string[] {
    const now = new Set(this.#list())
    const made = [...now].filter((line) => !this.#pristine.has(line)).map((line) => `+ ${line}`)
    const gone = [...this.#pristine].filter((line) => !now.has(line)).map((line) => `- ${line}`)
    return [...gone, ...made].sort()
  }

  /** Not readdir's own recursion, which follows links. */
  #list(folder = ''): string[] {
    return readdirSync(join(this.root, folder), { encoding: 'utf8' }).flatMap((base) => {
      const name = join(folder, base)
      const what = this.#describe(join(this.root, name))
      return [`${name} ${what}`, ...(what.startsWith('folder ') ? this.#list(name) : [])]
    })
  }

  #describe(path: string): string {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    // Names that are not UTF-8.
    if (stats === undefined) return 'is there'
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) return `-> ${readlinkSync(path)}`
    if (stats.isDirectory()) return `folder ${mode}`
    if (!stats.isFile()) return 'special'
    const content = stats.size > LARGEST_SHOWN ? '' : JSON.stringify(readFileSync(path, 'latin1').slice(0, 100))
    return `file ${mode} ${stats.size} ${content}`
  }
}
