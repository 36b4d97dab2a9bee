/**
 * Protocol faults of a WebSocket peer. The library answers each with a close frame at once; here the
 * requests that were accepted before are answered first, and an oversized message gets its error. It also
 * adds the bound on single frames, which the library does not have.
 */
import type { WebSocket } from 'ws'

/** The inside of the library that this file, and no other, relies on. */
type Receiver = {
  _payloadLength: number
  _opcode: number
  haveLength(done: (error?: Error) => void): void
  createError(kind: ErrorConstructor, message: string, prefix: boolean, status: number, code: string): Error
}

/** Opcodes from here on are control frames, which have a bound of their own. */
const FIRST_CONTROL_OPCODE = 8

export type Fault = { status: number; message: string }

export function watchFaults(websocket: WebSocket, frameBytes: number, onFault: (fault: Fault) => void): void {
  const receiver = (websocket as unknown as { _receiver: Receiver })._receiver
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
