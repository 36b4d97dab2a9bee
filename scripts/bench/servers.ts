/** Starts the servers, and sees to it that nothing of them is left. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { firstLine } from '../../test/support/first-line.ts'
import { childrenOf } from './proc.ts'

export type Subject = {
  name: 'ours' | 'reference' | 'Node'
  /** The executable itself, whose size counts. */
  program: string
  /** What starts the server. */
  command: readonly string[]
  /** A path as this server takes it. */
  path(path: string): string
  env: NodeJS.ProcessEnv
}

export type Server = {
  subject: Subject
  url: string
  pid: number
  /** From spawn to the line with the URL. */
  startupMs: number
  stop(): Promise<void>
}

/** From this version on the reference takes file URIs only; before it, plain paths only. */
const FIRST_WITH_URIS = [0, 150]

export function pathDialect(version: string): (path: string) => string {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [firstMajor = 0, firstMinor = 0] = FIRST_WITH_URIS
  const uris = major > firstMajor || (major === firstMajor && minor >= firstMinor)
  return uris ? (path) => pathToFileURL(path).href : (path) => path
}

const STOP_MS = 3000
const running = new Set<ChildProcess>()

export async function startServer(subject: Subject): Promise<Server> {
  const [file, ...args] = subject.command
  const before = performance.now()
  const child = spawn(file as string, [...args, '--listen', 'ws://127.0.0.1:0'], {
    env: subject.env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  running.add(child)
  const url = await firstLine(child)
  const startupMs = performance.now() - before
  return { subject, url, pid: child.pid as number, startupMs, stop: () => stop(child) }
}

/** Asks first, so that a profile gets written; what the server started is killed, whatever it did about it. */
async function stop(child: ChildProcess): Promise<void> {
  const children = childrenOf(child.pid as number)
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(timer)
  }
  running.delete(child)
  for (const pid of children) kill(pid)
}

/** For an end in the middle of a run. */
export function killEverything(): void {
  for (const child of running) {
    const children = childrenOf(child.pid as number)
    child.kill('SIGKILL')
    for (const pid of children) kill(pid)
  }
  running.clear()
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
