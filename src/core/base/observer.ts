/**
 * The core's telemetry interface: totals that it increments, and optional event callbacks. An event without a
 * subscriber costs one property lookup.
 */
import { detached } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import type { SpawnSpec } from './host.ts'
import type { Result } from './json-fragments.ts'

/** Monotonic counters. */
export type Totals = {
  /** By method name; unknown methods are counted together under {@link UNKNOWN_METHOD}. */
  readonly requests: Map<string, number>
  /** By error code, including messages that could not be parsed. */
  readonly errors: Map<number, number>
  connections: number
  starts: number
  refusedStarts: number
  /** Bytes of messages received and sent. */
  received: number
  sent: number
  /** Bytes of process output and stdin. Output without a listener is read but not sent. */
  outputRead: number
  outputSent: number
  stdinWritten: number
  /** Bytes of http/request bodies, as transferred. */
  httpSent: number
  httpReceived: number
  /** Bytes of network connections, to their peers and from them. */
  netSent: number
  netReceived: number
}

/** Stands for every method name that is not implemented. */
export const UNKNOWN_METHOD = 'unknown'

/** The client at the other end of a connection. `initialize` sets its name and session id. */
export type Peer = {
  /** Counted from 1. */
  readonly connection: number
  /** Remote address and port, or the kind of transport. */
  readonly address: string
  /** Client name, cut to {@link NAME_LENGTH}. */
  client?: string
  session?: string
}

/** Characters kept of a name that a client chose: enough to recognize it. */
export const NAME_LENGTH = 200

/** Cuts a name that a client chose, to be stored and shown. */
export function shortName(name: string): string {
  return detached(name.length <= NAME_LENGTH ? name : `${name.slice(0, NAME_LENGTH)}…`)
}

/** What happened to a session. */
export type SessionEvent = 'created' | 'resumed' | 'detached' | 'expired' | 'ended'

/** The outcome of a request. `cause` is the error as thrown. */
export type Outcome = { result: Result } | { error: { code: number; message: string; cause: unknown } }

/** A process that is about to be spawned. */
export type Start = {
  /** Run number, counted from 1, failed starts included. */
  run: number
  peer: Peer
  processId: string
  spec: SpawnSpec
  /** `none`, or the kind of sandbox. */
  sandboxType: string
}

/** Receives the lifecycle of one start; ends with either `failed` or, once, `ended`. */
export type ProcessObserver = {
  started(pid: number | undefined): void
  failed(error: unknown): void
  /** The root has exited; output may still follow. */
  exited(exitCode: number): void
  /** The process has closed, or was killed with its session, possibly before it exited. */
  ended(end: { exitCode: number | undefined; outputBytes: number; killed: boolean }): void
}

/** The origin of a process that a session has attached to; see process/attach. */
export type Origin = { run: number; session: string; processId: string }

/** Counters, and the callbacks that a subscriber implements. */
export type Observer = {
  readonly totals: Totals
  opened?(peer: Peer): void
  closed?(peer: Peer, why: string): void
  session?(event: SessionEvent, id: string, peer?: Peer): void
  /**
   * Called for every request; may return a callback for its outcome. Do not keep `params`: they may be large.
   * `originOf` looks up the processes that the peer's session has attached to.
   */
  request?(
    peer: Peer,
    method: string,
    params: JsonValue,
    originOf: (processId: string) => Origin | undefined,
  ): ((outcome: Outcome) => void) | undefined
  /** Called right before the spawn. An error that it throws refuses the start. */
  starting?(start: Start): ProcessObserver | undefined
}

/** An observer that only counts. */
export function silentObserver(): Observer {
  return {
    totals: {
      requests: new Map(),
      errors: new Map(),
      connections: 0,
      starts: 0,
      refusedStarts: 0,
      received: 0,
      sent: 0,
      outputRead: 0,
      outputSent: 0,
      stdinWritten: 0,
      httpSent: 0,
      httpReceived: 0,
      netSent: 0,
      netReceived: 0,
    },
  }
}

/** Increments the counter of `key`. */
export function count<K>(totals: Map<K, number>, key: K): void {
  totals.set(key, (totals.get(key) ?? 0) + 1)
}
