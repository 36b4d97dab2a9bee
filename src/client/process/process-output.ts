/** Collects a process's output, or splits it into Web Streams. */
import { OutputLostError } from '../base/errors.ts'
import type { Abortable, Exit, Output, ProcessEvent, RemoteProcess } from '../base/types.ts'
import { OutputGatherer } from './gathered-output.ts'

type Source = Pick<RemoteProcess, 'id' | 'events' | 'wait'>

/**
 * The events without lags that lost nothing.
 * @throws {OutputLostError} If a lag lost output.
 */
async function* completeEvents(
  process: Source,
  abort: Abortable,
): AsyncGenerator<Exclude<ProcessEvent, { type: 'lag' }>, void, undefined> {
  for await (const event of process.events(abort)) {
    if (event.type !== 'lag') yield event
    else if (event.lost) throw new OutputLostError(process.id, event.afterSeq, event.resumesAtSeq)
  }
}

/**
 * Collects output until the process has closed: the first and the last of stdout and stderr, up to `maxBytes` bytes
 * together.
 * @throws {OutputLostError} If some output is gone.
 */
export async function collectOutput(
  process: Source,
  { signal, maxBytes }: Abortable & { maxBytes: number },
): Promise<Output> {
  const gatherer = new OutputGatherer(maxBytes)
  let exit: Exit = { exitCode: -1, sandboxDenied: false }
  for await (const event of completeEvents(process, { signal })) {
    if (event.type === 'exited') exit = { exitCode: event.exitCode, sandboxDenied: event.sandboxDenied }
    if (event.type === 'output') gatherer.add(event.stream, event.bytes)
  }
  return { ...exit, ...gatherer.take() }
}

/** stdout and stderr as streams. */
export type OutputStreams = { stdout: ReadableStream<Uint8Array>; stderr: ReadableStream<Uint8Array> }

type Side = { queue: Uint8Array[]; bytes: number; isRead: boolean; lost: OutputLostError | undefined }

/**
 * Splits the output into two streams, each from the first byte. Nothing is read before one of them is. Data for the
 * other is buffered, up to `maxBuffered` bytes. Beyond that the process is throttled if the other stream has a reader;
 * if it never had one, its data is dropped and a later read fails with OutputLostError.
 */
export function outputStreams(process: Source, maxBuffered: number): OutputStreams {
  const cancelled = new AbortController()
  const out = side()
  const err = side()
  const events = completeEvents(process, { signal: cancelled.signal })
  let step: Promise<boolean> | undefined
  let wake = Promise.withResolvers<void>()

  /** Reads one event. Resolves to false at the end. */
  const readOne = async (): Promise<boolean> => {
    const { value, done } = await events.next()
    if (done === true) return false
    if (value.type !== 'output') return true
    const target = value.stream === 'stderr' ? err : out
    target.queue.push(value.bytes)
    target.bytes += value.bytes.length
    if (target.bytes > maxBuffered && !target.isRead) {
      target.lost ??= new OutputLostError(process.id, 0, value.seq)
      discard(target)
    }
    return true
  }
  const stream = (own: Side, other: Side): ReadableStream<Uint8Array> =>
    new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          own.isRead = true
          for (;;) {
            if (own.lost !== undefined) throw own.lost
            const bytes = own.queue.shift()
            if (bytes !== undefined) {
              own.bytes -= bytes.length
              wake.resolve()
              return controller.enqueue(bytes)
            }
            while (other.isRead && other.bytes > maxBuffered) {
              wake = Promise.withResolvers()
              await wake.promise
            }
            step ??= readOne().finally(() => (step = undefined))
            if (!(await step) && own.queue.length === 0) return controller.close()
          }
        },
        async cancel() {
          own.isRead = false
          discard(own)
          wake.resolve()
          if (other.isRead) return
          cancelled.abort(new Error('the stream was cancelled'))
          await events.return().catch(() => {})
        },
      },
      { highWaterMark: 0 },
    )
  return { stdout: stream(out, err), stderr: stream(err, out) }
}

const side = (): Side => ({ queue: [], bytes: 0, isRead: false, lost: undefined })

function discard(side: Side): void {
  side.queue = []
  side.bytes = 0
}
