/**
 * Protocol faults of a WebSocket peer. `ws` answers each with an immediate close frame; here requests already
 * accepted are answered first, and an oversized message gets an error response. Also adds what `ws` does not have: a
 * limit on the size of single frames, one on the size of messages that changes, and slices of a flood and of large
 * messages.
 */
import type { WebSocket } from 'ws'
import { ReceiverState, receiverOf } from '../../host/node-internals.ts'
import { goOnLater, readLargeFrames } from './large-frames.ts'
import type { LargeMessages } from './large-frames.ts'

/** Opcodes from here on are control frames, which have their own limit (RFC 6455, section 5.5). */
const FIRST_CONTROL_OPCODE = 8

/** Bytes that the parser needs to begin a frame. */
const FRAME_HEAD_BYTES = 2

/** A protocol violation: the WebSocket close code that `ws` chose, and its description. */
export type Fault = { status: number; message: string }

/** Bounds of what is read, and what becomes of large messages. */
export type ReadBounds = LargeMessages & {
  frameBytes: number
  /** Bytes that the current message may have. */
  messageBytes: () => number
}

/**
 * Calls `onFault` once at the peer's first protocol violation, or first frame or message above the bounds, in place of
 * the close frame that `ws` would send. `onFault` must close the connection. With a version of `ws` that has another
 * parser, faults are left to `ws`.
 */
export function watchFaults(
  websocket: WebSocket,
  { frameBytes, messageBytes, ...largeMessages }: ReadBounds,
  onFault: (fault: Fault) => void,
): void {
  const receiver = receiverOf(websocket)
  if (receiver === undefined) return
  readLargeFrames(receiver, largeMessages)
  let fault: Fault | undefined

  const createError = receiver.createError
  receiver.createError = function (kind, message, prefix, status, code) {
    fault = { status, message }
    return createError.call(this, kind, message, prefix, status, code)
  }

  const haveLength = receiver.haveLength
  receiver.haveLength = function (done) {
    const isData = this._opcode < FIRST_CONTROL_OPCODE
    const refuse = (text: string): void =>
      done(this.createError(RangeError, text, false, 1009, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'))
    if (isData && this._payloadLength > frameBytes)
      refuse(`a frame of ${this._payloadLength} bytes exceeds ${frameBytes} bytes`)
    else if (isData && this._totalPayloadLength + this._payloadLength > messageBytes())
      refuse('Max payload size exceeded')
    else haveLength.call(this, done)
  }

  const getInfo = receiver.getInfo
  receiver.getInfo = function (done) {
    if (this._bufferedBytes < FRAME_HEAD_BYTES || largeMessages.mayRead()) getInfo.call(this, done)
    else goOnLater(this, ReceiverState.BeforeFrame, done)
  }

  const close = websocket.close
  websocket.close = function (code, reason) {
    if (fault === undefined) return close.call(this, code, reason)
    websocket.close = close
    onFault(fault)
  }
}
