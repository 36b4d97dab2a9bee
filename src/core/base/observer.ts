/**
 * What whoever looks from outside is told of the core: totals that the core adds to as it works, and events. It does not
 * know who listens. Where nobody does, an event costs a look at a member that is not there.
 */
import { detached } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import type { SpawnSpec } from './host.ts'
import type { Result } from './json-fragments.ts'

/** Numbers that only grow. */
export type Totals = {
  /** By name; those that are not methods of ours together under {@link UNKNOWN_METHOD}. */
  readonly requests: Map<string, number>
  /** By code. Messages that could not be read are among them. */
  readonly errors: Map<number, number>
  connections: number
  starts: number
  refusedStarts: number
  /** Bytes of messages. */
  received: number
  sent: number
  /** Bytes of processes. What nobody listened to was read and not sent. */
  outputRead: number
  outputSent: number
  stdinWritten: number
  /** Bytes of http/request's bodies, as they came and went over the wire. */
  httpSent: number
  httpReceived: number
}

export const UNKNOWN_METHOD = 'unknown'

/** Who asks: a connection, and what it has said of itself. It learns its session's id with `initialize`. */
export type Peer = {
  /** Counted from 1. */
  readonly connection: number
  /** Where it comes from: an address and port, or the kind of door. */
  readonly address: string
  /** Cut to {@link NAME_LENGTH}. */
  client?: string
  session?: string
}

/** How much of a name that a client made up is kept: enough to know it again. */
export const NAME_LENGTH = 200

/** A name that a client made up, short enough to be kept and shown. */
export function shortName(name: string): string {
  return detached(name.length <= NAME_LENGTH ? name : `${name.slice(0, NAME_LENGTH)}…`)
}

export type SessionEvent = 'created' | 'resumed' | 'detached' | 'expired' | 'ended'

/** How a request was answered. */
export type Outcome = { result: Result } | { error: { code: number; message: string; cause: unknown } }

/** A process that is about to be started. */
export type Start = {
  /** Counted from 1, those that fail included. */
  run: number
  peer: Peer
  processId: string
  spec: SpawnSpec
  /** `none`, or what confines it. */
  sandboxType: string
}

/** Is told of one start; of either `failed` or, once, `ended`. */
export type Run = {
  started(pid: number | undefined): void
  failed(error: unknown): void
  /** The root has exited. Its output may go on. */
  exited(exitCode: number): void
  /** All is over: closed by itself, or killed with its session, which may be before it has exited. */
  ended(end: { exitCode: number | undefined; outputBytes: number; killed: boolean }): void
}

/** Whose process it is that a session knows by another name, see process/attach. */
export type Origin = { run: number; session: string; processId: string }

export type Observer = {
  readonly totals: Totals
  opened?(peer: Peer): void
  closed?(peer: Peer, why: string): void
  session?(event: SessionEvent, id: string, peer?: Peer): void
  /**
   * May return what is to be told of the outcome. The params are not to be kept: they may be large. `originOf` tells of the
   * processes that the peer's session has attached to.
   */
  request?(
    peer: Peer,
    method: string,
    params: JsonValue,
    originOf: (processId: string) => Origin | undefined,
  ): ((outcome: Outcome) => void) | undefined
  /** Called right before the spawn. What it throws refuses the start. */
  starting?(start: Start): Run | undefined
}

/** One that counts and tells nobody. */
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
    },
  }
}

export function count<K>(totals: Map<K, number>, key: K): void {
  totals.set(key, (totals.get(key) ?? 0) + 1)
}
