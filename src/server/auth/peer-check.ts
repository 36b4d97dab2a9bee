/**
 * Which peers on this machine are let in, besides what they authenticate with: on Linux, where the kernel tells who they
 * are. Other platforms do not, and let in every user.
 */
import type { Socket } from 'node:net'
import process from 'node:process'
import { mayBeConfined } from '../../host/peer/confined-peer.ts'
import { findTcpPeer } from '../../host/peer/tcp-peer.ts'
import type { NoPeer } from '../../host/peer/tcp-peer.ts'
import { sandboxesOnNetwork } from '../../host/process-tree/process-tracker.ts'

/** Resolves with why the peer of a connection is not let in, as the body of a 403; undefined if it is. */
export type PeerCheck = (socket: Socket) => Promise<string | undefined>

/** For unix sockets, whose listener checks each peer. */
export const anyPeer: PeerCheck = () => Promise.resolve(undefined)

/** What a refused peer, or its user, can do. */
const REMEDY = 'start it with --allow-local-users to let in every user of this machine, or with --capability-url'

/** The text for commands that this server has confined. */
export const CONFINED = 'a command that this server has confined may not connect to it'

const unknownPeer = (why: NoPeer): string =>
  `this server lets in its own user only, and cannot tell whose connection this is (${why}): ${REMEDY}`

/** The text for a peer that has closed its end, and so does not read it. */
export const GONE = unknownPeer('gone')

/**
 * Creates the check for TCP. With `ownUserOnly` the peer must be of the server's user or root; one that is not known is not let
 * in. Confined commands never are.
 */
export function peerCheck({ ownUserOnly }: { ownUserOnly: boolean }, findPeer = findTcpPeer): PeerCheck {
  const own = process.geteuid?.() ?? 0
  return async (socket) => {
    if (process.platform !== 'linux') return undefined
    if (!ownUserOnly && sandboxesOnNetwork().size === 0) return undefined
    const peer = findPeer(socket)
    if (peer === 'elsewhere' && !ownUserOnly) return undefined
    if (typeof peer === 'string') return unknownPeer(peer)
    if (ownUserOnly && peer.user !== own && peer.user !== 0)
      return `this server lets in its own user and root only, not user ${peer.user}: ${REMEDY}`
    return (await mayBeConfined(peer, own)) ? CONFINED : undefined
  }
}
