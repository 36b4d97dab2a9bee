/**
 * Starts a server. Imports only what is needed until the URL is printed, to print it early; everything
 * else is loaded when the listener is open.
 */
import process from 'node:process'
import { UsageError } from '../../base/usage-error.ts'
import { isatty } from 'node:tty'
import { parseServe } from './arguments.ts'
import { withConfig } from './with-config.ts'
import type { InfoCommand, ServeCommand } from './arguments.ts'
import type { AuthenticationOptions } from '../../server/auth/authentication-options.ts'
import type { ConnectOptions } from '../../server/link/link-options.ts'
import type { ServeOptions } from '../../server/serve.ts'
import type { CommandSummary } from './help.ts'
import {
  openAudit,
  openAuthenticator,
  openHttpPolicy,
  openListen,
  openMcp,
  openRecorder,
  openRuns,
  openTls,
  urlOf,
} from './open-parts.ts'
import { openForward } from '../base/forward-arguments.ts'
import { checkMappedFolders } from '../base/map-arguments.ts'
import { reportingUsage } from './reporting-usage.ts'
import { writeStdout } from './stdout.ts'
import { withoutIgnored } from '../../base/own-process.ts'
import { writeText } from '../../base/write-all.ts'
import { licenseNotices } from '../../base/sea.ts'
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
  checkMappedFolders(command.pathMap)
  const options = {
    ...command,
    sandbox: command.listen.kind === 'unix' ? { ...command.sandbox, ownSocket: command.listen.path } : command.sandbox,
    httpPolicy: await openHttpPolicy(command.httpPolicy),
    forward: await openForward(command.forward),
    auditFile: await openAudit(command.auditLog),
    runs: await openRuns(command.logDir, command.limits.runLogs),
    recordings: await openRecorder(command.recordDir, command.limits.runLogs),
  }
  if (command.listen.kind === 'stdio') {
    stop = (await import('../../server/serve.ts')).serveParent(options)
    return
  }
  if (command.connect !== undefined) {
    stop = await dialOut(command.connect, options)
    return
  }
  const { authenticator, path } = await openAuthenticator(command.authentication)
  const tls = await openTls(command.tls, command.listen, command.hosts)
  const { listener, checkHost } = await openListen(command.listen, command.hosts)
  const url = urlOf(listener, command.listen, path)
  try {
    writeStdout(`${url}\n`)
  } catch (error) {
    listener.close()
    throw error
  }
  const authority = command.tls?.kind === 'self-signed' ? tls?.files.certificate : undefined
  if (tls !== undefined && authority !== undefined)
    printNotice(
      `exec-server: ${tls.isNew === true ? 'new ' : ''}TLS certificate ${authority}, SHA-256 ${tls.pair.fingerprint}\n`,
    )
  const { anyPeer, peerCheck } = await import('../../server/auth/peer-check.ts')
  const checkPeer = command.listen.kind === 'unix' ? anyPeer : peerCheck(command)
  const { serveNetwork } = await import('../../server/serve.ts')
  stop = serveNetwork(listener, {
    ...options,
    authenticator,
    tls,
    checkPeer,
    checkHost,
    mcp: await openMcp(command.mcp),
  })
  if (isatty(2)) await tellNextSteps({ url, isSecret: path !== '', authority }, command.authentication)
}

/**
 * Prints the URL once `accept` is there: then clients can use the devbox.
 * @throws {UsageError} if the secret cannot be used
 */
async function authoritiesOf({ authorities }: ConnectOptions): Promise<string | undefined> {
  return authorities === undefined ? undefined : (await import('../base/authorities.ts')).readAuthorities(authorities)
}

async function dialOut(connect: ConnectOptions, options: ServeOptions): Promise<() => void> {
  const { readLinkSecret } = await import('../../server/link/link-secret.ts')
  const secret = readLinkSecret(connect.tokenFile)
  const ca = await authoritiesOf(connect)
  const proxy = await proxyOf(connect)
  const { serveLinks } = await import('../../server/serve-links.ts')
  return serveLinks({ ...connect, proxy, secret, ca, onReady: () => printReady(connect.name) }, options)
}

/** @throws {UsageError} */
async function proxyOf({ url }: ConnectOptions): Promise<URL | undefined> {
  const { linkProxy } = await import('../../server/link/link-proxy.ts')
  try {
    return linkProxy(url, process.env)
  } catch (error) {
    throw new UsageError((error as Error).message, 2, ['name one in HTTPS_PROXY, or except the host in NO_PROXY'])
  }
}

/** A program may wait for the line. One that does not read it goes on without. */
function printReady(name: string): void {
  try {
    writeText(1, `${name}\n`)
  } catch {
    // There is no reader.
  }
}

/** The printed URL, and the file of a certificate that only clients which are given it trust. */
type Shown = { url: string; isSecret: boolean; authority: string | undefined }

/** Only after the server is up. A URL that holds a secret is not shown where it has not been printed already. */
async function tellNextSteps({ url, isSecret, authority }: Shown, { kind }: AuthenticationOptions): Promise<void> {
  const { nextSteps } = await import('./next-steps.ts')
  const needsToken = kind === 'capability-token' || kind === 'signed-bearer-token'
  printNotice(nextSteps({ url: isSecret && !isatty(1) ? 'URL' : url, needsToken, authority }))
}

/** For a person: a terminal that has gone does not stop the server. */
function printNotice(text: string): void {
  try {
    writeText(2, text)
  } catch {
    // It has gone.
  }
}

/** Calls `stop` at each signal: the first starts draining, the second ends at once. A closed terminal sends SIGHUP. */
function onStopSignal(stop: () => void): void {
  for (const signal of withoutIgnored(['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, stop)
}
