/** Which peers of a program's own listeners are let in, besides what they authenticate with. */
import { isLoopbackAddress } from '../base/loopback.ts'
import type { ServeCommand } from '../cli/serve/arguments.ts'
import { peerCheck } from '../server/auth/peer-check.ts'
import type { PeerCheck } from '../server/auth/peer-check.ts'
import { mayConnect } from '../server/http/unix-listener.ts'

const NEEDS_AUTHENTICATION =
  'this server refuses connections from other machines unless they authenticate: capability-url, ws-auth or allow-unauthenticated'

const UNIX_REFUSED = 'this server lets in its own user and root only'

/**
 * The address that a connection has come in on decides, as a command line's `--listen` does: on loopback the peer's user,
 * elsewhere whether clients authenticate.
 */
export function peerCheckFor({ authentication }: ServeCommand, config: PeerConfig): PeerCheck {
  const isOpen = authentication.kind === 'none'
  const onLoopback = peerCheck({ ownUserOnly: isOpen && config['allow-local-users'] !== true })
  const elsewhere = peerCheck({ ownUserOnly: false })
  const refuseElsewhere = isOpen && config['allow-unauthenticated'] !== true
  return async (socket) => {
    const { localAddress } = socket
    // A unix socket, or one that is closed, whose user is not known.
    if (localAddress === undefined) return mayConnect(socket) ? undefined : UNIX_REFUSED
    if (isLoopbackAddress(localAddress)) return onLoopback(socket)
    return refuseElsewhere ? NEEDS_AUTHENTICATION : elsewhere(socket)
  }
}

type PeerConfig = { 'allow-local-users'?: boolean; 'allow-unauthenticated'?: boolean }
