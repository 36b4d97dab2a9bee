/** Fixtures of the escape suites: users, trees with files to protect, and sandbox objects of the newest protocol. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { endWithTest } from './child.ts'
import { Client } from './client.ts'
import type { Answer } from './client.ts'
import { firstLine } from './first-line.ts'
import { atEnd } from './scope.ts'
import { root as checkout, serverCommand } from './server.ts'
import { suite } from './suite.ts'

// ---- users ------------------------------------------------------------------------------------------------------

/** A user that the server runs as. */
export type User = {
  name: string
  uid: number
  /** Command prefix that runs a command as this user. */
  prefix: string[]
  /** The server's executable and its first arguments. */
  program: [string, string[]]
  /** Why the server cannot run as this user, or cannot sandbox anything. */
  obstacle?: string
  /** Why bubblewrap cannot work for this user, although the server can. */
  unconfined?: string
}

const NOBODY = 65534

/** Root and an ordinary user if the test runs as root; otherwise the current user. */
export function users(): User[] {
  const uid = process.getuid?.() ?? -1
  if (uid !== 0) return [survey({ name: 'oneself', uid, prefix: [], program: serverCommand([]) })]
  const prefix = [onPath('setpriv') ?? 'setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
  return [
    survey({ name: 'root', uid, prefix: [], program: serverCommand([]) }),
    survey({ name: 'an ordinary user', uid: NOBODY, prefix, program: serverCommand([]) }),
  ]
}

function survey(user: User): User {
  if (process.platform !== 'linux') return { ...user, obstacle: 'sandboxes are enforced on Linux only' }
  if (!runs(user, ['true'])) return { ...user, obstacle: 'no setpriv to become an ordinary user with' }
  const program = reachableProgram(user)
  if (program === undefined)
    return { ...user, obstacle: 'neither the sources nor dist/exec-server can be read by this user' }
  const unconfined = whyUnconfined(user)
  return { ...user, program, ...(unconfined === undefined ? {} : { unconfined }) }
}

function whyUnconfined(user: User): string | undefined {
  if (onPath('bwrap') === undefined) return 'no bwrap on PATH'
  if (
    runs(user, [
      'bwrap',
      '--ro-bind',
      '/',
      '/',
      '--unshare-user',
      '--unshare-pid',
      '--unshare-net',
      '--proc',
      '/proc',
      'true',
    ])
  )
    return undefined
  return 'this machine makes no user namespaces'
}

/** The server's command if this user can read all its files; otherwise a readable copy of the executable. */
function reachableProgram(user: User): User['program'] | undefined {
  const [command, args] = user.program
  const files = [command, ...args.filter((argument) => argument.startsWith('/'))]
  if (files.every((file) => runs(user, ['test', '-r', file])) && runs(user, ['test', '-x', command]))
    return user.program
  if (builtExecutable === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'exec-server-program-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  copyFileSync(builtExecutable, join(folder, 'exec-server'))
  chmodSync(join(folder, 'exec-server'), 0o755)
  return [join(folder, 'exec-server'), []]
}

/** The built executable, if there is one that is not older than the sources. */
export const builtExecutable: string | undefined = findExecutable()

function findExecutable(): string | undefined {
  const given = process.env['EXEC_SERVER_BINARY']
  if (given !== undefined) return realpathSync(given)
  const built = join(checkout, 'dist', 'exec-server')
  if (!existsSync(built)) return undefined
  const sources = readdirSync(join(checkout, 'src'), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  const newest = Math.max(...sources.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs))
  return statSync(built).mtimeMs < newest ? undefined : built
}

/** The path of an executable in PATH, if there is one. */
export function onPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return statSync(file).isFile()
      } catch {
        return false
      }
    })
}

const runs = (user: User, argv: readonly string[]): boolean => {
  const [command, ...args] = [...user.prefix, ...argv]
  return spawnSync(command as string, args, { stdio: 'ignore', cwd: '/' }).status === 0
}

// ---- sandbox objects --------------------------------------------------------------------------------------------

export type Access = 'read' | 'write' | 'deny'
/** An entry of a permission profile. */
export type Entry = { path: object; access: Access }
/** The sandbox member of a request. */
export type Sandbox = { permissions: object; cwd: string; workspaceRoots: string[] }

