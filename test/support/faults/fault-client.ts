/**
 * A client in its own process, so that it can be stopped, or run in another network namespace. It starts a command and
 * prints one line each for the session, the command's output, every ping, and the end of the connection.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { endWithTest } from '../child.ts'
import { Client } from '../client.ts'
import { eventually, isDeno } from '../server.ts'

/** A running client process. */
export type ClientProgram = {
  child: ChildProcess
  pid: number
  sessionId: string
  said(): string
  output: string
  /** Number of pings that it has received and answered. */
  pings(): number
  kill(): void
}

/** Starts the client and waits for the command's first output. `prefix` must exec the client. */
export async function startClient(url: string, script: string, prefix: readonly string[] = []): Promise<ClientProgram> {
  const [command, ...args] = [
    ...prefix,
    process.execPath,
    ...(isDeno ? ['run', '-A'] : []),
    import.meta.filename,
    url,
    script,
  ]
  const child = endWithTest(spawn(command as string, args, { stdio: ['ignore', 'pipe', 'inherit'] }), 'SIGKILL')
  const kill = (): void => void child.kill('SIGKILL')
  let said = ''
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()))
  await eventually(() => /^output .*\n/m.test(said), 50_000, 'what a client program says')
  const [, sessionId, output] = /^session (.*)\n[^]*^output (.*)\n/m.exec(said) as unknown as [string, string, string]
  return {
    child,
    pid: child.pid as number,
    sessionId,
    said: () => said,
    output,
    pings: () => said.split('ping\n').length - 1,
    kill,
  }
}

if (process.argv[1] === import.meta.filename) {
  const [url, script] = process.argv.slice(2) as [string, string]
  const client = await Client.connect(url)
  console.log(`session ${client.sessionId}`)
  client.socket.on('ping', () => console.log('ping'))
  await client.start('p', ['/bin/sh', '-c', script])
  console.log(
    `output ${(await client.until(() => /\n/.test(client.outputOf('p').toString()) && client.outputOf('p').toString(), 50_000)).trim()}`,
  )
  await client.until(() => client.closeCode !== undefined, 2 ** 31 - 1)
  console.log('closed')
}
