/** Parses the arguments of `exec-server run`. */
import { checkTarget, parseOptions, splitCommand, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import type { TargetValues } from '../options.ts'

export const RUN_HELP = `Runs a command on a devbox as if it ran here.

Usage: exec-server run [options] [--] COMMAND [ARGUMENT]…

${TARGET_HELP}  -t, --tty                 in a terminal of this one's size
  --cwd DIR                 where on the devbox it runs (default: where its server was started)
  --env-var NAME=VALUE      a variable beside those of the server; may be given several times

Stdin, stdout and stderr, signals, Ctrl-Z and the exit code are the command's: 128 + n if it ended by signal n, 127 if
there is no such program, 126 if it may not be run, 141 if nobody reads our output any more. 255 says that the devbox could
not be reached, or was lost. Without -t it waits for what the command leaves behind and still writes here. A connection that is
lost is made anew, for 45 seconds; Ctrl-C twice meanwhile gives up. When this program ends, what it ran on the devbox ends, too.
A command that is stopped by Ctrl-Z is kept as long as its server keeps a session without a client.
`

export const runOptions = {
  ...targetOptions,
  tty: { type: 'boolean', short: 't' },
  cwd: { type: 'string' },
  'env-var': { type: 'string', multiple: true },
} as const

/** Parsed arguments. `cwd` is an absolute path on the devbox; `env` are additional variables. */
export type RunArguments = {
  target: TargetValues
  isTerminal: boolean
  cwd: string | undefined
  env: Record<string, string>
  argv: readonly string[]
}

/**
 * Returns undefined if help is requested.
 * @throws {UsageError}
 */
export function parseRun(args: readonly string[]): RunArguments | undefined {
  const { own, command } = splitCommand(args, runOptions)
  const { values } = parseOptions(own, runOptions)
  if (values.help === true) return undefined
  checkTarget(values)
  if (command.length === 0) throw usageError('run takes a command')
  const { cwd, tty = false, 'env-var': variables = [] } = values
  if (cwd !== undefined && !cwd.startsWith('/'))
    throw usageError(`--cwd takes an absolute path on the devbox, not '${cwd}'`)
  return { target: values, isTerminal: tty, cwd, env: Object.fromEntries(variables.map(variable)), argv: command }
}

function variable(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw usageError(`--env-var takes NAME=VALUE, not '${text}'`)
  return [text.slice(0, at), text.slice(at + 1)]
}
