/** The command line. */
import { parseArgs } from 'node:util'
import type { Limits } from '../core/limits.ts'
import type { SandboxOptions } from '../host/sandboxes.ts'
import { parseListenUrl } from './listen-url.ts'
import type { Listen } from './listen-url.ts'

export type Command =
  | { kind: 'serve'; listen: Listen; limits: Partial<Limits>; sandbox: SandboxOptions; httpPolicy: string | undefined }
  | { kind: 'doctor'; sandbox: SandboxOptions }
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

/** 64 GiB: more than any devbox has to spare for output that nobody reads. */
const MAX_RETAINED_MIB = 65_536

export const HELP = `exec-server: lets a coding agent work on this machine

Usage: exec-server [options]
       exec-server doctor [--bwrap PATH]   what sandboxes this machine can enforce, and why not
       exec-server fs-helper               answers file calls on stdin, for use in a sandbox

Options:
  --listen URL                 where to listen: ws://IP:PORT, stdio or stdio:// (default ${DEFAULT_LISTEN});
                               the URL with the real port is the only line on stdout
  --session-ttl-seconds N      how long a session outlives its connection (default 80)
  --retained-mib N             how much output of all processes together is kept for reading (default 256)
  --bwrap PATH                 the bubblewrap that confines commands (default: the first on PATH)
  --require-sandbox            refuse every command and file call that comes without a sandbox
  --http-policy RULES          whom http/request may talk to: {"allow":[…],"deny":[…]} of host names, *.NAME, IP addresses
                               and ranges, or the absolute path of a JSON file with that (default: anybody)
  --help                       show this text
  --version                    show the version

Point Codex at the printed URL: CODEX_EXEC_SERVER_URL=ws://127.0.0.1:PORT codex
`

const options = {
  listen: { type: 'string' },
  'session-ttl-seconds': { type: 'string' },
  'retained-mib': { type: 'string' },
  bwrap: { type: 'string' },
  'require-sandbox': { type: 'boolean' },
  'http-policy': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

/** Reads the arguments. A leading `exec-server` is passed over, so that this can stand where `codex exec-server` is called. */
export function parseCommand(args: readonly string[]): Command {
  const rest = args[0] === 'exec-server' ? args.slice(1) : args
  const isDoctor = rest[0] === 'doctor'
  const values = parseOptions(isDoctor ? rest.slice(1) : rest)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  const sandbox = sandboxOptions(values.bwrap, values['require-sandbox'])
  if (isDoctor) return { kind: 'doctor', sandbox }
  const ttl = wholeNumber('session-ttl-seconds', values['session-ttl-seconds'], MAX_TTL_SECONDS)
  const retained = wholeNumber('retained-mib', values['retained-mib'], MAX_RETAINED_MIB)
  return {
    kind: 'serve',
    listen: parseListen(values.listen ?? DEFAULT_LISTEN),
    sandbox,
    httpPolicy: values['http-policy'],
    limits: {
      ...(ttl === undefined ? {} : { sessionTtlMs: ttl * 1000 }),
      ...(retained === undefined ? {} : { retainedTotal: retained * 1024 * 1024 }),
    },
  }
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

function sandboxOptions(bubblewrap: string | undefined, required: boolean | undefined): SandboxOptions {
  if (bubblewrap !== undefined && !bubblewrap.startsWith('/')) throw new UsageError(`error: --bwrap takes an absolute path, not '${bubblewrap}'`, 2)
  return { required: required === true, ...(bubblewrap === undefined ? {} : { bubblewrap }) }
}

function parseListen(value: string): Listen {
  try {
    return parseListenUrl(value)
  } catch (error) {
    throw new UsageError(`Error: ${(error as Error).message}`, 1)
  }
}

function wholeNumber(name: string, value: string | undefined, max: number): number | undefined {
  if (value === undefined) return undefined
  const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : 0
  if (number < 1 || number > max) throw new UsageError(`error: --${name} takes a whole number from 1 to ${max}, not '${value}'`, 2)
  return number
}
