/** The limits of network connections, a part of the core's, each with its reason. */

export type NetLimits = {
  /** Network connections of one client. A browser opens some hundred for a page without bundles. */
  netConnections: number
  /** Those of all clients together. Each takes a descriptor and, while its client is slow, some 128 KiB. */
  netTotal: number
  /** Listeners of one client: each takes a descriptor, and a port. */
  netListeners: number
  /** Bytes that a client may write to a connection ahead of its peer: full throughput at a distance of some 10 ms. */
  netWindow: number
  /** Smallest such window (with `netTotal` connections 32 MiB), and all larger ones together. */
  netWindowLeast: number
  netWindowsTotal: number
  /** Bytes of one net/data, as a socket gives them; and unacknowledged ones, or writes, of any size, as for bodies. */
  netDelta: number
  netUnacknowledged: number
  /** Longest time for connecting: a firewall that drops packets is no reason to wait longer. */
  netConnectMs: number
}

const MiB = 1024 * 1024

/** The limits unless options override them. */
export const defaultNetLimits: Readonly<NetLimits> = {
  netConnections: 1024,
  netTotal: 2048,
  netListeners: 64,
  netWindow: 512 * 1024,
  netWindowLeast: 16 * 1024,
  netWindowsTotal: 128 * MiB,
  netDelta: 64 * 1024,
  netUnacknowledged: 1024,
  netConnectMs: 30_000,
}
