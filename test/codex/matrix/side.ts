/** One of the two servers, with files and a /tmp of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { killAtExit, markFor } from '../processes.ts'
import type { Cells, Finished, Operation, Scene } from './operations.ts'
import type { Profile } from './profiles.ts'
import { openFolder, Tree } from './tree.ts'
import type { Owner } from './tree.ts'

export type SideOptions = {
  name: string
  command: readonly string[]
  /** Of everything in this run. */
  base: string
  owner: Owner
  networkPort: number
}

type Server = { child: ChildProcess; client: Client }

/** Longer than any operation takes, even on a busy machine. */
const PATIENCE_MS = 15_000
/** A server takes its mount points away just after a command's end. */
const LITTER_MS = 400

export class Side {
  readonly name: string
  readonly tree: Tree
  readonly #options: SideOptions
  readonly #holder: ChildProcess
  /** One for every TMPDIR. */
  readonly #servers = new Map<string, Server>()
  #processes = 0
  #last: Profile | undefined

  private constructor(options: SideOptions, holder: ChildProcess, tree: Tree) {
    this.name = options.name
    this.#options = options
    this.#holder = holder
    this.tree = tree
  }

  static async open(options: SideOptions): Promise<Side> {
    const { base, name, owner } = options
    const root = ownFolder(join(base, name), owner)
    const socket = join(base, `${name}.socket`)
    const listener = createServer((connection) => connection.end()).listen({
      path: socket,
      readableAll: true,
      writableAll: true,
    })
    await once(listener, 'listening')
    listener.unref()
    // Holds a mount namespace open that has a /tmp of its own: profiles that grant /tmp make mount points there.
    const holder = spawn(
      'unshare',
      ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /tmp && echo ready && exec sleep infinity'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    killAtExit(holder)
    await firstLine(holder)
    return new Side(options, holder, new Tree(root, `/proc/${holder.pid}/root/tmp`, socket, owner))
  }

  async #server(tmpdir: string | undefined): Promise<Server> {
    const key = tmpdir ?? ''
    const running = this.#servers.get(key)
    if (running !== undefined && running.child.exitCode === null && running.client.closeCode === undefined)
      return running
    running?.child.kill('SIGKILL')
    const { base, name, command, owner } = this.#options
    const home = ownFolder(join(base, `${name}-home`), owner)
    // The root of that namespace is not the one that a folder opened here is of.
    const args = [`--mount=/proc/${this.#holder.pid}/ns/mnt`, '--', 'env', '-C', '/']
    if (owner.uid !== 0) args.push('setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups', '--')
    const env = {
      PATH: '/usr/bin:/bin',
      HOME: home,
      CODEX_HOME: home,
      ...(tmpdir === undefined ? {} : { TMPDIR: tmpdir }),
      ...markFor(base),
    }
    const child = spawn('nsenter', [...args, ...command, '--listen', 'ws://127.0.0.1:0'], {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    killAtExit(child)
    const client = await Client.connect(await firstLine(child))
    const server = { child, client }
    this.#servers.set(key, server)
    return server
  }

  /** Plays one operation on files that are as they were made, and adds what it changed of them. */
  async play(profile: Profile, operation: Operation, sandboxOf: (tree: Tree) => unknown): Promise<Cells> {
    const { tree } = this
    if (this.#last !== profile) tree.sweep()
    this.#last = profile
    tree.restore(profile.variant ?? 'git folder')
    const tmpdir = profile.tmpdir?.(tree)
    const server = await this.#server(tmpdir)
    const sandbox = sandboxOf(tree)
    let spent = false
    const scene: Scene = {
      tree,
      tmpdir,
      serverPid: server.child.pid as number,
      restart: () => void (spent = true),
      networkPort: this.#options.networkPort,
      ask: (method, params) => ask(server, method, { ...params, sandbox }),
      run: (params, started) => this.#run(server, { ...params, sandbox, ...profile.start }, started),
    }
    const cells = await operation.play(scene)
    const whole = (cells[operation.name] ??= {})
    whole['changes'] = (await this.#changes()).join('\n')
    if (spent) {
      killTree(server.child.pid as number)
      await server.client.drop()
    }
    return cells
  }

  async #changes(): Promise<string[]> {
    const until = Date.now() + LITTER_MS
    for (;;) {
      const changes = this.tree.changes()
      if (!changes.some((line) => /^\+\S*\/\.(git|agents|codex|aws) /.test(line)) || Date.now() > until) return changes
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #run(
    server: Server,
    params: object,
    started: ((processId: string) => Promise<unknown>) | undefined,
  ): Promise<Finished> {
    const { client } = server
    client.notifications.length = 0
    client.messages.length = 0
    const processId = `p${this.#processes++}`
    const answer = await ask(server, 'process/start', {
      processId,
      ...params,
      env: { ...(params as { env?: object }).env, ...markFor(this.#options.base) },
    })
    if (answer.error !== undefined) return { answer, stdout: '' }
    try {
      if (started !== undefined) {
        await client.until(
          () => client.eventsOf(processId).some(({ method }) => method !== 'process/closed'),
          PATIENCE_MS,
          'output',
        )
        await started(processId)
      }
      const exit = await client.closed(processId, PATIENCE_MS)
      const exited = client.eventsOf(processId).find(({ method }) => method === 'process/exited')
      const last = await ask(server, 'process/read', { processId, afterSeq: null, maxBytes: null, waitMs: 0 })
      const streams = ['stdout', 'pty'].map((stream) => client.outputOf(processId, stream).toString('latin1'))
      return {
        answer,
        exit,
        denied: exited?.params['sandboxDenied'],
        deniedRead: last.result?.sandboxDenied,
        stdout: streams.join(''),
      }
    } catch (error) {
      // Neither this command nor the server it may hold up must spoil what comes next.
      killTree(server.child.pid as number)
      await client.drop()
      return { answer: failed((error as Error).message), stdout: '' }
    }
  }

  close(): void {
    for (const { child } of this.#servers.values()) child.kill('SIGKILL')
    this.#holder.kill('SIGKILL')
  }
}

function ownFolder(path: string, { uid, gid }: Owner): string {
  openFolder(path)
  chownSync(path, uid, gid)
  return path
}

/** With its children: some do not notice that it is gone. */
function killTree(pid: number): void {
  const children = readdirSync('/proc')
    .map(Number)
    .filter((child) => Number(statFields(child)?.[1]) === pid)
  for (const child of children) killTree(child)
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

const failed = (message: string): Answer => ({ id: null, error: { code: 0, message } })

/** An answer, also where the server has none to give. */
async function ask({ child, client }: Server, method: string, params: object): Promise<Answer> {
  return new Promise((resolve) => {
    const end = (answer: Answer): void => {
      clearTimeout(timer)
      client.socket.off('close', closed)
      resolve(answer)
    }
    const closed = (): void => end(failed('the connection was closed'))
    const timer = setTimeout(() => {
      killTree(child.pid as number)
      end(failed('no answer'))
    }, PATIENCE_MS)
    client.socket.once('close', closed)
    void client.ask(method, params).then(end)
  })
}
