/** Opens what the options of a server name: files, secrets and the listener. Modules are loaded only where they are needed. */
import type { ExecServer } from '../../core/rpc/server.ts'
import type { HttpPolicy } from '../../host/http/http-policy.ts'
import type { Recordings } from '../../host/recording/recordings.ts'
import type { RunDirectory } from '../../host/runs/run-directory.ts'
import type { AuditFile } from '../../server/telemetry/audit-file.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import { allowAll } from '../../server/auth/authenticator.ts'
import type { Authenticator } from '../../server/auth/authenticator.ts'
import { anyHost, hostCheck } from '../../server/http/host-check.ts'
import type { HostCheck } from '../../server/http/host-check.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import { openListener } from '../../server/http/listener.ts'
import type { Listener } from '../../server/http/listener.ts'
import type { HttpEndpoint } from '../../server/serve.ts'
import type { TlsSource } from '../../server/tls/serve-tls.ts'
import type { McpPolicy } from '../base/mcp-policy.ts'
import type { TlsOptions } from '../base/tls-arguments.ts'
import { UsageError } from '../../base/usage-error.ts'

/**
 * Opened before the listener, so that every connection can be audited.
 * @throws {UsageError}
 */
export async function openAudit(path: string | undefined): Promise<AuditFile | undefined> {
  if (path === undefined) return undefined
  const { openAuditFile } = await import('../../server/telemetry/audit-file.ts')
  try {
    return openAuditFile(path)
  } catch (error) {
    throw new UsageError(`cannot open the audit log ${path}: ${await reasonOf(error)}`, 1)
  }
}

/**
 * Opened before the listener, since what earlier servers have left is listed.
 * @throws {UsageError}
 */
export async function openRuns(path: string | undefined, quota: number): Promise<RunDirectory | undefined> {
  if (path === undefined) return undefined
  const { directoryBounds, openRunDirectory } = await import('../../host/runs/run-directory.ts')
  try {
    return await openRunDirectory(path, directoryBounds(quota))
  } catch (error) {
    throw new UsageError(`cannot use the directory ${path} of --log-dir: ${await reasonOf(error)}`, 1)
  }
}

/**
 * Opened before the listener, so that every terminal is recorded.
 * @throws {UsageError}
 */
export async function openRecorder(path: string | undefined, quota: number): Promise<Recordings | undefined> {
  if (path === undefined) return undefined
  const { openRecordings, recordingsBounds } = await import('../../host/recording/recordings.ts')
  try {
    return openRecordings(path, recordingsBounds(quota))
  } catch (error) {
    throw new UsageError(`cannot use the directory ${path} of --record: ${await reasonOf(error)}`, 1)
  }
}

/**
 * Validated before the listener opens; its module is loaded only if the option is given.
 * @throws {UsageError}
 */
export async function openHttpPolicy(value: string | undefined): Promise<HttpPolicy | undefined> {
  if (value === undefined) return undefined
  const { readHttpPolicy } = await import('../../host/http/http-policy.ts')
  try {
    return readHttpPolicy(value)
  } catch (error) {
    throw new UsageError(`--http-policy: ${(error as Error).message}`, 2)
  }
}

/**
 * Secrets, too, are read and validated before the listener opens.
 * @throws {UsageError}
 */
export async function openAuthenticator(
  authentication: AuthenticationOptions,
): Promise<{ authenticator: Authenticator; path: string }> {
  if (authentication.kind === 'none') return { authenticator: allowAll, path: '' }
  return (await import('../../server/auth/authentication.ts')).createAuthenticator(authentication)
}

/** `isNew`: of a certificate of our own, whether it has been made now. */
export type OpenTls = TlsSource & { isNew?: boolean }

/**
 * Reads and validates the certificate, or makes one for the address that is listened on and the names that clients use.
 * @throws {UsageError}
 */
export async function openTls(
  tls: TlsOptions | undefined,
  where: Listen,
  hosts: readonly string[],
): Promise<OpenTls | undefined> {
  if (tls === undefined || where.kind !== 'websocket') return undefined
  try {
    if (tls.kind === 'files') {
      const { readKeyPair } = await import('../../server/tls/key-pair.ts')
      return { files: tls, pair: readKeyPair(tls) }
    }
    const { selfSigned } = await import('../../server/tls/self-signed.ts')
    return await selfSigned([where.address, ...hosts])
  } catch (error) {
    throw new UsageError(`cannot use TLS: ${(error as Error).message}`, 1)
  }
}

/**
 * What answers MCP clients over HTTP. Its modules, an SDK among them, are loaded only if it is asked for.
 * @throws {UsageError} in a program that does not have the SDK
 */
export async function openMcp(
  policy: McpPolicy | undefined,
): Promise<((server: ExecServer) => HttpEndpoint) | undefined> {
  if (policy === undefined) return undefined
  try {
    const { endpointFor } = await import('../../mcp/http/endpoint-for.ts')
    return (server) => endpointFor(server, policy)
  } catch (error) {
    throw new UsageError(`cannot serve MCP clients: ${(error as Error).message}`, 1, [
      'a program needs the package @modelcontextprotocol/sdk for that',
    ])
  }
}

/** An open listener, and which names it goes by. */
export type Open = { listener: Listener; checkHost: HostCheck }

/**
 * Opens the listener. Its connections wait until it is served.
 * @throws {UsageError}
 */
export async function openListen(where: Exclude<Listen, { kind: 'stdio' }>, hosts: readonly string[]): Promise<Open> {
  try {
    if (where.kind === 'websocket')
      return { listener: await openListener(where.address, where.port, where.isSecure), checkHost: hostCheck(hosts) }
    return {
      listener: await (await import('../../server/http/unix-listener.ts')).openUnixListener(where.path),
      checkHost: anyHost,
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    const place = where.kind === 'unix' ? where.path : `${where.address}:${where.port}`
    throw new UsageError(`cannot listen on ${place}: ${await reasonOf(error)}`, 1)
  }
}

async function reasonOf(error: unknown): Promise<string> {
  return (await import('../../base/os-error-text.ts')).reasonOf(error)
}

/** The URL for clients. They expect `unix:SOCKET:PATH`, with a colon between the socket's path and the URL's. */
export const urlOf = ({ url }: Listener, where: Listen, path: string): string =>
  `${url}${where.kind === 'unix' && path !== '' ? ':' : ''}${path}`
