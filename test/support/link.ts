/** Links over real WebSockets, without a handshake. */
import { defaultLinkLimits } from '../../src/server/link/link-limits.ts'
import type { LinkLimits } from '../../src/server/link/link-limits.ts'
import { LinkStream } from '../../src/server/link/link-stream.ts'
import { websocketPair } from './web/websocket-pair.ts'

/** The limits of links with some changed. */
export const linkLimits = (changed: Partial<LinkLimits> = {}): LinkLimits => ({ ...defaultLinkLimits, ...changed })

/** Both ends of a link. */
export async function linkPair(limits: LinkLimits): Promise<{ devbox: LinkStream; accept: LinkStream }> {
  const { devbox, accept } = await websocketPair()
  return {
    devbox: new LinkStream(devbox.websocket, devbox.carrier, limits),
    accept: new LinkStream(accept.websocket, accept.carrier, limits),
  }
}
