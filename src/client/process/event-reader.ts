/** Reads the events of one process for one reader: from the client's buffer and, where it fell behind, the server's. */
import { RpcError } from '../../protocol/wire/errors.ts'
import type { Abortable, LagEvent, ProcessEvent, ReadOptions, ReadResult } from '../base/types.ts'
import type { EventLog, Reader } from './event-log.ts'
import type { SequencedEvent } from './sequencer.ts'

/** Where the events come from. */
export type EventSource = {
  readonly log: EventLog
  /** Why no more events will come. */
  failure(): Error | undefined
  /** Reads the server's buffer. */
  read(options: ReadOptions): Promise<ReadResult>
  /** Called when the reader has joined. */
  onJoin(): void
  /** Called when the reader has read events, and when it leaves. */
  onProgress(): void
}

type Events = AsyncGenerator<ProcessEvent, void, undefined>

/** Yields the events after `afterSeq` until the process has closed. Throws the source's failure, if any. */
export async function* readEvents(
  source: EventSource,
  { afterSeq = 0, signal }: Abortable & { afterSeq?: number } = {},
): Events {
  const { log } = source
  let news = Promise.withResolvers<void>()
  const wake = (): void => news.resolve()
  const reader: Reader = { afterSeq, wake }
  const leave = log.join(reader)
  source.onJoin()
  signal?.addEventListener('abort', wake)
  try {
    for (;;) {
      signal?.throwIfAborted()
      const next = log.after(reader.afterSeq)
      if (next !== undefined && next.seq === reader.afterSeq + 1) {
        yield next
        advance(source, reader, next.seq)
      } else if (next !== undefined) {
        yield* fillGap(source, reader, next, signal)
      } else {
        if (log.closed !== undefined) return
        const failure = source.failure()
        if (failure !== undefined) throw failure
        news = Promise.withResolvers()
        await news.promise
      }
    }
  } finally {
    signal?.removeEventListener('abort', wake)
    leave()
    source.onProgress()
  }
}

/** Fills a reader's gap from the server's buffer, as far as it goes. */
async function* fillGap(
  source: EventSource,
  reader: Reader,
  next: SequencedEvent,
  signal: AbortSignal | undefined,
): Events {
  const kept = (await missedEvents(source, reader.afterSeq, next.seq, signal)).filter(
    ({ seq }) => seq > reader.afterSeq && seq < next.seq,
  )
  const first = kept[0] ?? next
  const lag: LagEvent = {
    type: 'lag',
    afterSeq: reader.afterSeq,
    resumesAtSeq: first.seq,
    lost: first.seq !== reader.afterSeq + 1,
  }
  yield lag
  advance(source, reader, first.seq - 1)
  for (const event of kept) {
    if (event.seq !== reader.afterSeq + 1) return
    yield event
    advance(source, reader, event.seq)
  }
}

async function missedEvents(
  { log, read }: EventSource,
  afterSeq: number,
  before: number,
  signal: AbortSignal | undefined,
): Promise<SequencedEvent[]> {
  const { exited } = log
  const events: SequencedEvent[] = exited !== undefined && exited.seq > afterSeq && exited.seq < before ? [exited] : []
  try {
    const { chunks } = await read({ afterSeq, signal })
    events.push(...chunks.map((chunk): SequencedEvent => ({ type: 'output', ...chunk })))
  } catch (error) {
    // The server no longer has the process.
    if (!(error instanceof RpcError)) throw error
  }
  return events.sort((one, other) => one.seq - other.seq)
}

function advance(source: EventSource, reader: Reader, seq: number): void {
  reader.afterSeq = seq
  source.log.trim()
  source.onProgress()
}
