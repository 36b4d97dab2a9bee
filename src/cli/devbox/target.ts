/** Connects to the devbox that the options select, and to no other: this machine is used only if it is named. */
import process from 'node:process'
import { readSecret } from '../../base/secret-file.ts'
import { connect } from '../../client/connect.ts'
import type { ClientOptions } from '../../client/client.ts'
import { messageOf, RpcError } from '../../client/base/errors.ts'
import { displayUrl } from '../../client/transports/target-url.ts'
import type { ExecClient } from '../../client/base/types.ts'
import type { EnvironmentSettings, EnvironmentSpec } from '../../client/environments/spec.ts'
import { REMOTE } from '../../client/environments/variables.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'
import { connectHints } from './connect-hints.ts'
import { waitingFor } from './io/say-waiting.ts'
import { printStderr } from './io/stderr.ts'
import { noDevbox, noRunningServer, severalServers, startsItsOwn, unknownEnvironment } from './no-devbox.ts'
import type { TargetValues } from './options.ts'

const CLIENT_NAME = 'exec-server-cli'

/** A connected devbox. */
export type Devbox = {
  client: ExecClient
  /** Terminates the processes started here, and closes the connection. */
  close(): Promise<void>
}

/** How to connect. `hints` are added to the error that there is no devbox. */
export type OpenOptions = { limits?: ClientOptions['limits']; hints?: readonly string[] }

/**
 * Connects to the selected devbox; never falls back to another if it cannot be reached.
 * @throws {CommandError} with exit code 255
 */
export function openDevbox(values: TargetValues, { limits, hints = [] }: OpenOptions = {}): Promise<Devbox> {
  const open = async (): Promise<Devbox> => {
    if (values.url !== undefined) return openUrl(values.url, values, limits)
    if (values.local === true) return openEnvironment({ environments: [LOCAL], defaultId: LOCAL.id }, LOCAL.id)
    const settings = await readSettings()
    const { id } = await selectEnvironment(settings, values.env, hints)
    return openEnvironment(settings, id, { limits, ca: await authorities(values) })
  }
  return connecting(values, open, hints)
}

/**
 * The same for commands about what runs on a server that is there already: a server that is started for the command
 * has no runs. With `--local`, or without a devbox if `isImplicit`, that is the one that this user runs here: what only
 * looks may find it by itself, what acts on runs may not.
 * @throws {CommandError} with exit code 255
 */
export async function openRunning(values: TargetValues, { isImplicit = false } = {}): Promise<Devbox> {
  const server = await reporting(values, () => serverHere(values, isImplicit))
  const { url = server } = values
  if (url !== undefined) return connecting({ ...values, url }, () => openUrl(url, values))
  return connecting(values, async () => {
    const settings = await readSettings()
    const spec = await selectEnvironment(settings, values.env)
    if ('command' in spec) throw startsItsOwn(spec.id, spec.command)
    return openEnvironment(settings, spec.id, { ca: await authorities(values) })
  })
}

/** The URL of the server that this user runs here, if it is meant. */
async function serverHere({ url, env, local }: TargetValues, isImplicit: boolean): Promise<string | undefined> {
  if (url !== undefined) return undefined
  if (local === true || env === LOCAL.id) return runningServer()
  if (!isImplicit || env !== undefined || !isUnnamed(await readSettings())) return undefined
  const [server, ...others] = await runningServers()
  if (server === undefined || others.length > 0) return undefined
  printStderr(`no devbox is named: this is the server that you run here, ${server}`)
  return server
}

const LOCAL = { id: 'local', local: true } as const satisfies EnvironmentSpec

/**
 * The devbox that the options select, without connecting.
 * @throws {CommandError} with exit code 255 if they select none
 */
export async function findTarget(values: TargetValues): Promise<EnvironmentSpec> {
  if (values.local === true) return LOCAL
  try {
    if (values.url !== undefined) return { id: REMOTE, url: values.url, headers: headersOf(values) }
    return await selectEnvironment(await readSettings(), values.env)
  } catch (error) {
    throw error instanceof CommandError ? error : new CommandError(messageOf(error), OWN_FAILURE)
  }
}

