/**
 * Takes large frames in piece by piece. `ws` buffers a frame until it is whole, and then copies and unmasks it at once;
 * it does the same with the fragments of a message. For 60 MiB that keeps all other clients waiting for 200 ms, most of
 * it for memory that is touched for the first time.
 */
import { setImmediate } from 'node:timers'
import { release } from '../../core/base/bytes.ts'
import { ReceiverState } from '../../host/node-internals.ts'
import type { FrameReceiver } from '../../host/node-internals.ts'
import { unmask } from './unmask.ts'

/** Opcodes from here on are control frames, which are small. */
const FIRST_CONTROL_OPCODE = 8

/** Bytes of a frame from which on it is taken in piece by piece: what usually arrives in one read of the socket. */
const LARGE_BYTES = 64 * 1024

/** Bytes that are joined without a pause: some 4 ms where their memory is touched for the first time. */
const SLICE_BYTES = 1024 * 1024

/** A mask that changes nothing. */
const NO_MASK = Buffer.alloc(4)

/** Makes `receiver` take in large frames and messages in slices of time. */
export function readLargeFrames(receiver: FrameReceiver): void {
  readInPieces(receiver)
  joinInSlices(receiver)
}

/** Copies and unmasks each piece of a large frame when it arrives. */
function readInPieces(receiver: FrameReceiver): void {
  let frame: Buffer | undefined
  let filled = 0
  const getData = receiver.getData
  receiver.getData = function (done) {
    const length = this._payloadLength
    if (length < LARGE_BYTES || this._opcode >= FIRST_CONTROL_OPCODE) return getData.call(this, done)
    frame ??= Buffer.allocUnsafeSlow(length)
    for (let first = this._buffers[0]; first !== undefined && filled < length; first = this._buffers[0]) {
      const piece = this.consume(Math.min(first.length, length - filled))
      frame.set(piece, filled)
      if (this._mask !== undefined) unmask(frame.subarray(filled, filled + piece.length), this._mask, filled)
      filled += piece.length
    }
    if (filled < length) {
      this._loop = false
      return
    }
    // From here on it is a frame that has arrived whole, and unmasked.
    this._buffers.unshift(frame)
    this._bufferedBytes += length
    this._mask = NO_MASK
    frame = undefined
    filled = 0
    getData.call(this, done)
  }
}

/** Joins the fragments of a large message in slices, between which the other connections are served. */
function joinInSlices(receiver: FrameReceiver): void {
  const dataMessage = receiver.dataMessage
  receiver.dataMessage = function (done) {
    const fragments = this._fragments
    if (!this._fin || fragments.length < 2 || this._messageLength <= SLICE_BYTES) return dataMessage.call(this, done)
    // As `ws` itself does between events: what is written meanwhile waits, so the socket is paused.
    this._state = ReceiverState.Deferred
    const whole = Buffer.allocUnsafeSlow(this._messageLength)
    joinSlice(whole, fragments, () => {
      this._fragments = [whole]
      dataMessage.call(this, done)
      this.startLoop(done)
    })
  }
}

/** Fills `whole` with the fragments, which are released, and calls `done` in a later turn of the event loop. */
function joinSlice(whole: Buffer, fragments: readonly Buffer[], done: () => void): void {
  let index = 0
  let from = 0
  let to = 0
  const next = (): void => {
    for (let left = SLICE_BYTES; left > 0 && to < whole.length; ) {
      const fragment = fragments[index] as Buffer
      const part = fragment.subarray(from, from + left)
      whole.set(part, to)
      to += part.length
      from += part.length
      left -= part.length
      if (from < fragment.length) continue
      release(fragment)
      index++
      from = 0
    }
    if (to < whole.length) setImmediate(next)
    else setImmediate(done)
  }
  next()
}
