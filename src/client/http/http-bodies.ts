/**
 * The response bodies of one session. They arrive as notifications, read or not. Servers with the extensions wait for
 * acknowledgements and cancel unwanted bodies; for others the connection is paused as far as possible.
 */
import { Method } from '../../protocol/wire/methods.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { acknowledging, throttling } from './flow-control.ts'
import { HttpBody } from './http-body.ts'
import type { BodyDelta } from './http-body.ts'

/** The response bodies of one session. */
export type HttpBodies = {
  /**
   * Opens the body of a request that is about to be sent on the current connection. Its id is unique within this
   * client.
   */
  open(): HttpBody
}

/** Creates the body table and subscribes to the server's notifications. */
export function createBodies(rpc: RpcClient, limits: ClientLimits): HttpBodies {
  const bodies = new Map<string, HttpBody>()
  const shared = { queuedBytes: 0, windows: 0 }
  // Drop the body of a response that is garbage-collected unread: it would use up the shared limit and stall the peer.
  const abandoned = new FinalizationRegistry<HttpBody>((body) => body.drop())
  let opened = 0
  rpc.onNotification(Method.HttpBodyDelta, (params) => {
    const delta = (params ?? {}) as BodyDelta & { requestId?: unknown }
    if (typeof delta.requestId === 'string') bodies.get(delta.requestId)?.receive(delta)
  })
  rpc.onLost((error) => {
    for (const body of [...bodies.values()]) body.end(error)
  })

  /** An eighth of the remaining shared limit, so that later bodies get a share. */
  function nextWindow(): number {
    const { httpQueuedTotal, httpWindow, httpWindowLeast } = limits
    const rest = httpQueuedTotal - shared.windows - shared.queuedBytes
    return Math.max(httpWindowLeast, Math.min(httpWindow, Math.floor(rest / 8)))
  }

  return {
    open: () => {
      const id = `http-${++opened}`
      const { connection, extensions } = rpc
      const window = extensions.has('bodyWindow') ? nextWindow() : undefined
      shared.windows += window ?? 0
      const body = new HttpBody(id, window, {
        limits,
        shared,
        abandoned,
        control: window === undefined ? throttling(rpc, limits, () => bodies.size) : acknowledging(rpc, id, window),
        unregister: () => {
          if (bodies.delete(id)) shared.windows -= window ?? 0
        },
        // Without the extension the server goes on sending, and the data is ignored.
        cancel: () => {
          if (extensions.has('httpCancel'))
            rpc.call(Method.HttpCancel, { requestId: id }, { urgent: true, connection }).catch(() => {})
        },
      })
      bodies.set(id, body)
      return body
    },
  }
}
