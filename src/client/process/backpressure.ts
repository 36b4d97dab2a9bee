/**
 * Backpressure for one process: by acknowledgements where the server throttles the process until output is
 * acknowledged, otherwise by pausing the connection for a slow reader.
 */
import { Method } from '../../protocol/wire/methods.ts'
import type { ClientLimits } from '../base/limits.ts'
import { Acknowledger } from '../session/acknowledger.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import type { EventLog } from './event-log.ts'

/** Options of {@link acknowledging}. */
export type BackpressureOptions = {
  id: string
  rpc: RpcClient
  limits: ClientLimits
  log: EventLog
  /** Whether no more events will come. */
  isOver: () => boolean
}

/** Acknowledges what every reader has read. Call the result after events arrived or were read. */
export function acknowledging({ id, rpc, limits, log, isOver }: BackpressureOptions): () => void {
  const acknowledger = new Acknowledger({
    window: limits.outputWindow,
    consumed: () => (isOver() ? undefined : log.consumed),
    // An error means that the process has ended: no further acknowledgement is needed.
    send: (seq) => rpc.call(Method.ProcessAcknowledge, { processId: id, seq }, { repeatable: true, urgent: true }),
  })
  return () => acknowledger.update()
}

/** Options of {@link throttling}. */
export type ThrottlingOptions = {
  rpc: Pick<RpcClient, 'throttleReads'>
  limits: Pick<ClientLimits, 'unreadBytes'>
  log: Pick<EventLog, 'total' | 'consumed'>
}

/**
 * Pauses the connection while the slowest reader is behind: from a quarter of the buffer, until it has caught up to an
 * eighth. Call the result after events arrived or were read.
 */
export function throttling({ rpc, limits, log }: ThrottlingOptions): () => void {
  const reader = {}
  let isBehind = false
  return () => {
    const unread = log.total - log.consumed.bytes
    if (unread > limits.unreadBytes / 4) isBehind = true
    else if (!isBehind) return
    else if (unread < limits.unreadBytes / 8) isBehind = false
    rpc.throttleReads(reader, isBehind)
  }
}
