/**
 * Takes large messages in piece by piece. `ws` buffers a frame until it is whole, and then copies and unmasks it at once;
 * it does the same with the fragments of a message. For 60 MiB that keeps all other clients waiting for 200 ms, most of
 * it for memory that is touched for the first time. A message that will be refused is not kept at all.
 */
import { isUtf8 } from 'node:buffer'
import { setImmediate } from 'node:timers'
import { release } from '../../core/base/bytes.ts'
import { largeBuffer } from '../../host/large-memory.ts'
import { noteBytes } from '../../host/memory-pressure.ts'
import { ReceiverState } from '../../host/node-internals.ts'
import type { FrameReceiver } from '../../host/node-internals.ts'
import { LONG_BYTES } from '../../protocol/wire/long-base64.ts'
import type { LongMember } from '../../protocol/wire/long-base64.ts'
import type { Steps } from '../../protocol/wire/steps.ts'
import { inTurns } from './input-turns.ts'
import { PartialMessage } from './partial-message.ts'
import { unmask } from './unmask.ts'

/** Opcodes from here on are control frames, which are small. */
const FIRST_CONTROL_OPCODE = 8
const TEXT = 1

/** Bytes that are joined in one step. */
const STEP_BYTES = 64 * 1024

/** What becomes of messages of more than {@link LONG_BYTES} bytes. */
export type LargeMessages = {
  /** Whether there is time left in this turn of the event loop. */
  mayRead: () => boolean
  /** Handles a message, whose bytes are the handler's from then on. `member`: its long member, not yet decoded. */
  handle: (bytes: Buffer, member: LongMember | undefined) => Steps<void>
  /** Refuses a message of `length` bytes with too much text; `beginning` is what is left of it. */
  refuse: (beginning: Uint8Array, length: number) => void
}

/** Makes `receiver` take in large messages in slices of time, past its event `message`. */
export function readLargeFrames(receiver: FrameReceiver, messages: LargeMessages): void {
  const partial = new PartialMessage()
  readInPieces(receiver, partial, messages.mayRead)
  handleInTurns(receiver, partial, messages)
}

/** Copies and unmasks each piece of a large frame when it arrives. */
function readInPieces(receiver: FrameReceiver, partial: PartialMessage, mayRead: () => boolean): void {
  let frame: Buffer | undefined
  let filled = 0
  const getData = receiver.getData

  const take = (piece: Buffer, length: number, mask: Buffer | undefined): void => {
    noteBytes(piece.length)
    if (partial.isRefused) return
    frame ??= largeBuffer(length)
    frame.set(piece, filled)
    const part = frame.subarray(filled, filled + piece.length)
    if (mask !== undefined) unmask(part, mask, filled)
    partial.add(part)
    if (!partial.isRefused) return
    partial.refuse([...receiver._fragments, frame])
    receiver._fragments = []
    frame = undefined
  }

  receiver.getData = function (done) {
    const length = this._payloadLength
    if (length < LONG_BYTES || this._opcode >= FIRST_CONTROL_OPCODE) return getData.call(this, done)
    for (let first = this._buffers[0]; first !== undefined && filled < length; first = this._buffers[0]) {
      if (!mayRead()) return goOnLater(this, ReceiverState.Payload, done)
      const piece = this.consume(Math.min(first.length, length - filled))
      take(piece, length, this._mask)
      filled += piece.length
    }
    if (filled < length) {
      this._loop = false
      return
    }
    // From here on it is a frame that has arrived whole, and unmasked; an empty one if it is not kept.
    if (frame === undefined) this._payloadLength = 0
    else {
      this._buffers.unshift(frame)
      this._bufferedBytes += length
    }
    this._mask = NO_MASK
    frame = undefined
    filled = 0
    getData.call(this, done)
  }
}

/** A mask that changes nothing. */
const NO_MASK = Buffer.alloc(4)

/** As `ws` itself does between events: what is written meanwhile waits, so the socket is paused. */
export function goOnLater(receiver: FrameReceiver, state: number, done: (error?: Error) => void): void {
  receiver._state = ReceiverState.Deferred
  setImmediate(() => {
    receiver._state = state
    receiver.startLoop(done)
  })
}

/** Joins, checks and handles a large message in slices, between which the other connections are served. */
function handleInTurns(receiver: FrameReceiver, partial: PartialMessage, messages: LargeMessages): void {
  const dataMessage = receiver.dataMessage
  receiver.dataMessage = function (done) {
    const length = this._totalPayloadLength
    const isSmall = length <= LONG_BYTES
    if (this._fin && isSmall) {
      partial.reset()
      return dataMessage.call(this, done)
    }
    lookAtLast(this, partial)
    if (!this._fin) return dataMessage.call(this, done)
    const { beginning, member } = partial
    const fragments = this._fragments
    partial.reset()
    forgetMessage(this)
    if (beginning !== undefined) {
      messages.refuse(beginning, length)
      this._state = ReceiverState.BeforeFrame
      return
    }
    this._state = ReceiverState.Deferred
    const steps = stepsOf({ fragments, length, isText: this._opcode === TEXT, member, handle: messages.handle })
    inTurns(steps, messages.mayRead, (isValid, isLater) => {
      if (!isValid) return done(this.createError(Error, 'invalid UTF-8 sequence', true, 1007, 'WS_ERR_INVALID_UTF8'))
      this._state = ReceiverState.BeforeFrame
      if (isLater) this.startLoop(done)
    })
  }
}

/** Looks at a small frame, which has come in whole. */
function lookAtLast(receiver: FrameReceiver, partial: PartialMessage): void {
  const last = receiver._fragments.at(-1)
  if (last === undefined || partial.length === receiver._totalPayloadLength) return
  noteBytes(last.length)
  if (!partial.isRefused) partial.add(last)
  if (!partial.isRefused) return
  partial.refuse(receiver._fragments)
  receiver._fragments = []
}

/** As `ws` does before it emits a message. */
function forgetMessage(receiver: FrameReceiver): void {
  receiver._totalPayloadLength = 0
  receiver._messageLength = 0
  receiver._fragmented = 0
  receiver._numFragments = 0
  receiver._fragments = []
}

type Whole = {
  fragments: readonly Buffer[]
  length: number
  isText: boolean
  member: LongMember | undefined
  handle: LargeMessages['handle']
}

/** Gives whether the message is valid. */
function* stepsOf({ fragments, length, isText, member, handle }: Whole): Steps<boolean> {
  const [first] = fragments
  const bytes = fragments.length === 1 && first !== undefined ? first : yield* joined(fragments, length)
  if (isText && !isUtf8(bytes)) return false
  yield* handle(bytes, member)
  return true
}

/** Joins the fragments, and releases them. */
function* joined(fragments: readonly Buffer[], length: number): Steps<Buffer> {
  const whole = largeBuffer(length)
  let to = 0
  let unseen = 0
  for (const fragment of fragments) {
    for (let from = 0; from < fragment.length; from += STEP_BYTES) {
      whole.set(fragment.subarray(from, from + STEP_BYTES), to + from)
      unseen += Math.min(STEP_BYTES, fragment.length - from)
      if (unseen < STEP_BYTES) continue
      unseen = 0
      yield
    }
    to += fragment.length
    release(fragment)
  }
  return whole
}