/** The file URI of an absolute path. */
export const uri = (path: string): string => `file://${path.split('/').map(encodeURIComponent).join('/')}`
/** An entry for a symbolic path. */
export const special = (kind: string, access: Access, subpath?: string): Entry => ({
  path: { type: 'special', value: { kind, ...(subpath === undefined ? {} : { subpath }) } },
  access,
})
/** An entry for an absolute path. */
export const at = (path: string, access: Access): Entry => ({ path: { type: 'path', path: uri(path) }, access })
/** An entry for a glob. */
export const glob = (pattern: string, access: Access = 'deny'): Entry => ({
  path: { type: 'glob_pattern', pattern },
  access,
})

export const READ_ALL = special('root', 'read')
export const WRITE_ROOTS = special('project_roots', 'write')

/** A sandbox with a managed permission profile; the first root is the cwd. */
export function managed(
  roots: readonly string[],
  entries: readonly Entry[],
  network: 'restricted' | 'enabled' = 'restricted',
): Sandbox {
  return {
    permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network },
    cwd: uri(roots[0] as string),
    workspaceRoots: roots.map(uri),
    ...{ windowsSandboxLevel: 'disabled', windowsSandboxPrivateDesktop: false, useLegacyLandlock: false },
  }
}

// ---- trees ------------------------------------------------------------------------------------------------------

/** SECRET is only in denied files, TOKEN only in the server's environment. Neither may ever leak. */
export const SECRET = 'TOP-SECRET-CONTENT'
export const TOKEN = 'xyz-of-the-servers-environment'
/** Names that are protected in every writable directory. */
export const PROTECTED = ['.git', '.agents', '.codex', '.aws']

/**
 * A folder with workspaces, and next to them files that must not change.
 *
 *     ws      a workspace with .git         bare    one without         out     read-only
 *     secret, secret.txt    denied
 */
export class Tree {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-escape-')))
  readonly ws = this.in('ws')
  readonly bare = this.in('bare')
  readonly out = this.in('out')
  readonly secret = this.in('secret')
  /** The changes that a test expects, in the form of `changes()`. */
  expected: string[] = []
  /** Changes below these paths are not checked. */
  ignored: string[] = []
  readonly #uid: number
  #before: Map<string, string> | undefined

  constructor(user: User) {
    this.#uid = user.uid
    chmodSync(this.root, 0o755)
    lchownSync(this.root, user.uid, user.uid)
    this.repository('ws')
    this.file('ws/inside.txt', 'inside')
    this.file('ws/tree/file.txt', 'from the workspace')
    this.file('bare/inside.txt', 'inside')
    this.file('out/plain.txt', 'plain')
    this.file('out/dir/file.txt', 'file')
    this.file('secret/key.txt', SECRET)
    this.file('secret/public/page.txt', 'a page')
    this.file('secret.txt', SECRET)
  }

  in(...names: string[]): string {
    return join(this.root, ...names)
  }