/** The devbox in a message, without secrets. */
function nameOf({ url, env, local }: TargetValues): string {
  if (url !== undefined) return displayUrl(url)
  return local === true ? 'this machine' : `the ${env === undefined ? 'default environment' : `environment ${env}`}`
}

const connecting = (
  values: TargetValues,
  open: () => Promise<Devbox>,
  hints: readonly string[] = [],
): Promise<Devbox> => {
  const work = async (): Promise<Devbox> => {
    await trustAuthorities(values)
    return waitingFor(`${nameOf(values)} to answer`, open())
  }
  return reporting(values, work, hints)
}

/** Converts what goes wrong with the devbox to an error of the command. */
async function reporting<T>(values: TargetValues, work: () => Promise<T>, hints: readonly string[] = []): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CommandError) throw error
    // Error responses of the server do not name it.
    const who = values.url !== undefined && error instanceof RpcError ? `${displayUrl(values.url)}: ` : ''
    throw new CommandError(`${who}${messageOf(error)}`, OWN_FAILURE, [...hints, ...connectHints(error, values)])
  }
}

async function openUrl(url: string, values: TargetValues, limits?: ClientOptions['limits']): Promise<Devbox> {
  const client = await connect(
    { url, headers: headersOf(values) },
    { clientName: CLIENT_NAME, limits, ca: await authorities(values) },
  )
  return { client, close: () => client.close() }
}

const headersOf = ({ 'bearer-token-file': tokenFile }: TargetValues): Record<string, string> =>
  tokenFile === undefined ? {} : { authorization: `Bearer ${readSecret(tokenFile)}` }

async function readSettings(): Promise<EnvironmentSettings> {
  return (await import('../../client/environments/load.ts')).readEnvironmentSettings()
}

/** Whether the settings leave open which devbox is meant: this machine is no default here. */
const isUnnamed = ({ defaultId }: EnvironmentSettings): boolean => defaultId === undefined || defaultId === LOCAL.id

/** @throws {CommandError} if there is none of this name, or none is named */
async function selectEnvironment(
  settings: EnvironmentSettings,
  id: string | undefined,
  hints: readonly string[] = [],
): Promise<EnvironmentSpec> {
  const ids = settings.environments.map((each) => each.id)
  if (id === undefined && isUnnamed(settings)) throw noDevbox(ids, await runningServers(), hints)
  const found = settings.environments.find((each) => each.id === (id ?? settings.defaultId))
  if (found === undefined) throw unknownEnvironment(id ?? '', ids)
  return found
}

async function openEnvironment(
  settings: EnvironmentSettings,
  id: string,
  options: Pick<ClientOptions, 'limits' | 'ca'> = {},
): Promise<Devbox> {
  const { createEnvironmentManager } = await import('../../client/environments/manager.ts')
  const manager = createEnvironmentManager({ ...settings, connect, client: { clientName: CLIENT_NAME, ...options } })
  const client = await manager.get(id)?.client()
  if (client === undefined) throw new CommandError(`there is no environment ${id}`, OWN_FAILURE)
  return { client, close: () => manager.close() }
}

/** URLs of the servers of this user that listen here. */
async function runningServers(): Promise<string[]> {
  const { ownServers } = await import('./listening.ts')
  return ownServers()
}

async function runningServer(): Promise<string> {
  const [server, ...others] = await runningServers()
  if (server === undefined) throw noRunningServer()
  if (others.length > 0) throw severalServers([server, ...others])
  return server
}

/** The certificates of --tls-ca. */
export async function authorities({ 'tls-ca': path }: TargetValues): Promise<string | undefined> {
  return path === undefined ? undefined : (await import('../base/authorities.ts')).readAuthorities(path)
}

/** Loaded on demand: most connections are not over TLS. */
export async function trustAuthorities(values: TargetValues): Promise<void> {
  if (values['tls-ca'] !== undefined || !mayNeedAuthorities(values)) return
  ;(await import('../base/authorities.ts')).trustSystem()
}

/** Variables that name further certificates. Codex reads the first two. */
const AUTHORITY_VARIABLES = ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS']

/** Whether a connection may need those of this machine, which take some 30 ms to load. */
const mayNeedAuthorities = ({ url }: TargetValues): boolean =>
  url?.startsWith('wss:') === true || AUTHORITY_VARIABLES.some((name) => Boolean(process.env[name]))
