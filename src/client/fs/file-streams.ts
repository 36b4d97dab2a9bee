/**
 * Files as Web Streams, at most a few blocks ahead. Falls back to whole files where the server does not support blocks.
 */
import { joined } from '../../core/base/bytes.ts'
import { UnsupportedError } from '../base/errors.ts'
import { readBlocks, writeBlocks } from './file-blocks.ts'
import type { Sink } from './file-blocks.ts'
import { isBlocksUnsupported } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { FileOptions } from '../base/types.ts'
import { readFile, writeFile } from './whole-file.ts'

type Path = string | URL

/**
 * Requests nothing before the first read. Fails with a DisconnectedError after a lost connection, even if it is
 * recovered.
 */
export function readStream(
  calls: FileCalls,
  path: Path,
  options: FileOptions & { offset?: number } = {},
): ReadableStream<Uint8Array> {
  const { signal, offset = 0 } = options
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError('offset must be a whole number of bytes')
  const stop = new AbortController()
  const blocks = blocksOf(calls, path, options, offset, stop.signal)
  let removeAbortListener = (): void => {}
  const stopReading = (reason: unknown): void => {
    removeAbortListener()
    stop.abort(reason ?? new Error('the stream was cancelled'))
    // Do not await: a file that is being opened is closed once the server has answered.
    blocks.return().catch(() => {})
  }
  return new ReadableStream(
    {
      start: (controller) => {
        removeAbortListener = failOnAbort(signal, controller, stopReading)
      },
      pull: async (controller) => {
        try {
          const { done, value } = await blocks.next()
          if (stop.signal.aborted) return
          if (done !== true) return controller.enqueue(value)
          removeAbortListener()
          controller.close()
        } catch (error) {
          removeAbortListener()
          throw error
        }
      },
      cancel: stopReading,
    },
    { highWaterMark: 0 },
  )
}

/** Fails a stream on abort and calls `stopReading` with the reason. Returns a function that unregisters it. */
function failOnAbort(
  signal: AbortSignal | undefined,
  controller: { error(reason: unknown): void },
  stopReading: (reason: unknown) => void,
): () => void {
  const abort = (): void => {
    stopReading(signal?.reason)
    controller.error(signal?.reason)
  }
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort)
  return () => signal?.removeEventListener('abort', abort)
}

async function* blocksOf(
  calls: FileCalls,
  path: Path,
  options: FileOptions,
  offset: number,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (calls.hasBlocks('read', options)) {
    try {
      return yield* readBlocks(calls, path, options, offset, stop)
    } catch (error) {
      if (!isBlocksUnsupported(error, calls, 'read', options)) throw error
    }
  }
  const whole = await readFile(calls, path, { ...options, signal: stop })
  const { fileBlock } = calls.limits
  for (let at = offset; at < whole.length; at += fileBlock) yield whole.subarray(at, at + fileBlock)
}

/**
 * The first write, or `close`, creates or truncates the file; `abort` leaves what has been written. Without blocks
 * `close` writes everything at once, and `abort` leaves the file unchanged.
 */
export function writeStream(calls: FileCalls, path: Path, options: FileOptions = {}): WritableStream<Uint8Array> {
  const { signal } = options
  const stop = new AbortController()
  let opening: Promise<Sink> | undefined
  let removeAbortListener = (): void => {}
  const open = (): Promise<Sink> => (opening ??= openSink(calls, path, options, stop.signal))
  const cancel = (reason: unknown): void => {
    removeAbortListener()
    stop.abort(reason ?? new Error('the stream was aborted'))
    opening?.then(
      (sink) => sink.abort(),
      () => {},
    )
  }
  return new WritableStream({
    start: (controller) => {
      removeAbortListener = failOnAbort(signal, controller, cancel)
      // Fires at once, whereas the sink's `abort` waits for the pending write.
      controller.signal.addEventListener('abort', () => cancel(controller.signal.reason), { once: true })
    },
    write: async (bytes) => {
      try {
        if (!(bytes instanceof Uint8Array)) throw new TypeError('a file stream takes Uint8Arrays')
        await (await open()).write(bytes)
      } catch (error) {
        cancel(error)
        throw error
      }
    },
    close: async () => {
      try {
        await (await open()).close()
      } finally {
        removeAbortListener()
      }
    },
    abort: cancel,
  })
}

async function openSink(calls: FileCalls, path: Path, options: FileOptions, stop: AbortSignal): Promise<Sink> {
  if (calls.hasBlocks('replace', options)) {
    try {
      return await writeBlocks(calls, path, options, stop)
    } catch (error) {
      if (!isBlocksUnsupported(error, calls, 'replace', options)) throw error
    }
  }
  return wholeSink(calls, path, { ...options, signal: stop })
}

/** Collects all chunks and writes them on close. */
function wholeSink(calls: FileCalls, path: Path, options: FileOptions): Sink {
  const { fileInOneMessage } = calls.limits
  const pieces: Uint8Array[] = []
  let total = 0
  return {
    write: async (bytes) => {
      total += bytes.length
      if (total > fileInOneMessage) {
        throw new UnsupportedError(
          `the server takes ${fileInOneMessage} bytes in a message at most, and cannot write this file by blocks`,
        )
      }
      pieces.push(bytes.slice())
    },
    close: () => writeFile(calls, path, joined(pieces, total), options),
    abort: () => void pieces.splice(0),
  }
}
