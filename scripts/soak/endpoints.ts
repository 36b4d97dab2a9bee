/** The servers of a run: started, ended and started again; and what is alive of each when it should not be. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { firstLine } from '../../test/support/first-line.ts'
import type { Ledger } from './ledger.ts'
import { openWebSocket, stdioLink } from './links.ts'
import type { Link } from './links.ts'
import { commandOf, descendants, isStill, marked, MARK } from './processes.ts'

export type Subject = {
  /** What starts the server; `--listen URL` follows. */
  command: readonly string[]
  env: NodeJS.ProcessEnv
  /** Unique in the machine. */
  run: string
  /** Whether nothing of it may outlive it, SIGKILL included. */
  leavesNothing: boolean
}

export type EndSignal = 'SIGTERM' | 'SIGKILL'

/** Where clients connect to. Its server may be another one each time. */
export type Endpoint = {
  readonly name: string
  /** Whether a client can leave and come back to its session. */
  readonly resumable: boolean
  /** Rises before a server is ended: what was connected to it has then been ended by us. */
  readonly generation: number
  /** Of the present server; 0 before the first. */
  readonly pid: number
  /** Where it listens; empty on stdio. */
  readonly url: string
  /** A variable for everything that the present server starts. */
  readonly mark: Record<string, string>
  open(): Promise<Link>
  /** Ends the server; the next that connects finds another one. */
  end(signal: EndSignal): Promise<void>
  /** Ends it for good. */
  finish(): Promise<void>
}

/** How long a server may take to end by itself: a second, and more on a machine this busy. */
const END_MS = 60_000

const running = new Set<ChildProcess>()
const marks = new Set<string>()

class Servers {
  readonly #name: string
  readonly #subject: Subject
  readonly #ledger: Ledger
  generation = 0
  child: ChildProcess | undefined

  constructor(name: string, subject: Subject, ledger: Ledger) {
    this.#name = name
    this.#subject = subject
    this.#ledger = ledger
  }

  get #mark(): string {
    return `${this.#subject.run}-${this.#name}-${this.generation}`
  }

  get mark(): Record<string, string> {
    return { [MARK]: this.#mark }
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  start(listen: string, stdin: 'pipe' | 'ignore'): ChildProcess {
    const [file, ...args] = [...this.#subject.command, '--listen', listen]
    const child = spawn(file as string, args, { env: this.#subject.env, stdio: [stdin, 'pipe', 'pipe'] })
    running.add(child)
    marks.add(this.#mark)
    child.once('exit', () => running.delete(child))
    child.on('error', (error) => this.#ledger.fault(`${this.#name}: ${error.message}`))
    // Whatever it has to say there, it has met with what should not happen.
    child.stderr?.on('data', (bytes: Buffer) => {
      // The first refusal of an abusive client is a warning, as it must be.
      const lines = bytes.toString().trim().split('\n')
      const unexpected = lines.filter((line) => !line.includes('"event":"connectionRefused"'))
      if (this.#subject.leavesNothing && unexpected.length > 0)
        this.#ledger.fault(`${this.#name} says: ${unexpected.join('\n')}`)
    })
    this.child = child
    return child
  }

  /** `how` makes it end. Returns when it has ended and all it started, or is told of. */
  async end(how: (child: ChildProcess) => void, expected: number | string): Promise<void> {
    const { child } = this
    if (child === undefined) return
    this.child = undefined
    const mark = this.#mark
    const family = descendants(child.pid as number)
    this.generation++
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit')
      const timer = setTimeout(() => {
        this.#ledger.fault(`${this.#name} did not end within ${END_MS} ms`)
        child.kill('SIGKILL')
      }, END_MS)
      how(child)
      await exit
      clearTimeout(timer)
    }
    const outcome = child.exitCode ?? child.signalCode
    if (outcome !== expected) this.#ledger.fault(`${this.#name} ended with ${outcome} instead of ${expected}`)
    await this.#clear(mark, family)
  }

  async #clear(mark: string, family: ReturnType<typeof descendants>): Promise<void> {
    const alive = (): number[] => [...new Set([...marked(mark), ...family.filter(isStill).map(({ pid }) => pid)])]
    for (const pid of await this.#ledger.gone('the end of a server', alive)) {
      if (this.#subject.leavesNothing) this.#ledger.leave(`${commandOf(pid)} after the end of ${this.#name}`)
      kill(pid)
    }
    marks.delete(mark)
  }
}

export async function startNetwork(name: string, subject: Subject, ledger: Ledger): Promise<Endpoint> {
  const servers = new Servers(name, subject, ledger)
  const start = (): Promise<string> => firstLine(servers.start('ws://127.0.0.1:0', 'ignore'))
  let url = await start()
  let restarted = Promise.resolve()
  return {
    name,
    resumable: true,
    get generation() {
      return servers.generation
    },
    get pid() {
      return servers.pid
    },
    get url() {
      return url
    },
    get mark() {
      return servers.mark
    },
    open: async () => {
      await restarted
      return openWebSocket(url)
    },
    end: (signal) => {
      const restart = async (): Promise<void> => {
        await servers.end((child) => child.kill(signal), signal === 'SIGTERM' ? 0 : signal)
        url = await start()
      }
      return (restarted = restart())
    },
    finish: () => servers.end((child) => child.kill('SIGTERM'), 0),
  }
}

/** Each connection has a server of its own. It ends by the end of its stdin, or by a signal. */
export function stdioEndpoint(name: string, subject: Subject, ledger: Ledger): Endpoint {
  const servers = new Servers(name, subject, ledger)
  let ending: Promise<void> = Promise.resolve()
  const end = (signal: EndSignal): Promise<void> =>
    (ending = servers.end((child) => child.kill(signal), signal === 'SIGTERM' ? 0 : signal))
  return {
    name,
    url: '',
    resumable: false,
    get generation() {
      return servers.generation
    },
    get pid() {
      return servers.pid
    },
    get mark() {
      return servers.mark
    },
    open: async () => {
      await ending
      const child = servers.start('stdio', 'pipe')
      const link = stdioLink(child)
      // After the link's own: to its client the generation is still that of the server that has ended by itself.
      child.once('close', () => (ending = ending.then(() => servers.end(() => {}, 0))))
      return link
    },
    end,
    finish: async () => {
      await ending
      await end('SIGTERM')
    },
  }
}

/** However the run ends. */
export function killEverything(): void {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  for (const mark of marks) for (const pid of marked(mark)) kill(pid)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
