/**
 * The limits of reverse connections, at both ends. Sizes are in bytes, times in milliseconds.
 *
 * A link is a WebSocket that the server has opened to `exec-server accept`: it waits there for a client, carries that
 * one's connection, and ends with it.
 */

/** The limits of links; see {@link defaultLinkLimits} for the values. */
export type LinkLimits = {
  /** Links that wait at `accept` for a client. Some clients open two connections at a time. */
  waitingLinks: number
  /** Time from the dial until both ends have proven themselves: some round trips, DNS, TLS and a proxy. */
  linkHandshakeMs: number
  /** One message of a link. A ping waits behind it: 2 s at 32 KB/s. */
  linkChunkBytes: number
  /** One message before both ends have proven themselves. */
  linkGreetingBytes: number
  /** Interval of pings. Proxies and address translation drop what is silent for 30 to 60 s. */
  heartbeatMs: number
  /** Intervals in a row in which nothing arrives, after which the other end is considered gone. */
  missedHeartbeats: number
  /** Pause after the first failed attempt; it doubles with each one that follows, up to `retryMaxMs`. */
  retryMinMs: number
  retryMaxMs: number
  /** A link that is lost sooner than this counts as a failed attempt, so that no end refuses in a loop without pauses. */
  stableMs: number
  /** How long a client waits at `accept` for a link. A lost one is opened anew in less; clients give up after 10 s. */
  clientWaitMs: number
  /** Clients that wait at a time; one more gets a 503 at once. */
  waitingClients: number
  /** How long the other end may take to answer a close frame. */
  linkCloseMs: number
  /** A link that was heard of so recently is used without a ping before. */
  freshMs: number
  /** Time for a waiting link to answer a ping when a client or another devbox asks. */
  linkProbeMs: number
}

/** The limits. */
export const defaultLinkLimits: Readonly<LinkLimits> = {
  waitingLinks: 4,
  linkHandshakeMs: 10_000,
  linkChunkBytes: 64 * 1024,
  linkGreetingBytes: 4096,
  heartbeatMs: 10_000,
  missedHeartbeats: 3,
  retryMinMs: 500,
  retryMaxMs: 30_000,
  stableMs: 5000,
  clientWaitMs: 8000,
  waitingClients: 64,
  linkCloseMs: 2000,
  freshMs: 1000,
  linkProbeMs: 3000,
}
