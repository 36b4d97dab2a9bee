/** Parses the arguments of `exec-server run`. */
import process from 'node:process'
import type { Advice } from '../../base/parse-options.ts'
import { parseDuration } from '../base/duration.ts'
import { checkTarget, parseOptions, splitCommand, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import type { TargetValues } from '../options.ts'
import { runName } from './run-reference.ts'

export const RUN_HELP = `Runs a command on a devbox as if it ran here. Without a command, on a terminal, it opens a login shell.

Usage: exec-server run [options] [--] [COMMAND [ARGUMENT]…]

${TARGET_HELP}  -t, --tty                 in a terminal of this one's size
  -i, --interactive         stdin goes to the command, which it always does
  -w, --cwd DIR             where on the devbox it runs; ~ is the home there (default: where its server was started)
  -e, --env-var NAME=VALUE  a variable beside those of the server, or NAME with its value here; may be given several times
  -d, --detach              leave it to the server, and print its RUN (or NAME): it goes on without us, until it ends, or kill, or
                            the server ends; see ps, logs, attach, wait and rm
  --name NAME               with -d: how to call it, instead of by a number
  --timeout SECONDS         end the command after that, with exit code 124; also 5m, 2h

Options stand before the command: what stands behind it is the command's. Stdin, stdout and stderr, signals, Ctrl-Z and the exit
code are the command's: 128 + n if it ended by signal n, 127 if there is no such program, 126 if it may not be run, 141 if the
reader of our output has gone. 255 says that the devbox could not be reached, or was lost. Without -t it waits for what the command
leaves behind and still writes here.

A connection that is lost is made anew, for 45 seconds; Ctrl-C twice gives up a devbox that does not answer. On a terminal ~. at
the beginning of a line leaves, and ~? lists what else there is. When this program ends, what it ran on the devbox ends, too.
A command that is stopped by Ctrl-Z is kept as long as its server keeps a session without a client.
`

export const runOptions = {
  ...targetOptions,
  tty: { type: 'boolean', short: 't' },
  interactive: { type: 'boolean', short: 'i' },
  cwd: { type: 'string', short: 'w' },
  'env-var': { type: 'string', short: 'e', multiple: true },
  timeout: { type: 'string' },
  detach: { type: 'boolean', short: 'd' },
  name: { type: 'string' },
} as const

const OTHER_USER =
  'a command runs as the user of its server: put sudo -u USER before it, or connect to a server of that user'

/** Options of ssh, docker and kubectl. */
export const RUN_ADVICE: Advice = {
  '-u': OTHER_USER,
  '--user': OTHER_USER,
  '-l': OTHER_USER,
  '--workdir': 'the directory is -w DIR, or --cwd DIR',
  '-C': 'the directory is -w DIR, or --cwd DIR',
  '-p': 'the port is part of the URL: --url ws://HOST:PORT',
  '-T': 'without -t there is no terminal',
}

/** Parsed arguments. `cwd` is a path on the devbox; `env` are additional variables. */
export type RunArguments = {
  target: TargetValues
  isTerminal: boolean
  cwd: string | undefined
  env: Record<string, string>
  /** Empty: a login shell. */
  argv: readonly string[]
  timeoutMs: number | undefined
  /** The server is to own it, under a name or without one. */
  detached: { name?: string } | undefined
  /** An option behind the command that looks like ours. */
  misplaced: string | undefined
}

/**
 * Returns undefined if help is requested. `hasTerminal`: whether stdin is one, on which a shell can be opened.
 * @throws {UsageError}
 */
export function parseRun(args: readonly string[], hasTerminal: boolean): RunArguments | undefined {
  const { own, command, isSeparated } = splitCommand(args, runOptions)
  const { values } = parseOptions(own, runOptions, RUN_ADVICE)
  if (values.help === true) return undefined
  checkTarget(values)
  const { cwd, tty = false, 'env-var': variables = [], timeout, detach = false } = values
  const detached = detach ? detachedName(values.name) : undefined
  if (detach && timeout !== undefined)
    throw usageError('--timeout ends a command that we wait for, not one of --detach')
  if (!detach && values.name !== undefined) throw usageError('--name is for a run of --detach')
  const isTerminal = tty || (command.length === 0 && hasTerminal && !detach)
  if (command.length === 0 && !isTerminal)
    throw usageError('run takes a command', 'without one it opens a login shell, for which stdin must be a terminal')
  if (cwd === '') throw usageError('--cwd takes a directory on the devbox')
  return {
    target: values,
    isTerminal,
    cwd,
    env: Object.fromEntries(variables.flatMap(variable)),
    argv: command,
    detached,
    timeoutMs: timeout === undefined ? undefined : parseDuration('--timeout', timeout),
    misplaced: isSeparated ? undefined : command.slice(1).find(isOurs),
  }
}

/** The name of a detached run, if it is to have one. */
function detachedName(name: string | undefined): { name?: string } {
  if (name === undefined) return {}
  return { name: runName(name, `--name takes a letter, then up to 63 of A-Z a-z 0-9 . _ -, not '${name}'`) }
}

/** Options that hardly any other program has. */
const OURS = /^--(?:url|env-var|bearer-token-file)(?:=|$)/

const isOurs = (text: string, index: number, all: readonly string[]): boolean => {
  if (!OURS.test(text) || all.slice(0, index).includes('--')) return false
  const value = text.includes('=') ? text.slice(text.indexOf('=') + 1) : (all[index + 1] ?? '')
  return !text.startsWith('--url') || /^(?:wss?:|unix:)/.test(value)
}

/** What to say of it. */
export const misplacedText = (option: string): string =>
  `${option.split('=', 1)[0]} stands behind the command, so it is the command's: ours stand before it`

/** NAME=VALUE, or NAME for the value here; nothing if there is none, as in docker. */
function variable(text: string): [string, string][] {
  const at = text.indexOf('=')
  if (at === 0 || text === '') throw usageError(`--env-var takes NAME=VALUE, not '${text}'`)
  if (at > 0) return [[text.slice(0, at), text.slice(at + 1)]]
  const value = process.env[text]
  return value === undefined ? [] : [[text, value]]
}
