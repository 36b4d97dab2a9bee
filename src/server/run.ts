/**
 * Runs a command of the command line. What it needs before the URL is told is little, and all that this
 * file imports; the rest is loaded when the door is open.
 */
import { writeSync } from 'node:fs'
import process from 'node:process'
import type { HttpPolicy } from '../host/http-policy.ts'
import { HELP, parseCommand, UsageError } from './arguments.ts'
import type { Command } from './arguments.ts'
import { openListener } from './listener.ts'
import type { Listener } from './listener.ts'
import { version } from './version.ts'

export async function run(args: readonly string[]): Promise<void> {
  if (process.platform === 'win32') return fail('exec-server does not run on Windows; run it inside WSL', 1)
  try {
    await follow(parseCommand(args))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    fail(error.message, error.exitCode)
  }
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = exitCode
}

async function follow(command: Command): Promise<void> {
  switch (command.kind) {
    case 'help':
      return void process.stdout.write(HELP)
    case 'version':
      return void process.stdout.write(`exec-server ${version}\n`)
    case 'doctor':
      process.exitCode = await (await import('./doctor.ts')).runDoctor(command.sandbox)
      return
    case 'serve': {
      let stop = (): void => process.exit(0)
      onStopSignal(() => stop())
      const options = { ...command, httpPolicy: await httpPolicy(command.httpPolicy) }
      if (command.listen.kind === 'stdio') {
        stop = (await import('./serve.ts')).serveParent(options)
        return
      }
      const listener = await listen(command.listen.address, command.listen.port)
      writeSync(1, `${listener.url}\n`)
      stop = (await import('./serve.ts')).serveNetwork(listener, options)
    }
  }
}

/** Loaded only if it is asked for: it is the one thing that must be right before the door opens. */
async function httpPolicy(value: string | undefined): Promise<HttpPolicy | undefined> {
  if (value === undefined) return undefined
  const { readHttpPolicy } = await import('../host/http-policy.ts')
  try {
    return readHttpPolicy(value)
  } catch (error) {
    throw new UsageError(`error: --http-policy: ${(error as Error).message}`, 2)
  }
}

async function listen(address: string, port: number): Promise<Listener> {
  try {
    return await openListener(address, port)
  } catch (error) {
    const { errorCode, osErrorText } = await import('../host/os-error.ts')
    const code = errorCode(error)
    throw new UsageError(`Error: cannot listen on ${address}:${port}: ${code === undefined ? String(error) : osErrorText(code)}`, 1)
  }
}

function onStopSignal(stop: () => void): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      stop()
    })
  }
}
