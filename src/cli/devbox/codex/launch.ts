/** Runs Codex: in the place of this process where the runtime can do that, and else as a child. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { isatty } from 'node:tty'
import { reasonOf } from '../../../base/os-error-text.ts'
import { restoreSigpipe } from '../../../host/ffi/libc.ts'
import { CommandError } from '../base/command-error.ts'
import { exitBySignal } from '../io/exit-by-signal.ts'

/** As shells do for a program that cannot be run. */
const NOT_RUN = 126

/** Signals that end a program, and that others may send to this process alone. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const

/** Replaces this process; returns only where the runtime cannot. */
export function becomeCodex(path: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  if (typeof process.execve !== 'function') return
  // The runtime ignores it, and a program would inherit that.
  restoreSigpipe()
  process.execve(path, ['codex', ...args], definedOf(env))
}

/**
 * Runs it as a child with this process's stdin, stdout and stderr. Ends by the signal that ended it.
 * @throws {CommandError} if it cannot be started
 */
export async function runCodex(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn(path, [...args], { stdio: 'inherit', env, argv0: 'codex' })
  // The keys of a terminal reach all of its foreground group, and so the child already.
  const isTyped = isatty(0) || isatty(2)
  const forward = (signal: NodeJS.Signals): void => {
    if (!isTyped || (signal !== 'SIGINT' && signal !== 'SIGQUIT' && signal !== 'SIGWINCH')) child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return { code: code ?? NOT_RUN, signal }
  } catch (error) {
    throw new CommandError(`cannot run ${path}: ${reasonOf(error)}`, NOT_RUN)
  } finally {
    for (const signal of FORWARDED) process.removeListener(signal, forward)
  }
}

export type Ended = { code: number; signal: NodeJS.Signals | null }

/** Ends as the program did. */
export function endAs({ code, signal }: Ended): number {
  if (signal !== null) exitBySignal(signal)
  return code
}

const definedOf = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
