/** Requests that bypass the queue of calls: the handshake, and what a resumption needs before queued calls are sent. */
import { DisconnectedError } from '../base/errors.ts'
import type { Params } from './rpc-client.ts'
import type { Connection } from './connection.ts'

/**
 * Sends one request directly on a connection. Also rejects with the signal's reason.
 * @throws {RpcError} If the server refuses it.
 * @throws {DisconnectedError} If the connection is lost.
 */
export function callDirectly(
  connection: Connection,
  method: string,
  params: Params,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const done = <V>(settle: (value: V) => void) => {
      return (value: V): void => {
        signal.removeEventListener('abort', abort)
        settle(value)
      }
    }
    const lost = done((reason: string) => reject(new DisconnectedError(reason)))
    connection.request(method, params, { resolve: done(resolve), reject: done(reject), lost })
  })
}
