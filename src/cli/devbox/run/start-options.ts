/** What to start on the devbox for the arguments of `run`. */
import { posix } from 'node:path'
import process from 'node:process'
import type { ExecClient, StartOptions } from '../../../client/base/types.ts'
import { devboxPath } from '../devbox-path.ts'
import { isStdinEmpty } from '../io/stdin.ts'
import { terminalSize } from '../io/terminal.ts'
import type { RunArguments } from './run-arguments.ts'

/** Asks the devbox for its login shell if that is what to start. */
export async function startOptions(client: ExecClient, options: RunArguments): Promise<StartOptions> {
  const { env, isTerminal } = options
  const cwd = options.cwd === undefined ? undefined : posix.normalize(devboxPath(client, options.cwd))
  const argv = options.argv.length > 0 ? options.argv : await loginShell(client)
  if (!isTerminal)
    return { argv, cwd, env, stdin: client.extensions.has('closeStdin') || !(await isStdinEmpty()) ? 'pipe' : 'closed' }
  const { TERM } = process.env
  return { argv, cwd, env: TERM === undefined ? env : { TERM, ...env }, tty: terminalSize() ?? true }
}

/** The login shell of the server's user, as the server tells it. */
async function loginShell(client: ExecClient): Promise<string[]> {
  const info = client.environmentInfo ?? (await client.readInfo())
  return [info?.shell?.path ?? '/bin/sh', '-l']
}
