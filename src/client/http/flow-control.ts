/**
 * Backpressure for response bodies: by acknowledgements where the server supports them, otherwise by pausing the
 * connection.
 */
import { Method } from '../../protocol/wire/methods.ts'
import type { ClientLimits } from '../base/limits.ts'
import { Acknowledger } from '../session/acknowledger.ts'
import type { Consumed } from '../session/acknowledger.ts'
import type { RpcClient } from '../session/rpc-client.ts'

/** The state of a body: what was read of it, and what is queued. */
export type Progress = Consumed & {
  /** Bytes queued for the reader. */
  queued: number
  /** Whether no more data will come. */
  isOver: boolean
}

/** Call after data arrived or was read, and at the end. */
export type FlowControl = (progress: Progress) => void

/** Acknowledges what was read. `window`: bytes that the server may send ahead. */
export function acknowledging(rpc: RpcClient, requestId: string, window: number): FlowControl {
  const { connection } = rpc
  let latest: Progress | undefined
  const acknowledger = new Acknowledger({
    window,
    consumed: () => (latest?.isOver === true ? undefined : latest),
    send: (seq) => rpc.call(Method.HttpAcknowledge, { requestId, seq }, { urgent: true, connection }).catch(() => {}),
  })
  return (progress) => {
    latest = progress
    acknowledger.update()
  }
}

/**
 * Pauses the connection instead. A body is behind at a quarter of its share of the queue limit, and has caught up at an
 * eighth. `openBodies`: how many bodies share the limit.
 */
export function throttling(rpc: RpcClient, { httpQueuedTotal }: ClientLimits, openBodies: () => number): FlowControl {
  const reader = {}
  let isBehind = false
  let bytesBefore = 0
  return ({ queued, bytes, isOver }) => {
    const share = httpQueuedTotal / Math.max(1, openBodies())
    const wasBehind = isBehind
    isBehind = !isOver && queued > (wasBehind ? share / 8 : share / 4)
    // Only reading counts as progress; data that still arrives must not reset the timeout.
    if (isBehind ? !wasBehind || bytes > bytesBefore : wasBehind) rpc.throttleReads(reader, isBehind)
    bytesBefore = bytes
  }
}
