/** Parses the server's command line. */
import type { SandboxOptions } from '../../host/sandbox/sandboxes.ts'
import { authOptions, parseAuthentication, parseOwnUserOnly } from './auth-arguments.ts'
import { checkCodexOptions, codexOptions } from './codex-arguments.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import { isHostPattern } from '../../server/http/host-check.ts'
import { idleOptions, parseIdle } from './idle-arguments.ts'
import type { IdleOptions } from '../../server/idle-exit.ts'
import { parseOptions as parseArguments } from '../base/parse-options.ts'
import { configFile } from '../config/config-argument.ts'
import type { OptionValue } from '../config/options.ts'
import { connectOptions, parseConnect } from '../connect/connect-arguments.ts'
import { limitOptions, readLimits } from './limit-arguments.ts'
import { defaultServeLimits } from './limits.ts'
import { parseListenUrl } from '../../server/http/listen-url.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import type { ConnectOptions } from '../../server/link/link-options.ts'
import type { ServeLimits } from '../../server/serve.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { forwardOptions, parseForward } from '../base/forward-arguments.ts'
import type { ForwardArguments } from '../base/forward-arguments.ts'
import { mapOptions, parseMap } from '../base/map-arguments.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import { parseStarts, startOptions } from './start-arguments.ts'
import type { AllowedStarts } from '../../core/base/host.ts'
import { mcpOptions, parseMcp } from './mcp-arguments.ts'
import type { McpPolicy } from '../base/mcp-policy.ts'
import { parsePreview, previewOptions } from '../base/preview-arguments.ts'
import { parseTls, tlsOptions } from '../base/tls-arguments.ts'
import type { TlsOptions } from '../base/tls-arguments.ts'
import { parseTelemetry, telemetryOptions } from './telemetry-arguments.ts'
import { UsageError } from '../../base/usage-error.ts'

/** The parsed options of the server. Paths and URLs are syntactically valid; nothing has been opened or read. */
export type ServeCommand = {
  kind: 'serve'
  /** Without effect if `connect` is set. */
  listen: Listen
  tls: TlsOptions | undefined
  /** Where to dial out to instead of listening. */
  connect: ConnectOptions | undefined
  authentication: AuthenticationOptions
  /** Whether only the server's own user and root may connect over TCP. */
  ownUserOnly: boolean
  hosts: readonly string[]
  origins: readonly string[]
  limits: ServeLimits
  sandbox: SandboxOptions
  starts: AllowedStarts
  /** The paths of clients, where they differ from those of this machine. */
  pathMap: PathMap | undefined
  httpPolicy: string | undefined
  forward: ForwardArguments
  logLevel: LogLevel
  auditLog: string | undefined
  logDir: string | undefined
  recordDir: string | undefined
  idle: IdleOptions | undefined
  /** What MCP clients over HTTP may do; undefined if there are none. */
  mcp: McpPolicy | undefined
  /** Whether browsers may see what listens on loopback. */
  preview: boolean
  /** Names of options of Codex's server that have no effect. */
  ignoredOptions: readonly string[]
}

/** The parsed options of `doctor`. */
export type DoctorCommand = { kind: 'doctor'; sandbox: SandboxOptions }

/** A request for the help, the version or the licence notices. */
export type InfoCommand = { kind: 'help' | 'version' | 'licenses' }

/** A free port on loopback. */
export const DEFAULT_LISTEN = 'ws://127.0.0.1:0'

/** Every option of the server. Help, completions, the man page and the configuration file come from this table. */
export const serveOptions = {
  listen: { type: 'string', fallback: DEFAULT_LISTEN },
  ...authOptions,
  ...tlsOptions,
  ...connectOptions,
  ...limitOptions,
  ...idleOptions,
  ...telemetryOptions,
  ...mcpOptions,
  ...previewOptions,
  bwrap: { type: 'string' },
  'require-sandbox': { type: 'boolean' },
  ...startOptions,
  ...mapOptions,
  'http-policy': { type: 'string', inFile: 'table' },
  ...forwardOptions,
  config: { type: 'string', short: 'c', multiple: true, inFile: 'never' },
  help: { type: 'boolean', short: 'h', inFile: 'never' },
  version: { type: 'boolean', short: 'V', inFile: 'never' },
  licenses: { type: 'boolean', inFile: 'never' },
} as const

/** What a command line, or a command line and a file together, say. */
export type ServeValues = ReturnType<typeof parseServeOptions>

/** What a file says: values by the names of options. */
export type FileValues = Readonly<Record<string, OptionValue>>

/**
 * Parses the arguments of the server. What the command line says wins over the values of a file.
 * @throws {UsageError}
 */
export function parseServe(args: readonly string[], fromFile: FileValues = {}): ServeCommand | InfoCommand {
  const values = merge(fromFile, parseServeOptions(args))
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  if (values.licenses === true) return { kind: 'licenses' }
  const sandbox = sandboxOptions(values.bwrap, values['require-sandbox'])
  const given = parseListen(values.listen ?? DEFAULT_LISTEN)
  const tls = parseTls(values, given)
  const listen = given.kind === 'websocket' ? { ...given, isSecure: tls !== undefined } : given
  const authentication = parseAuthentication(values, listen)
  return {
    kind: 'serve',
    listen,
    tls,
    connect: parseConnect(values, [
      'listen',
      ...Object.keys({ ...authOptions, ...tlsOptions, ...mcpOptions, ...previewOptions }),
    ]),
    authentication,
    ownUserOnly: parseOwnUserOnly(values, listen, authentication),
    hosts: hostPatterns(values['allow-host']),
    origins: pageOrigins(values['allow-origin']),
    sandbox,
    starts: parseStarts(values),
    pathMap: parseMap(values),
    httpPolicy: values['http-policy'],
    forward: parseForward(values),
    limits: { ...defaultServeLimits, ...readLimits(values) },
    ...parseTelemetry(values),
    idle: parseIdle(values, listen),
    mcp: parseMcp(values, listen),
    preview: parsePreview(values, listen),
    ignoredOptions: checkCodexOptions(withoutFile(values)),
  }
}

/** Flags that are false are as those that are not given, unless they are on by default. */
function merge(fromFile: FileValues, values: ServeValues): ServeValues {
  const isOn = (name: string): boolean => Object.hasOwn(startOptions, name) || name === 'forward'
  const all = Object.entries({ ...fromFile, ...values })
  return Object.fromEntries(all.filter(([name, value]) => value !== false || isOn(name))) as ServeValues
}

function withoutFile({ config, ...values }: ServeValues): Readonly<Record<string, unknown>> {
  return configFile(config).hasOverrides ? { ...values, config } : values
}

/**
 * Parses the arguments of `doctor`. Accepts the server's options, of which it uses those for the sandbox.
 * @throws {UsageError}
 */
export function parseDoctor(args: readonly string[], fromFile: FileValues = {}): DoctorCommand | InfoCommand {
  const values = merge(fromFile, parseServeOptions(args))
  if (values.help === true) return { kind: 'help' }
  if (values.version === true) return { kind: 'version' }
  if (values.licenses === true) return { kind: 'licenses' }
  return { kind: 'doctor', sandbox: sandboxOptions(values.bwrap, values['require-sandbox']) }
}

/**
 * The options as they are given.
 * @throws {UsageError} for what is no option of a server
 */
export function parseServeOptions(args: readonly string[]) {
  const { values, positionals } = parseArguments(args, { ...codexOptions, ...serveOptions }, {}, true)
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
