/**
 * Protocol faults of a WebSocket peer. `ws` answers each with an immediate close frame; here requests already
 * accepted are answered first, and an oversized message gets an error response. Also adds a limit on the size
 * of single frames, which `ws` does not have.
 */
import type { WebSocket } from 'ws'
import { receiverOf } from '../../host/node-internals.ts'

/** Opcodes from here on are control frames, which have their own limit (RFC 6455, section 5.5). */
const FIRST_CONTROL_OPCODE = 8

/** A protocol violation: the WebSocket close code that `ws` chose, and its description. */
export type Fault = { status: number; message: string }

/**
 * Calls `onFault` once at the peer's first protocol violation, or first frame of more than `frameBytes` bytes, in
 * place of the close frame that `ws` would send. `onFault` must close the connection. With a version of `ws` that has
 * another parser, faults are left to `ws`.
 */
export function watchFaults(websocket: WebSocket, frameBytes: number, onFault: (fault: Fault) => void): void {
  const receiver = receiverOf(websocket)
  if (receiver === undefined) return
  let fault: Fault | undefined

  const createError = receiver.createError
  receiver.createError = function (kind, message, prefix, status, code) {
    fault = { status, message }
    return createError.call(this, kind, message, prefix, status, code)
  }

  const haveLength = receiver.haveLength
  receiver.haveLength = function (done) {
    if (this._opcode < FIRST_CONTROL_OPCODE && this._payloadLength > frameBytes) {
      const text = `a frame of ${this._payloadLength} bytes exceeds ${frameBytes} bytes`
      done(this.createError(RangeError, text, false, 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'))
    } else haveLength.call(this, done)
  }

  const close = websocket.close
  websocket.close = function (code, reason) {
    if (fault === undefined) return close.call(this, code, reason)
    websocket.close = close
    onFault(fault)
  }
}
