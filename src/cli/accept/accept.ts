/** `exec-server accept`: the end of a reverse connection that listens. */
import process from 'node:process'
import { nameProcess, withoutIgnored } from '../../base/own-process.ts'
import { reasonOf } from '../../base/os-error-text.ts'
import { UsageError } from '../../base/usage-error.ts'
import { serveAccept } from '../../server/accept/serve-accept.ts'
import { createAuthenticator } from '../../server/auth/authentication.ts'
import { anyPeer, peerCheck } from '../../server/auth/peer-check.ts'
import { anyHost, hostCheck } from '../../server/http/host-check.ts'
import { openListener } from '../../server/http/listener.ts'
import type { Listener } from '../../server/http/listener.ts'
import { openUnixListener } from '../../server/http/unix-listener.ts'
import { defaultServerLimits } from '../../server/limits.ts'
import { defaultLinkLimits } from '../../server/link/link-limits.ts'
import { readLinkSecret } from '../../server/link/link-secret.ts'
import { openTls } from '../serve/open-parts.ts'
import { reportingUsage } from '../serve/reporting-usage.ts'
import { writeStdout } from '../serve/stdout.ts'
import { manual, parseAccept } from './accept-arguments.ts'
import type { AcceptCommand, ListenPlace } from './accept-arguments.ts'

export { manual }

/** Not the name of a server: those that look for one would find it without what its URL holds. */
const PROCESS_NAME = 'exec-accept'

/** Serves until a signal comes. Usage errors set the exit code. */
export function accept(args: readonly string[]): Promise<void> {
  return reportingUsage(async () => {
    const command = parseAccept(args)
    if (command === undefined) return writeStdout(manual.help)
    return start(command)
  }, 'accept')
}

async function start({
  devboxes: forDevboxes,
  clients: forClients,
  tls: forTls,
  ...command
}: AcceptCommand): Promise<void> {
  let stop = (): void => process.exit(0)
  for (const signal of withoutIgnored(['SIGTERM', 'SIGINT', 'SIGHUP'])) process.on(signal, () => stop())
  nameProcess(PROCESS_NAME)
  const secret = readLinkSecret(command.tokenFile)
  const { authenticator, path } = createAuthenticator({ kind: 'capability-url', tokenFile: command.clientTokenFile })
  const tls = await openTls(forTls, forDevboxes, [])
  const isUnix = forClients.kind === 'unix'
  const devboxes = await open(forDevboxes)
  const clients = await open(forClients)
  writeStdout(`${clients.url}${isUnix ? ':' : ''}${path}\n${devboxes.url}\n`)
  stop = serveAccept({
    ...command,
    devboxes,
    clients,
    tls,
    secret,
    authenticator,
    checkPeer: isUnix ? anyPeer : peerCheck(command),
    checkHost: isUnix ? anyHost : hostCheck([]),
    limits: { ...defaultServerLimits, ...defaultLinkLimits },
  })
}

async function open(place: ListenPlace): Promise<Listener> {
  try {
    return place.kind === 'unix'
      ? await openUnixListener(place.path)
      : await openListener(place.address, place.port, place.isSecure)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const name = place.kind === 'unix' ? place.path : `${place.address}:${place.port}`
    throw new UsageError(`cannot listen on ${name}: ${reasonOf(error)}`, 1)
  }
}
