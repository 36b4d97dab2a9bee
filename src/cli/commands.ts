/** Dispatches the client commands. Each is loaded on demand, so that none pays for the imports of another. */
import process from 'node:process'
import { UsageError } from '../base/usage-error.ts'
import { messageOf } from '../client/base/errors.ts'
import { CommandError, OWN_FAILURE } from './devbox/base/command-error.ts'
import { printStderr, writeStderr } from './devbox/io/stderr.ts'
import type { ClientWord } from './command-names.ts'

/** Runs a command and resolves with its exit code. */
export type Command = (args: readonly string[]) => Promise<number>

const commands: Record<ClientWord, () => Promise<Command>> = {
  run: async () => (await import('./devbox/run/run.ts')).run,
  ps: async () => (await import('./devbox/run/ps.ts')).ps,
  attach: async () => (await import('./devbox/run/attach.ts')).attach,
  kill: async () => (await import('./devbox/run/kill.ts')).kill,
  cp: async () => (await import('./devbox/cp/cp.ts')).cp,
  http: async () => (await import('./devbox/http/http.ts')).http,
}

/** Runs a client command, then exits with its exit code. Errors are printed to stderr. */
export async function runClientCommand(word: ClientWord, args: readonly string[]): Promise<never> {
  if (process.platform === 'win32') {
    printStderr('it does not run on Windows; run it inside WSL')
    process.exit(1)
  }
  // Exit explicitly: an open stdin would keep the event loop alive.
  process.exit(await exitCodeOf(word, args))
}

async function exitCodeOf(word: ClientWord, args: readonly string[]): Promise<number> {
  try {
    return await (await commands[word]())(args)
  } catch (error) {
    if (error instanceof UsageError) writeStderr(`${error.message}\n`)
    else printStderr(messageOf(error))
    return error instanceof UsageError || error instanceof CommandError ? error.exitCode : OWN_FAILURE
  }
}
