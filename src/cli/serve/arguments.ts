/** Parses the server's command line. */
import type { SandboxOptions } from '../../host/sandbox/sandboxes.ts'
import { authOptions, parseAuthentication, parseOwnUserOnly } from './auth-arguments.ts'
import { checkCodexOptions, codexOptions } from './codex-arguments.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import { isHostPattern } from '../../server/http/host-check.ts'
import { idleOptions, parseIdle } from './idle-arguments.ts'
import type { IdleOptions } from '../../server/idle-exit.ts'
import { parseOptions as parseArguments } from '../base/parse-options.ts'
import { limitOptions, readLimits } from './limit-arguments.ts'
import { defaultServeLimits } from './limits.ts'
import { parseListenUrl } from '../../server/http/listen-url.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import type { ServeLimits } from '../../server/serve.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { parseTelemetry, telemetryOptions } from './telemetry-arguments.ts'
import { UsageError } from '../../base/usage-error.ts'

/** The parsed options of the server. Paths and URLs are syntactically valid; nothing has been opened or read. */
export type ServeCommand = {
  kind: 'serve'
  listen: Listen
  authentication: AuthenticationOptions
  /** Whether only the server's own user and root may connect over TCP. */
  ownUserOnly: boolean
  hosts: readonly string[]
  origins: readonly string[]
  limits: ServeLimits
  sandbox: SandboxOptions
  httpPolicy: string | undefined
  logLevel: LogLevel
  auditLog: string | undefined
  logDir: string | undefined
  idle: IdleOptions | undefined
  /** Names of options of Codex's server that have no effect. */
  ignoredOptions: readonly string[]
}

/** The parsed options of `doctor`. */
export type DoctorCommand = { kind: 'doctor'; sandbox: SandboxOptions }

/** A request for the help, the version or the licence notices. */
export type InfoCommand = { kind: 'help' | 'version' | 'licenses' }

/** A free port on loopback. */
export const DEFAULT_LISTEN = 'ws://127.0.0.1:0'

export const serveOptions = {
  listen: { type: 'string' },
  ...authOptions,
  ...limitOptions,
  ...idleOptions,
  ...telemetryOptions,
  bwrap: { type: 'string' },
  'require-sandbox': { type: 'boolean' },
  'http-policy': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
  licenses: { type: 'boolean' },
} as const

/**
 * Parses the arguments of the server.
 * @throws {UsageError}
 */
export function parseServe(args: readonly string[]): ServeCommand | InfoCommand {
  const values = parseOptions(args)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  if (values.licenses === true) return { kind: 'licenses' }
  const sandbox = sandboxOptions(values.bwrap, values['require-sandbox'])
  const listen = parseListen(values.listen ?? DEFAULT_LISTEN)
  const authentication = parseAuthentication(values, listen)
  return {
    kind: 'serve',
    listen,
    authentication,
    ownUserOnly: parseOwnUserOnly(values, listen, authentication),
    hosts: hostPatterns(values['allow-host']),
    origins: pageOrigins(values['allow-origin']),
    sandbox,
    httpPolicy: values['http-policy'],
    limits: { ...defaultServeLimits, ...readLimits(values) },
    ...parseTelemetry(values),
    idle: parseIdle(values, listen),
    ignoredOptions: checkCodexOptions(values),
  }
}

/**
 * Parses the arguments of `doctor`. Accepts the server's options, of which it uses those for the sandbox.
 * @throws {UsageError}
 */
export function parseDoctor(args: readonly string[]): DoctorCommand | InfoCommand {
  const values = parseOptions(args)
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  if (values.licenses === true) return { kind: 'licenses' }
  return { kind: 'doctor', sandbox: sandboxOptions(values.bwrap, values['require-sandbox']) }
}

function parseOptions(args: readonly string[]) {
  const { values, positionals } = parseArguments(args, { ...codexOptions, ...serveOptions })
  if (positionals.length > 0) throw new UsageError(`a server takes options only, not '${positionals[0]}'`, 2)
  return values
}

function sandboxOptions(bubblewrap: string | undefined, required: boolean | undefined): SandboxOptions {
  if (bubblewrap !== undefined && !bubblewrap.startsWith('/'))
    throw new UsageError(`--bwrap takes an absolute path, not '${bubblewrap}'`, 2)
  return { required: required === true, ...(bubblewrap === undefined ? {} : { bubblewrap }) }
}

function hostPatterns(values: readonly string[] = []): readonly string[] {
  const bad = values.find((value) => !isHostPattern(value))
  if (bad !== undefined)
    throw new UsageError(`--allow-host takes a host name, *.NAME or *, without a port, not '${bad}'`, 2)
  return values
}

function pageOrigins(values: readonly string[] = []): readonly string[] {
  const bad = values.find((value) => !isOrigin(value))
  if (bad === undefined) return values
  throw new UsageError(
    `--allow-origin takes an origin as browsers send it, https://app.example or http://localhost:3000 say, not '${bad}'`,
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
    throw new UsageError((error as Error).message, 2)
  }
}
