/**
 * Streams one response body to the client, with back-pressure: at most one piece is buffered here, and the peer is
 * throttled meanwhile. Without a window the client's socket sets the pace, with one its acknowledgements do.
 */
import { messageOf } from '../../protocol/wire/errors.ts'
import { FlowWindow } from '../base/flow-window.ts'
import { bodyNotices } from '../base/json-fragments.ts'
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
  scheduler: { eventsReady(source: EventSource): void }
  totals: Observer['totals']
  /** Called when the final delta has been sent. */
  finish: () => void
}

/** Starts to stream `response` as http/request/bodyDelta notifications. */
export function streamBody(
  requestId: string,
  response: HttpResponse,
  { window, signal, limits, scheduler, totals, finish }: BodyStreamOptions,
): BodyStream {
  const notices = bodyNotices(requestId)
  // It is full at the limit of deltas already: each may add one.
  const flow = window === undefined ? undefined : new FlowWindow(window, limits.httpUnacknowledged - 1)
  /** Lengths of the sent, unacknowledged deltas. */
  const unacknowledged: number[] = []
  let seq = 0
  let piece: Uint8Array | undefined
  let end: { error: string | undefined } | undefined
  let isReading = false
  let isStopped = false

  const isHeld = (): boolean => flow !== undefined && !signal.aborted && flow.isFull()

  const source: EventSource = {
    takeEvent: () => {
      if (isStopped) return undefined
      if (piece !== undefined) return isHeld() ? undefined : delta(piece)
      if (end === undefined) return undefined
      isStopped = true
      finish()
      return notices.end(++seq, end.error)
    },
  }

  function delta(kept: Uint8Array) {
    const bytes = kept.subarray(0, limits.httpDelta)
    piece = kept.length > limits.httpDelta ? kept.subarray(limits.httpDelta) : undefined
    if (flow !== undefined) {
      unacknowledged.push(bytes.length)
      flow.charge(bytes.length)
    }
    if (piece === undefined) read()
    return notices.delta(++seq, bytes)
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
