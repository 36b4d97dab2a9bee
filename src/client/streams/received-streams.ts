/**
 * The streams of one kind that a session receives. They arrive as notifications, read or not. Servers with the
 * extensions wait for acknowledgements and cancel unwanted streams; for others the connection is paused as far as possible.
 */
import type { ClientLimits } from '../base/limits.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { acknowledging, throttling } from './flow-control.ts'
import { ReceivedStream } from './received-stream.ts'
import type { StreamDelta } from './received-stream.ts'

/** A kind of streams. */
export type StreamKind = {
  /** What one is, in messages. */
  what: string
  /** The notification of each part, and the member of its params that names the stream. */
  notification: string
  idName: string
  /** The method that acknowledges parts, and the extension with which the server waits for it. */
  acknowledge: string
  windowExtension: string
  /** The method that gives a stream up, and the extension with which the server has it. */
  cancel: string
  cancelExtension: string
  /** The error of a stream that breaks off, from the server's text. */
  failure: (text: string) => Error
}

/** The streams of one kind. */
export type ReceivedStreams = {
  /**
   * Opens a stream on the current connection: before its first part can arrive. Its id must be unique. `window`:
   * bytes that the server may send ahead of acknowledgements, if that was agreed on before.
   */
  open(id: string, window?: number): ReceivedStream
  /** The window for one more stream. */
  nextWindow(): number
}

/** Creates the table of streams and subscribes to the server's notifications. */
export function receivedStreams(rpc: RpcClient, limits: ClientLimits, kind: StreamKind): ReceivedStreams {
  const { idName, what, failure } = kind
  const streams = new Map<string, ReceivedStream>()
  const shared = { queuedBytes: 0, windows: 0 }
  // An unread stream that is garbage-collected would use up the shared limit and stall the peer.
  const abandoned = new FinalizationRegistry<ReceivedStream>((stream) => stream.drop())
  rpc.onNotification(kind.notification, (params) => {
    const delta = (params ?? {}) as StreamDelta & Record<string, unknown>
    const id = delta[idName]
    if (typeof id === 'string') streams.get(id)?.receive(delta)
  })
  rpc.onLost((error) => {
    for (const stream of [...streams.values()]) stream.end(error)
  })

  /** An eighth of the remaining shared limit, so that later streams get a share. */
  function nextWindow(): number {
    const { httpQueuedTotal, httpWindow, httpWindowLeast } = limits
    const rest = httpQueuedTotal - shared.windows - shared.queuedBytes
    return Math.max(httpWindowLeast, Math.min(httpWindow, Math.floor(rest / 8)))
  }

  return {
    nextWindow,
    open: (id, agreed) => {
      const { connection, extensions } = rpc
      const window = extensions.has(kind.windowExtension) ? (agreed ?? nextWindow()) : undefined
      shared.windows += window ?? 0
      const named = { [idName]: id }
      const stream = new ReceivedStream(id, window, {
        what,
        failure,
        limits,
        shared,
        abandoned,
        control:
          window === undefined
            ? throttling(rpc, limits, () => streams.size)
            : acknowledging(rpc, { method: kind.acknowledge, params: named }, window),
        unregister: () => {
          if (streams.delete(id)) shared.windows -= window ?? 0
        },
        // Without the extension the server goes on sending, and the data is ignored.
        cancel: () => {
          if (extensions.has(kind.cancelExtension))
            rpc.call(kind.cancel, named, { urgent: true, connection }).catch(() => {})
        },
      })
      streams.set(id, stream)
      return stream
    },
  }
}
