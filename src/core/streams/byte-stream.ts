/**
 * Streams bytes to the client as notifications, with back-pressure: at most one piece is buffered here, and the peer is
 * throttled meanwhile. Without a window the client's socket sets the pace, with one its acknowledgements do.
 */
import { FlowWindow } from '../base/flow-window.ts'
import type { Notice } from '../base/json-fragments.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'

/** A stream under way. */
export type ByteStream = {
  /** Records that the client has processed the deltas up to and including `seq`. */
  acknowledge(seq: number): void
  /** Sends nothing more, not even a final delta. */
  stop(): void
}

/** What is streamed, and with which notifications. */
export type StreamedBytes = {
  /** Reads the next bytes; undefined at the end. A stream that fails ends with the error. */
  read(): Promise<Uint8Array | undefined>
  /** The notification of the next bytes. Deltas are counted from 1. */
  delta(seq: number, bytes: Uint8Array): Notice
  /** The final notification, which is the last one counted. */
  end(seq: number, error: unknown): Notice
  /** Called with the size of each piece that was read. */
  onRead(bytes: number): void
  /** Called when the final notification is about to be sent. */
  onEnd(): void
}

/** Flow control of {@link streamBytes}. */
export type StreamOptions = {
  /** Bytes that may be unacknowledged before reading and sending pause. Undefined: no window. */
  window: number | undefined
  /** Unacknowledged deltas, of any size, at which they pause, too. */
  maxUnacknowledged: number
  /** Bytes in one delta. */
  maxDelta: number
  /** Once aborted, the rest is sent regardless of the window. */
  signal: AbortSignal
  scheduler: { eventsReady(source: EventSource): void }
}

/** Starts to stream. */
export function streamBytes(
  bytes: StreamedBytes,
  { window, maxUnacknowledged, maxDelta, signal, scheduler }: StreamOptions,
): ByteStream {
  // It is full at the limit of deltas already: each may add one.
  const flow = window === undefined ? undefined : new FlowWindow(window, maxUnacknowledged - 1)
  /** Lengths of the sent, unacknowledged deltas. */
  const unacknowledged: number[] = []
  let seq = 0
  let piece: Uint8Array | undefined
  let end: { error: unknown } | undefined
  let isReading = false
  let isStopped = false

  const isHeld = (): boolean => flow !== undefined && !signal.aborted && flow.isFull()

  const source: EventSource = {
    takeEvent: () => {
      if (isStopped) return undefined
      if (piece !== undefined) return isHeld() ? undefined : delta(piece)
      if (end === undefined) return undefined
      isStopped = true
      bytes.onEnd()
      return bytes.end(++seq, end.error)
    },
  }

  function delta(kept: Uint8Array): Notice {
    const part = kept.subarray(0, maxDelta)
    piece = kept.length > maxDelta ? kept.subarray(maxDelta) : undefined
    if (flow !== undefined) {
      unacknowledged.push(part.length)
      flow.charge(part.length)
    }
    if (piece === undefined) read()
    return bytes.delta(++seq, part)
  }

  function read(): void {
    if (isReading || isHeld()) return
    isReading = true
    bytes
      .read()
      .then(
        (next) => {
          if (next === undefined) end = { error: undefined }
          else piece = next
          bytes.onRead(next?.length ?? 0)
        },
        (error: unknown) => void (end = { error }),
      )
      .then(() => {
        isReading = false
        if (!isStopped) scheduler.eventsReady(source)
      })
  }

  /** Resumes if the window is open again. */
  function resume(): void {
    if (isStopped || isHeld()) return
    if (piece === undefined && end === undefined) read()
    else scheduler.eventsReady(source)
  }

  if (flow !== undefined) signal.addEventListener('abort', resume)
  read()
  return {
    acknowledge: (upTo) => {
      const acknowledged = unacknowledged.splice(0, upTo - (seq - unacknowledged.length))
      for (const length of acknowledged) flow?.acknowledge(length)
      resume()
    },
    stop: () => void (isStopped = true),
  }
}
