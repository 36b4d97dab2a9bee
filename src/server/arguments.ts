/** The command line. */
import { parseArgs } from 'node:util'
import { parseListenUrl } from './listen-url.ts'
import type { Listen } from './listen-url.ts'

export type Command =
  | { kind: 'serve'; listen: Listen; sessionTtlMs: number | undefined }
  | { kind: 'help' }
  | { kind: 'version' }

/** A command line that cannot be followed: one line for stderr, and the exit code. */
export class UsageError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

const DEFAULT_LISTEN = 'ws://127.0.0.1:0'

/** A day: a session that nobody came back to in that time is abandoned. */
const MAX_TTL_SECONDS = 86_400

export const HELP = `exec-server: lets a coding agent work on this machine

Usage: exec-server [options]

Options:
  --listen URL                 where to listen: ws://IP:PORT, stdio or stdio:// (default ${DEFAULT_LISTEN});
                               the URL with the real port is the only line on stdout
  --session-ttl-seconds N      how long a session outlives its connection (default 80)
  --help                       show this text
  --version                    show the version

Point Codex at the printed URL: CODEX_EXEC_SERVER_URL=ws://127.0.0.1:PORT codex
`

const options = {
  listen: { type: 'string' },
  'session-ttl-seconds': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

/** Reads the arguments. A leading `exec-server` is passed over, so that this can stand where `codex exec-server` is called. */
export function parseCommand(args: readonly string[]): Command {
  const rest = args[0] === 'exec-server' ? args.slice(1) : args
  const values = parseOptions(rest)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  return { kind: 'serve', listen: parseListen(values.listen ?? DEFAULT_LISTEN), sessionTtlMs: parseTtl(values['session-ttl-seconds']) }
}

function parseOptions(args: readonly string[]) {
  try {
    const { values, tokens } = parseArgs({ args: [...args], options, tokens: true })
    const seen = new Set<string>()
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      if (seen.has(token.name)) throw new Error(`option --${token.name} was given twice`)
      seen.add(token.name)
    }
    return values
  } catch (error) {
    throw new UsageError(`error: ${(error as Error).message.split('\n', 1)[0]}`, 2)
  }
}

function parseListen(value: string): Listen {
  try {
    return parseListenUrl(value)
  } catch (error) {
    throw new UsageError(`Error: ${(error as Error).message}`, 1)
  }
}

function parseTtl(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const seconds = /^[0-9]{1,6}$/.test(value) ? Number(value) : 0
  if (seconds < 1 || seconds > MAX_TTL_SECONDS) {
    throw new UsageError(`error: --session-ttl-seconds takes a whole number from 1 to ${MAX_TTL_SECONDS}, not '${value}'`, 2)
  }
  return seconds * 1000
}
