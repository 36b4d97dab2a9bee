/** Parses the server's command line. */
import { parseArgs } from 'node:util'
import type { SandboxOptions } from '../../host/sandbox/sandboxes.ts'
import { AUTH_HELP, authOptions, parseAuthentication } from './auth-arguments.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import { isHostPattern } from '../../server/http/host-check.ts'
import { limitHelp, limitOptions, readLimits } from './limit-arguments.ts'
import { defaultServeLimits } from './limits.ts'
import { parseListenUrl } from '../../server/http/listen-url.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import type { ServeLimits } from '../../server/serve.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { TELEMETRY_HELP, telemetryOptions, parseTelemetry } from './telemetry-arguments.ts'
import { UsageError } from '../../base/usage-error.ts'

export { UsageError }

/** A parsed command line. Paths and URLs are syntactically valid; nothing has been opened or read. */
export type Command =
  | {
      kind: 'serve'
      listen: Listen
      authentication: AuthenticationOptions
      hosts: readonly string[]
      origins: readonly string[]
      limits: ServeLimits
      sandbox: SandboxOptions
      httpPolicy: string | undefined
      logLevel: LogLevel
      auditLog: string | undefined
    }
  | { kind: 'doctor'; sandbox: SandboxOptions }
  | { kind: 'help' }
  | { kind: 'version' }

const DEFAULT_LISTEN = 'ws://127.0.0.1:0'

export const HELP = `exec-server: lets a coding agent work on this machine

Usage: exec-server [options]
       exec-server doctor [--bwrap PATH]   what sandboxes this machine can enforce, and why not
       exec-server fs-helper               answers file calls on stdin, for use in a sandbox

To use a devbox (each with --help):
       exec-server run [-t] COMMAND…       runs a command there as if it ran here
       exec-server ps                      what runs there
       exec-server attach RUN              joins one of these
       exec-server kill RUN…               ends them
       exec-server cp SOURCE… DESTINATION  copies files; those there are :/PATH
       exec-server http URL                makes an HTTP request from there

Options:
  --listen URL                 where to listen: ws://IP:PORT, unix:/PATH, stdio or stdio:// (default ${DEFAULT_LISTEN});
                               the URL with the real port is the only line on stdout
${AUTH_HELP}  --bwrap PATH                 the bubblewrap that confines commands (default: the first on PATH)
  --require-sandbox            refuse every command and file call that comes without a sandbox
  --http-policy RULES          whom http/request may talk to: {"allow":[…],"deny":[…]} of host names, *.NAME, IP addresses
                               and ranges, or the absolute path of a JSON file with that (default: anybody)
${limitHelp}
${TELEMETRY_HELP}  --help                       show this text
  --version                    show the version

Point Codex at the printed URL: CODEX_EXEC_SERVER_URL=ws://127.0.0.1:PORT codex
`

const options = {
  listen: { type: 'string' },
  ...authOptions,
  ...limitOptions,
  ...telemetryOptions,
  bwrap: { type: 'string' },
  'require-sandbox': { type: 'boolean' },
  'http-policy': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const

/**
 * Parses the arguments. Ignores a leading `exec-server`, so that this can replace `codex` in `codex exec-server`.
 * @throws {UsageError}
 */
export function parseCommand(args: readonly string[]): Command {
  const rest = args[0] === 'exec-server' ? args.slice(1) : args
  const isDoctor = rest[0] === 'doctor'
  const values = parseOptions(isDoctor ? rest.slice(1) : rest)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  const sandbox = sandboxOptions(values.bwrap, values['require-sandbox'])
  if (isDoctor) return { kind: 'doctor', sandbox }
  const listen = parseListen(values.listen ?? DEFAULT_LISTEN)
  return {
    kind: 'serve',
    listen,
    authentication: parseAuthentication(values, listen),
    hosts: hostPatterns(values['allow-host']),
    origins: pageOrigins(values['allow-origin']),
    sandbox,
    httpPolicy: values['http-policy'],
    limits: { ...defaultServeLimits, ...readLimits(values) },
    ...parseTelemetry(values),
  }
}

function parseOptions(args: readonly string[]) {
  try {
    const { values, tokens } = parseArgs({ args: [...args], options, tokens: true })
    const seen = new Set<string>()
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      if (seen.has(token.name) && !('multiple' in options[token.name as keyof typeof options]))
        throw new Error(`option --${token.name} was given twice`)
      seen.add(token.name)
    }
    return values
  } catch (error) {
    throw new UsageError(`error: ${(error as Error).message.split('\n', 1)[0]}`, 2)
  }
}

function sandboxOptions(bubblewrap: string | undefined, required: boolean | undefined): SandboxOptions {
  if (bubblewrap !== undefined && !bubblewrap.startsWith('/'))
    throw new UsageError(`error: --bwrap takes an absolute path, not '${bubblewrap}'`, 2)
  return { required: required === true, ...(bubblewrap === undefined ? {} : { bubblewrap }) }
}

function hostPatterns(values: readonly string[] = []): readonly string[] {
  const bad = values.find((value) => !isHostPattern(value))
  if (bad !== undefined)
    throw new UsageError(`error: --allow-host takes a host name, *.NAME or *, without a port, not '${bad}'`, 2)
  return values
}

function pageOrigins(values: readonly string[] = []): readonly string[] {
  const bad = values.find((value) => !isOrigin(value))
  if (bad === undefined) return values
  throw new UsageError(
    `error: --allow-origin takes an origin as browsers send it, https://app.example or http://localhost:3000 say, not '${bad}'`,
    2,
  )
}

/** Whether it is a serialized origin: lower case, no default port, no path. */
function isOrigin(value: string): boolean {
  return /^https?:/.test(value) && !value.includes('*') && URL.canParse(value) && new URL(value).origin === value
}

function parseListen(value: string): Listen {
  try {
    return parseListenUrl(value)
  } catch (error) {
    throw new UsageError(`Error: ${(error as Error).message}`, 1)
  }
}
