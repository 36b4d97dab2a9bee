/** A server that dials out instead of listening. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { createSecureContext } from 'node:tls'
import { trust } from '../host/http/http-certificates.ts'
import { allowAll } from './auth/authenticator.ts'
import { anyPeer } from './auth/peer-check.ts'
import { anyHost } from './http/host-check.ts'
import { linkDialer } from './link/dial-link.ts'
import { defaultLinkLimits } from './link/link-limits.ts'
import type { LinkLimits } from './link/link-limits.ts'
import { createLinkListener } from './link/link-listener.ts'
import type { ConnectOptions } from './link/link-options.ts'
import { createServer, serveListener } from './serve.ts'
import type { ServeOptions } from './serve.ts'

/** Where to dial out to, and what to prove there. `onReady` is called when `accept` can be reached for the first time. */
export type LinkSource = Pick<ConnectOptions, 'url' | 'name'> & {
  /** What leads there. Absent: it is reached directly. */
  proxy?: URL | undefined
  secret: string
  /** The only certificates that are trusted, in PEM. Absent: this machine's authorities. */
  ca: string | undefined
  onReady: () => void
}

/** Serves the clients of `exec-server accept`, which has let them in. Returns the handler for stop signals. */
export function serveLinks(
  { url, name, proxy, secret, ca, onReady }: LinkSource,
  options: ServeOptions,
  limits: LinkLimits = defaultLinkLimits,
): () => void {
  const parts = createServer(options)
  const identity = { instance: randomUUID(), host: hostname() }
  const own = ca === undefined ? undefined : createSecureContext({ ca })
  const dial = linkDialer({ url, proxy, secret, identity, limits, trust: () => own ?? trust() })
  const { accept, close, opener } = createLinkListener({ name, dial, limits, log: parts.log, onReady })
  const checks = { authenticator: allowAll, checkPeer: anyPeer, checkHost: anyHost }
  return serveListener(
    parts,
    { url: name, accept, close },
    { ...options, ...checks, opener, tls: undefined, mcp: undefined, preview: false, hosts: [] },
  )
}
