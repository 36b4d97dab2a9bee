/**
 * Streams one response body to the client, with back-pressure: at most one piece is buffered here, and the peer is
 * throttled meanwhile. Without a window the client's socket sets the pace, with one its acknowledgements do.
 */
import { messageOf } from '../../protocol/wire/errors.ts'
import { bodyFrames } from '../base/json-fragments.ts'
import type { HttpResponse } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { Observer } from '../base/observer.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'

/** A body that is being streamed. */
export type BodyStream = {
  /** Records that the client has processed the deltas up to and including `seq`. */
  acknowledge(seq: number): void
  /** Sends nothing more, not even a final delta. */
  stop(): void
}

/** Flow control and dependencies of {@link streamBody}. */
export type BodyStreamOptions = {
  /** Bytes that may be unacknowledged before reading and sending pause. Undefined: no window. */
  window: number | undefined
  /** When aborted, the body ends with the reason as its error, regardless of the window. */
  signal: AbortSignal
  limits: Limits
  pump: { eventsReady(source: EventSource): void }
  totals: Observer['totals']
  /** Called when the final delta has been sent. */
  finish: () => void
}

/** Starts to stream `response` as http/request/bodyDelta notifications. */
export function streamBody(
  requestId: string,
  response: HttpResponse,
  { window, signal, limits, pump, totals, finish }: BodyStreamOptions,
): BodyStream {
  const frames = bodyFrames(requestId)
  /** Lengths of the sent, unacknowledged deltas. */
  const unacknowledged: number[] = []
  let unacknowledgedBytes = 0
  let seq = 0
  let piece: Uint8Array | undefined
  let end: { error: string | undefined } | undefined
  let isReading = false
  let isStopped = false

  const isHeld = (): boolean =>
    window !== undefined &&
    !signal.aborted &&
    (unacknowledgedBytes > window || unacknowledged.length >= limits.httpUnacknowledged)

  const source: EventSource = {
    takeEvent: () => {
      if (isStopped) return undefined
      if (piece !== undefined) return isHeld() ? undefined : delta(piece)
      if (end === undefined) return undefined
      isStopped = true
      finish()
      return frames.end(++seq, end.error)
    },
  }

  function delta(kept: Uint8Array) {
    const bytes = kept.subarray(0, limits.httpDelta)
    piece = kept.length > limits.httpDelta ? kept.subarray(limits.httpDelta) : undefined
    if (window !== undefined) {
      unacknowledged.push(bytes.length)
      unacknowledgedBytes += bytes.length
    }
    if (piece === undefined) read()
    return frames.delta(++seq, bytes)
  }

  function read(): void {
    if (isReading || isHeld()) return
    isReading = true
    response
      .read()
      .then(
        (bytes) => {
          if (bytes === undefined) end = { error: undefined }
          else piece = bytes
          totals.httpReceived += bytes?.length ?? 0
        },
        (error: unknown) => void (end = { error: `error decoding response body: ${messageOf(error)}` }),
      )
      .then(() => {
        isReading = false
        if (!isStopped) pump.eventsReady(source)
      })
  }

  /** Resumes if the window is open again. */
  function goOn(): void {
    if (isStopped || isHeld()) return
    if (piece === undefined && end === undefined) read()
    else pump.eventsReady(source)
  }

  if (window !== undefined) signal.addEventListener('abort', goOn)
  read()
  return {
    acknowledge: (upTo) => {
      const taken = unacknowledged.splice(0, upTo - (seq - unacknowledged.length))
      for (const length of taken) unacknowledgedBytes -= length
      goOn()
    },
    stop: () => void (isStopped = true),
  }
}
