/** Starts the real server on stdio and collects its output lines. */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { endWithTest } from './child.ts'
import { serverCommand } from './server.ts'

/** A server on stdio and its complete output lines so far. */
export type StdioServer = {
  child: ChildProcessByStdio<Writable, Readable, Readable>
  lines: string[]
  stderr: () => string
  /** The exit code or signal, after all output has been read. */
  exit: Promise<number | string | null>
}

/** Starts a server with `--listen listen`. */
export function startStdioServer(
  listen = 'stdio',
  env: NodeJS.ProcessEnv = process.env,
  more: readonly string[] = [],
): StdioServer {
  const [command, args] = serverCommand(['--listen', listen, ...more])
  const child = endWithTest(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env }))
  const lines: string[] = []
  let [rest, stderr] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => {
    const parts = (rest + bytes.toString()).split('\n')
    rest = parts.pop() as string
    lines.push(...parts)
  })
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  child.stdin.on('error', () => {})
  return { child, lines, stderr: () => stderr, exit: once(child, 'close').then(([code, signal]) => code ?? signal) }
}
