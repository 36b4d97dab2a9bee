/** The two programs of a reverse connection, `exec-server accept` and `exec-server --connect`, as processes. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { endWithTest } from './child.ts'
import { eventually, serverCommand } from './server.ts'

/** A process of the executable: what it has printed and logged so far, line by line. */
export type Program = { child: ChildProcess; lines: string[]; log: string[]; stop(): Promise<number | null> }

/** Starts the executable with these arguments. */
export function start(args: readonly string[], env = process.env): Program {
  const [command, commandArgs] = serverCommand([...args, '--log-level', 'info'])
  const child = endWithTest(spawn(command, commandArgs, { env, stdio: ['ignore', 'pipe', 'pipe'] }))
  const texts = { out: '', err: '' }
  child.stdout.on('data', (bytes: Buffer) => (texts.out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (texts.err += bytes.toString()))
  const complete = (text: string): string[] => text.split('\n').slice(0, -1)
  return {
    child,
    get lines() {
      return complete(texts.out)
    },
    get log() {
      return complete(texts.err)
    },
    stop: async () => {
      const exited = once(child, 'exit') as Promise<[number | null]>
      process.kill(child.pid as number, 'SIGTERM')
      return (await exited)[0]
    },
  }
}

/** Writes a file that only its owner may read. Returns its path. */
export function secretFile(folder: string, name: string, text = `${name} `.repeat(32)): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, 0o600)
  return path
}

/** Whether a line of the log has this event, and this text. */
export const logged = ({ log }: Program, event: string, text = ''): boolean =>
  log.some((line) => line.includes(`"event":"${event}"`) && line.includes(text))

/** Starts `exec-server accept`: `url` is for clients, `port` for the devbox. */
export async function startAccept(
  tokenFile: string,
  ...args: string[]
): Promise<Program & { url: string; port: number }> {
  const accept = start(['accept', '--token-file', tokenFile, ...args])
  await eventually(() => accept.lines.length === 2, 30_000, 'the URLs of accept')
  const [url = '', forDevboxes = ''] = accept.lines
  return Object.assign(accept, { url, port: Number(new URL(forDevboxes.replace('ws:', 'http:')).port) })
}
