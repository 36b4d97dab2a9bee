/** One of the servers, with a /tmp, a home and files of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { killAtExit, markFor } from '../processes.ts'
import { Names } from './names.ts'
import type { Reference } from './reference.ts'
import { Tree } from './tree.ts'
import type { Web } from './web.ts'

export type SideOptions = {
  /** Of one length for both sides, so that paths are. */
  name: string
  command: readonly string[]
  reference: Reference
  /** The reference's executable, by whose name for sandboxes old clients wrap commands. */
  codex: string
  /** Of everything in this run. */
  base: string
  web: Web
}

/** After so many requests a connection is renewed: a long one may stall on the reference. */
const REQUESTS_PER_CONNECTION = 40

/** Makes a /tmp of its own and then runs what follows: profiles make mount points there. */
const OWN_TMP = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /tmp && exec "$@"', 'sh']

/** A server kills what it has started before it ends. */
const STOP_MS = 3000

/** What processes inherit, and what headers may be made of. */
const VARIABLES = {
  LANG: 'C.UTF-8',
  USER: 'parity',
  PARITY_PLAIN: 'plain value',
  PARITY_EMPTY: '',
  PARITY_SECRET: 'secret value',
  parity_token: 'token value',
  MONKEY: 'banana',
  AWS_SESSION_TOKEN: 'aws value',
  OPENAI_API_KEY: 'openai value',
}

export class Side {
  readonly options: SideOptions
  readonly home: string
  readonly #folder: string
  readonly #wrapper: string
  #child: ChildProcess | undefined
  #url = ''
  #tree: Tree | undefined
  #trees = 0
  #client: Client | undefined
  #requests = 0

  constructor(options: SideOptions) {
    this.options = options
    this.#folder = join(options.base, options.name)
    this.home = join(this.#folder, 'home')
    mkdirSync(this.home, { recursive: true })
    this.#wrapper = join(this.#folder, 'codex-linux-sandbox')
    symlinkSync(options.codex, this.#wrapper)
  }

  async #running(): Promise<string> {
    if (this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) return this.#url
    const env = {
      ...VARIABLES,
      PATH: '/usr/bin:/bin',
      HOME: this.home,
      CODEX_HOME: this.home,
      ...markFor(this.options.base),
    }
    const [file, ...args] = [...OWN_TMP, ...this.options.command, '--listen', 'ws://127.0.0.1:0']
    const child = spawn(file as string, args, { cwd: this.home, env, stdio: ['ignore', 'pipe', 'ignore'] })
    killAtExit(child)
    this.#child = child
    this.#url = await firstLine(child)
    return this.#url
  }

  async open(): Promise<Client> {
    return Client.open(await this.#running())
  }

  /** A connection on which single requests follow one another. */
  async shared(): Promise<Client> {
    const client = this.#client
    if (client !== undefined && client.closeCode === undefined && this.#requests++ < REQUESTS_PER_CONNECTION)
      return client
    await client?.drop()
    this.#requests = 0
    this.#client = await Client.connect(await this.#running())
    return this.#client
  }

  /** Files as they were made; the last ones, if nothing has changed. */
  tree(): Tree {
    return (this.#tree ??= new Tree(join(this.#folder, String(this.#trees++).padStart(4, '0'))))
  }

  dropTree(): void {
    const root = this.#tree?.root
    this.#tree = undefined
    // Who is still in it is none of this one's business, and it is all removed in the end.
    if (root !== undefined) rm(root, { recursive: true, force: true }).catch(() => {})
  }

  names(root: string): Names {
    const { url, otherUrl, closedUrl } = this.options.web
    return new Names([
      [root, '$T'],
      [this.home, '$HOME'],
      [this.#wrapper, '$WRAPPER'],
      [this.#folder, '$B'],
      [url, '$H'],
      [otherUrl, '$O'],
      [closedUrl, '$N'],
      ...[url, otherUrl].map((one) => [new URL(one).host, '<host>'] as const),
    ])
  }

  /** What stands for what in the params of a case. */
  tokens(root: string): [string, string][] {
    const { web, reference } = this.options
    const { host, hostname, port } = new URL(web.url)
    return [
      ['$/', reference.plainPaths ? `${root}/` : `file://${root}/`],
      ['$T', root],
      ['$HOME', this.home],
      ['$WRAPPER', this.#wrapper],
      ['$H', web.url],
      ['$O', web.otherUrl],
      ['$N', web.closedUrl],
      ['$AT_HOST', hostname],
      ['$AT_PORT', port],
      ['$AT', host],
    ]
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined || !child.kill('SIGTERM')) return
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await once(child, 'exit')
    clearTimeout(timer)
  }
}
