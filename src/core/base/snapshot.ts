/** How things stand at one moment, counted when it is asked for, so that no number can drift. */

export const processStates = ['starting', 'running', 'exited', 'closed'] as const
/** `exited`: the root has, its output goes on. `closed`: it is over, and kept for reading. */
export type ProcessState = (typeof processStates)[number]

export type Snapshot = {
  connections: number
  attachedSessions: number
  detachedSessions: number
  processes: Record<ProcessState, number>
  /** Being worked on, or waiting. */
  requests: number
  httpRequests: number
  fileHandles: number
  /** Bytes that are queued: to clients, and to the stdin of processes. */
  outboundBytes: number
  stdinBytes: number
  /** Output that is kept for reading, with what keeping it costs. */
  retainedBytes: number
}

export function emptySnapshot(): Snapshot {
  return {
    connections: 0,
    attachedSessions: 0,
    detachedSessions: 0,
    processes: { starting: 0, running: 0, exited: 0, closed: 0 },
    requests: 0,
    httpRequests: 0,
    fileHandles: 0,
    outboundBytes: 0,
    stdinBytes: 0,
    retainedBytes: 0,
  }
}