  /** Makes the user the owner, so that only the sandbox can deny access. */
  #own(path: string): void {
    if (this.#before !== undefined) throw new Error('the tree is in use')
    lchownSync(path, this.#uid, this.#uid)
  }

  dir(name: string): string {
    const path = this.in(name)
    if (!existsSync(dirname(path))) this.dir(dirname(name))
    if (!existsSync(path)) {
      mkdirSync(path)
      this.#own(path)
    }
    return path
  }

  file(name: string, text: string, mode = 0o644): string {
    this.dir(dirname(name))
    writeFileSync(this.in(name), text, { mode })
    this.#own(this.in(name))
    return this.in(name)
  }

  link(name: string, target: string): string {
    this.dir(dirname(name))
    symlinkSync(target, this.in(name))
    this.#own(this.in(name))
    return this.in(name)
  }

  hard(name: string, target: string): string {
    linkSync(target, this.in(name))
    return this.in(name)
  }

  copyOf(file: string, name: string): string {
    this.dir(dirname(name))
    copyFileSync(file, this.in(name))
    chmodSync(this.in(name), 0o755)
    this.#own(this.in(name))
    return this.in(name)
  }

  repository(name: string): void {
    spawnSync('git', ['init', '-q', '--template=', this.dir(name)])
    // Works without git installed: a minimal .git directory is enough.
    this.file(`${name}/.git/HEAD`, 'ref: refs/heads/main\n')
    this.file(`${name}/.git/config`, '[core]\n\tbare = false\n')
    this.file(`${name}/.git/hooks/sample`, '#!/bin/sh\n', 0o755)
    for (const entry of readdirSync(this.in(name, '.git'), { recursive: true }))
      this.#own(this.in(name, '.git', String(entry)))
    this.#own(this.in(name, '.git'))
  }

  /** Takes the snapshot that changes() compares with. The first request of a test calls it. */
  freeze(): void {
    this.#before ??= photograph(this.root)
  }

  /** Names of files added, removed or modified since freeze(). */
  changes(): string[] {
    const before = this.#before ?? new Map<string, string>()
    const after = photograph(this.root)
    const names = new Set([...before.keys(), ...after.keys()])
    return [...names]
      .filter(
        (name) =>
          before.get(name) !== after.get(name) &&
          !this.ignored.some((own) => name === own || name.startsWith(`${own}/`)),
      )
      .sort()
  }

  /** Fails unless exactly the expected changes happened. The server has 2 s to clean up. */
  async verify(): Promise<void> {
    const deadline = Date.now() + 2000
    let changes = this.changes()
    while (changes.join() !== [...this.expected].sort().join() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      changes = this.changes()
    }
    assert.equal(changes, [...this.expected].sort(), 'what the attempt changed on the host')
    for (const name of this.ignored) assert.not.match(this.textOf(name), SECRET, `${name} has got the secret`)
  }

  /** The text of all files below a folder, to search for a leaked secret. */
  textOf(name: string): string {
    if (!existsSync(this.in(name))) return ''
    return [...photograph(this.in(name)).values()].join('\n')
  }

  delete(): void {
    // A copied mask is a directory without any permissions.
    spawnSync('chmod', ['-R', 'u+rwX', this.root])
    rmSync(this.root, { recursive: true, force: true })
  }
}

/**
 * A snapshot of everything below a folder. Placeholders for missing names may be removed meanwhile, by another server
 * or by the clean-up after a killed one, so ENOENT is ignored.
 */
function photograph(folder: string): Map<string, string> {
  const picture = new Map<string, string>()
  const visit = (path: string, name: string): void => {
    const stat = lstatSync(path)
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isSymbolicLink()) picture.set(name, `link ${readlinkSync(path)}`)
    else if (stat.isDirectory()) {
      const children = stat.mode & 0o400 ? readdirSync(path) : []
      picture.set(name, `directory ${mode} ${stat.uid}`)
      for (const child of children) look(join(path, child), name === '' ? child : `${name}/${child}`)
    } else if (stat.isFile() && stat.size > 1_000_000)
      picture.set(name, `file ${mode} ${stat.uid} ${stat.ino} ${stat.size}`)
    else if (stat.isFile()) picture.set(name, `file ${mode} ${stat.uid} ${readFileSync(path, 'latin1')}`)
    else picture.set(name, `other ${stat.mode}`)
  }
  const look = (path: string, name: string): void => {
    try {
      visit(path, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  look(folder, '')
  return picture
}

export const base64 = (text: string): string => Buffer.from(text).toString('base64')

// ---- servers ----------------------------------------------------------------------------------------------------

/** A running server and its pid. */
export type Served = {
  url: string
  child: ChildProcess
  pid: number
  stderr(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts the server as this user, with TOKEN in its environment, which no sandboxed command may see. */
export async function serveAs(user: User, env: NodeJS.ProcessEnv = {}, program = user.program): Promise<Served> {
  const [command, ...args] = [...user.prefix, program[0], ...program[1]]
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-home-')))
  atEnd(() => rmSync(home, { recursive: true, force: true }))
  lchownSync(home, user.uid, user.uid)
  const child = spawn(command as string, args, {
    cwd: '/',
    env: { ...process.env, HOME: home, SECRET_TOKEN: TOKEN, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  endWithTest(child)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let stderr = ''
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const url = await firstLine(child)
  return {
    url,
    child,
    pid: child.pid as number,
    stderr: () => stderr,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal)
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
}

// ---- rows -------------------------------------------------------------------------------------------------------

/** Context of one test: its own tree, and a server that runs as the test's user. */
export class Attempt {
  readonly tree: Tree
  readonly user: User
  readonly server: Served
  readonly client: Client
  #count = 0

  constructor(user: User, server: Served, client: Client, tree = new Tree(user)) {
    this.tree = tree
    this.user = user
    this.server = server
    this.client = client
  }

  /** The standard sandbox: reads everywhere, writes in the workspaces, no access to the secrets. */
  standard(network: 'restricted' | 'enabled' = 'restricted'): Sandbox {
    const { ws, bare, secret } = this.tree
    return managed([ws, bare], [READ_ALL, WRITE_ROOTS, at(secret, 'deny'), at(`${secret}.txt`, 'deny')], network)
  }

  /** One fs request. Paths are sent as URIs. */
  async fs(method: string, params: Record<string, unknown>, sandbox: Sandbox = this.standard()): Promise<Answer> {
    this.tree.freeze()
    const paths = ['path', 'sourcePath', 'destinationPath'].filter((key) => typeof params[key] === 'string')
    const uris = Object.fromEntries(paths.map((key) => [key, uri(params[key] as string)]))
    const answer = await this.client.ask(`fs/${method}`, { ...params, ...uris, sandbox })
    assert.not.match(decoded(answer), SECRET, `${method} ${JSON.stringify(params)} gave the secret away`)
    return answer
  }

  /** One fs request that must succeed. */
  async ok(method: string, params: Record<string, unknown>, sandbox?: Sandbox): Promise<any> {
    const { result, error } = await this.fs(method, params, sandbox)
    assert.is(error, undefined, `${method} ${JSON.stringify(params)}: ${error?.message}`)
    return result
  }

  /** One fs request that must fail with an operating system error, not because the sandbox is unavailable. */
  async refused(
    method: string,
    params: Record<string, unknown>,
    sandbox?: Sandbox,
  ): Promise<{ code: number; message: string }> {
    const { result, error } = await this.fs(method, params, sandbox)
    const what = `${method} ${JSON.stringify(params)} answered ${JSON.stringify(error ?? result)}`
    assert.ok(error !== undefined, what)
    assert.ok([-32603, -32600, -32004].includes(error.code), what)
    assert.match(error.message, REFUSAL, what)
    return error
  }

  /** Requests that must all be refused. Sequential, because concurrent ones would each start a helper. */
  async allRefused(calls: readonly Call[], sandbox?: Sandbox): Promise<void> {
    for (const [method, params] of calls) await this.refused(method, params, sandbox)
  }

  async text(path: string, sandbox?: Sandbox): Promise<string> {
    return Buffer.from((await this.ok('readFile', { path }, sandbox)).dataBase64, 'base64').toString()
  }

  /** Starts a command in the workspace. */
  async start(argv: readonly string[], more: Circumstances = {}): Promise<string> {
    this.tree.freeze()
    const id = `${this.tree.root}-${this.#count++}`
    const { sandbox = this.standard(), env = {}, cwd = this.tree.ws, ...rest } = more
    await this.client.start(id, argv, { env: { ...this.#env(), ...env }, cwd: uri(cwd), sandbox, ...rest })
    return id
  }

  /** Waits for the end of a command: its output, and the exit code and denial of process/exited. */
  async end(id: string): Promise<{ code: number; output: string; denied: unknown }> {
    const code = await this.client.closed(id, 45_000)
    const exit = this.client.eventsOf(id).find(({ method }) => method === 'process/exited')
    const output = this.client.outputOf(id).toString()
    for (const word of [SECRET, TOKEN]) assert.not.match(output, word)
    return { code, output, denied: exit?.params['sandboxDenied'] }
  }

  async run(
    argv: readonly string[],
    more: Circumstances = {},
  ): Promise<{ code: number; output: string; denied: unknown }> {
    return await this.end(await this.start(argv, more))
  }

  /** Runs a script with the functions `try`, `put` and `see` (below). It must reach its end without an escape. */
  async sh(script: string, more: Circumstances = {}): Promise<string> {
    const { output } = await this.run(['/bin/sh', '-c', `${WORDS}\n${script}\necho END`], more)
    assert.match(output, /END\s*$/, `the script did not get to its end: ${output}`)
    assert.not.match(output, 'ESCAPED', output)
    return output
  }

  #env(): Record<string, string> {
    const { ws, bare, out, secret, root } = this.tree
    return {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: root,
      LC_ALL: 'C',
      W: ws,
      BARE: bare,
      OUT: out,
      SECRET: secret,
      SERVER: String(this.server.pid),
    }
  }
}

/** Overrides for a command: by default it runs in the workspace, on pipes, in the standard sandbox. */
export type Circumstances = { env?: object; sandbox?: Sandbox | null; tty?: boolean; pipeStdin?: boolean; cwd?: string }

/** A request: method and params. */
export type Call = [method: string, params: Record<string, unknown>]

/** Matches the operating system's denial messages. */
const REFUSAL = new RegExp(
  [
    'Read-only file system|ermission denied|not permitted|No such file|[Rr]esource busy|Text file is busy',
    'Not a directory|Is a directory|File exists|not a file|only supports regular files|symbolic link',
  ].join('|'),
)

/**
 * Shell functions for scripts: `try` runs a command that must fail, `put` writes a file that must not be writable,
 * `see` prints a file that must not be readable (a leak shows as the secret in the output).
 */
const WORDS = `
try() { if ( "$@" ) > /dev/null 2>&1; then echo "ESCAPED: $*"; fi; }
put() { if ( echo put >> "$1" ) 2> /dev/null; then echo "ESCAPED: > $1"; fi; }
see() { cat "$1" 2> /dev/null; }
`

/** A response as text with its base64 decoded, to search for secrets. */
function decoded(answer: Answer): string {
  const data = answer.result?.dataBase64
  return JSON.stringify(answer) + (typeof data === 'string' ? Buffer.from(data, 'base64').toString('latin1') : '')
}

/** The body of a test. */
export type Row = (attempt: Attempt) => Promise<void>

type DefineRow = (title: string, body: Row, obstacle?: string) => void

/** The quick tier runs one `row` in this many: there are about a hundred, and each starts a few sandboxes. */
const QUICK_SAMPLE = 4

/**
 * Defines a suite per user, with one server for all its tests; tests that cannot run on this machine are skipped by
 * name. The quick tier runs every `row.asRoot` for every user, and every fourth `row` for the last user only (the
 * ordinary one if there are two). The full tier runs everything, `row.full` included.
 */
export function forEachUser(
  name: string,
  define: (row: DefineRow & { asRoot: DefineRow; full: DefineRow }, user: User) => void,
  options: { limitMs?: number } = {},
): void {
  const everyone = users()
  for (const user of everyone) {
    const isFullOnly = user !== everyone.at(-1)
    const test = suite(`${name}, as ${user.name}`, options)
    let server: Served
    let client: Client
    const obstacle = user.obstacle ?? user.unconfined
    if (obstacle !== undefined) console.log(`(${name}, as ${user.name}: not shown here, ${obstacle})`)
    else {
      test.before(async () => {
        server = await serveAs(user)
        client = await Client.connect(server.url)
      })
      test.after(async () => {
        await client.close()
        await server.stop()
      })
    }
    const defineRow = (isFull: boolean, title: string, body: Row, missing = obstacle): void => {
      if (missing !== undefined) return test.skip(`${title} [not shown here: ${missing}]`)
      const defineTest = isFull ? test.full : test
      defineTest(title, async () => {
        const attempt = new Attempt(user, server, client)
        try {
          await body(attempt)
          await attempt.tree.verify()
          assert.is(server.child.exitCode ?? server.child.signalCode, null, `the server ended: ${server.stderr()}`)
        } finally {
          attempt.tree.delete()
        }
      })
    }
    let count = 0
    const row: DefineRow = (...args) => defineRow(isFullOnly || count++ % QUICK_SAMPLE !== 0, ...args)
    const asRoot: DefineRow = (...args) => defineRow(false, ...args)
    const full: DefineRow = (...args) => defineRow(true, ...args)
    define(Object.assign(row, { asRoot, full }), user)
    test.run()
  }
}

/** Defines one test per user, with a server that finds no bubblewrap. */
export function withoutBubblewrap(name: string, title: string, body: Row): void {
  for (const user of users()) {
    const test = suite(`${name} without bubblewrap, as ${user.name}`)
    if (user.obstacle !== undefined) test.skip(`${title} [not shown here: ${user.obstacle}]`)
    else {
      test(title, async () => {
        const empty = mkdtempSync(join(tmpdir(), 'exec-server-empty-'))
        chmodSync(empty, 0o755)
        const server = await serveAs(user, { PATH: empty })
        const client = await Client.connect(server.url)
        const attempt = new Attempt(user, server, client)
        try {
          await body(attempt)
        } finally {
          attempt.tree.delete()
          await client.close()
          await server.stop()
          rmSync(empty, { recursive: true })
        }
      })
    }
    test.run()
  }
}
