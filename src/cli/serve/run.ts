/**
 * Starts a server. Imports only what is needed until the URL is printed, to print it early; everything
 * else is loaded when the listener is open.
 */
import process from 'node:process'
import { isatty } from 'node:tty'
import type { HttpPolicy } from '../../host/http/http-policy.ts'
import type { RunDirectory } from '../../host/runs/run-directory.ts'
import type { AuditFile } from '../../server/telemetry/audit-file.ts'
import { parseServe } from './arguments.ts'
import { withConfig } from './with-config.ts'
import type { InfoCommand, ServeCommand } from './arguments.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import { allowAll } from '../../server/auth/authenticator.ts'
import type { Authenticator } from '../../server/auth/authenticator.ts'
import { anyHost, hostCheck } from '../../server/http/host-check.ts'
import type { HostCheck } from '../../server/http/host-check.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import { openListener } from '../../server/http/listener.ts'
import type { Listener } from '../../server/http/listener.ts'
import type { CommandSummary } from './help.ts'
import { reportingUsage } from './reporting-usage.ts'
import { writeStdout } from './stdout.ts'
import { withoutIgnored } from '../../base/own-process.ts'
import { writeText } from '../../base/write-all.ts'
import { licenseNotices } from '../../base/sea.ts'
import { UsageError } from '../../base/usage-error.ts'
import { version } from '../../base/version.ts'

/** Serves, or prints the help with these commands, the version or the licences. Usage errors set the exit code; other errors are thrown. */
export function serve(args: readonly string[], commands: readonly CommandSummary[]): Promise<void> {
  return reportingUsage(async () => {
    const command = await withConfig(args, parseServe)
    if (command.kind === 'serve') return startServer(command)
    return printInfo(command, commands)
  })
}

async function printInfo({ kind }: InfoCommand, commands: readonly CommandSummary[]): Promise<void> {
  writeStdout(await infoText(kind, commands))
}

async function infoText(kind: InfoCommand['kind'], commands: readonly CommandSummary[]): Promise<string> {
  if (kind === 'version') return `exec-server ${version}\n`
  if (kind === 'help') return (await import('./help.ts')).help(commands)
  return licenseNotices() ?? (await import('./source-notices.ts')).sourceNotices()
}

async function startServer(command: ServeCommand): Promise<void> {
  let stop = (): void => process.exit(0)
  onStopSignal(() => stop())
  const options = {
    ...command,
    sandbox: command.listen.kind === 'unix' ? { ...command.sandbox, ownSocket: command.listen.path } : command.sandbox,
    httpPolicy: await httpPolicy(command.httpPolicy),
    auditFile: await auditFile(command.auditLog),
    runs: await runDirectory(command.logDir, command.limits.runLogs),
  }
  if (command.listen.kind === 'stdio') {
    stop = (await import('../../server/serve.ts')).serveParent(options)
    return
  }
  const { authenticator, path } = await createAuthenticator(command.authentication)
  const { listener, checkHost } = await listen(command.listen, command.hosts)
  // Clients expect `unix:SOCKET:PATH`, with a colon between the socket's path and the URL's.
  const url = `${listener.url}${command.listen.kind === 'unix' && path !== '' ? ':' : ''}${path}`
  try {
    writeStdout(`${url}\n`)
  } catch (error) {
    listener.close()
    throw error
  }
  const { anyPeer, peerCheck } = await import('../../server/auth/peer-check.ts')
  const checkPeer = command.listen.kind === 'unix' ? anyPeer : peerCheck(command)
  const { serveNetwork } = await import('../../server/serve.ts')
  stop = serveNetwork(listener, { ...options, authenticator, checkPeer, checkHost })
  if (isatty(2)) await tellNextSteps(url, path !== '', command.authentication)
}

/** Only after the server is up. A URL that holds a secret is not shown where it has not been printed already. */
async function tellNextSteps(url: string, isSecret: boolean, { kind }: AuthenticationOptions): Promise<void> {
  const { nextSteps } = await import('./next-steps.ts')
  const needsToken = kind === 'capability-token' || kind === 'signed-bearer-token'
  try {
    writeText(2, nextSteps({ url: isSecret && !isatty(1) ? 'URL' : url, needsToken }))
  } catch {
    // The terminal has gone: the server goes on.
  }
}

/**
 * Opened before the listener, so that every connection can be audited.
 * @throws {UsageError}
 */
async function auditFile(path: string | undefined): Promise<AuditFile | undefined> {
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
async function runDirectory(path: string | undefined, quota: number): Promise<RunDirectory | undefined> {
  if (path === undefined) return undefined
  const { directoryBounds, openRunDirectory } = await import('../../host/runs/run-directory.ts')
  try {
    return await openRunDirectory(path, directoryBounds(quota))
  } catch (error) {
    throw new UsageError(`cannot use the directory ${path} of --log-dir: ${await reasonOf(error)}`, 1)
  }
}

/**
 * Validated before the listener opens; its module is loaded only if the option is given.
 * @throws {UsageError}
 */
async function httpPolicy(value: string | undefined): Promise<HttpPolicy | undefined> {
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
async function createAuthenticator(
  authentication: AuthenticationOptions,
): Promise<{ authenticator: Authenticator; path: string }> {
  if (authentication.kind === 'none') return { authenticator: allowAll, path: '' }
  return (await import('../../server/auth/authentication.ts')).createAuthenticator(authentication)
}

type Open = { listener: Listener; checkHost: HostCheck }

async function listen(where: Exclude<Listen, { kind: 'stdio' }>, hosts: readonly string[]): Promise<Open> {
  try {
    if (where.kind === 'websocket')
      return { listener: await openListener(where.address, where.port), checkHost: hostCheck(hosts) }
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

/** Calls `stop` at each signal: the first starts draining, the second ends at once. A closed terminal sends SIGHUP. */
function onStopSignal(stop: () => void): void {
  for (const signal of withoutIgnored(['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, stop)
}
