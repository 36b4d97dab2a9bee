/**
 * Backpressure for received streams: by acknowledgements where the server supports them, otherwise by pausing the
 * connection.
 */
import type { ClientLimits } from '../base/limits.ts'
import { Acknowledger } from '../session/acknowledger.ts'
import type { Consumed } from '../session/acknowledger.ts'
import type { RpcClient } from '../session/rpc-client.ts'

/** The state of a stream: what was read of it, and what is queued. */
export type Progress = Consumed & {
  /** Bytes queued for the reader. */
  queued: number
  /** Whether no more data will come. */
  isOver: boolean
}

/** Call after data arrived or was read, and at the end. */
export type FlowControl = (progress: Progress) => void

/** How a stream is acknowledged: the method, and the params that name the stream. */
export type Acknowledged = { method: string; params: object }

/** Acknowledges what was read. `window`: bytes that the server may send ahead. */
export function acknowledging(rpc: RpcClient, { method, params }: Acknowledged, window: number): FlowControl {
  const { connection } = rpc
  let latest: Progress | undefined
  const acknowledger = new Acknowledger({
    window,
    consumed: () => (latest?.isOver === true ? undefined : latest),
    send: (seq) => rpc.call(method, { ...params, seq }, { urgent: true, connection }).catch(() => {}),
  })
  return (progress) => {
    latest = progress
    acknowledger.update()
  }
}

/**
 * Pauses the connection instead. A stream is behind at a quarter of its share of the queue limit, and has caught up at an
 * eighth. `openStreams`: how many streams share the limit.
 */
export function throttling(rpc: RpcClient, { httpQueuedTotal }: ClientLimits, openStreams: () => number): FlowControl {
  const reader = {}
  let isBehind = false
  let bytesBefore = 0
  return ({ queued, bytes, isOver }) => {
    const share = httpQueuedTotal / Math.max(1, openStreams())
    const wasBehind = isBehind
    isBehind = !isOver && queued > (wasBehind ? share / 8 : share / 4)
    // Only reading counts as progress; data that still arrives must not reset the timeout.
    if (isBehind ? !wasBehind || bytes > bytesBefore : wasBehind) rpc.throttleReads(reader, isBehind)
    bytesBefore = bytes
  }
}
