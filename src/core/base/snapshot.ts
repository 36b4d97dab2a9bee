/** Current counts, computed on demand, so that they cannot drift. */

/** All process states, in order. */
export const processStates = ['starting', 'running', 'exited', 'closed'] as const
/** `exited`: the root has exited, output may still follow. `closed`: ended, retained for reading. */
export type ProcessState = (typeof processStates)[number]

/** What is open, running, queued and retained at one moment. */
export type Snapshot = {
  connections: number
  attachedSessions: number
  detachedSessions: number
  processes: Record<ProcessState, number>
  /** Requests that run or wait. */
  requests: number
  httpRequests: number
  netConnections: number
  fileHandles: number
  /** Bytes queued to clients, and to the stdin of processes. */
  outboundBytes: number
  stdinBytes: number
  /** Helpers of sandboxed file calls: calls under way, kept, killed but not exited; and calls given up so far. */
  sandboxHelpers: { busy: number; idle: number; dying: number; givenUp: number }
  /** Retained output in bytes, with its memory overhead. */
  retainedBytes: number
}

/** A snapshot of zeros, to be added to. */
export function emptySnapshot(): Snapshot {
  return {
    connections: 0,
    attachedSessions: 0,
    detachedSessions: 0,
    processes: { starting: 0, running: 0, exited: 0, closed: 0 },
    requests: 0,
    httpRequests: 0,
    netConnections: 0,
    fileHandles: 0,
    outboundBytes: 0,
    stdinBytes: 0,
    sandboxHelpers: { busy: 0, idle: 0, dying: 0, givenUp: 0 },
    retainedBytes: 0,
  }
}
