/** Files as Web Streams: as far ahead as a few blocks, and no farther. Whole files where the server has no blocks. */
import { joined } from '../../core/base/bytes.ts'
import { UnsupportedError } from '../base/errors.ts'
import { readBlocks, writeBlocks } from './file-blocks.ts'
import type { Sink } from './file-blocks.ts'
import { lackedBlocks } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { FileOptions } from '../base/types.ts'
import { readFile, writeFile } from './whole-file.ts'

type Path = string | URL

/** Nothing is asked for before the first read. After a lost connection it fails with the DisconnectedError, recovered or not. */
export function readStream(
  calls: FileCalls,
  path: Path,
  options: FileOptions & { offset?: number } = {},
): ReadableStream<Uint8Array> {
  const { signal, offset = 0 } = options
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError('offset must be a whole number of bytes')
  const stop = new AbortController()
  const pieces = piecesOf(calls, path, options, offset, stop.signal)
  let letGo = (): void => {}
  const leave = (reason: unknown): void => {
    letGo()
    stop.abort(reason ?? new Error('the stream was cancelled'))
    // Not waited for: a file that is just being opened is closed when that has been answered.
    pieces.return().catch(() => {})
  }
  return new ReadableStream(
    {
      start: (controller) => {
        letGo = failOnAbort(signal, controller, leave)
      },
      pull: async (controller) => {
        try {
          const { done, value } = await pieces.next()
          if (stop.signal.aborted) return
          if (done !== true) return controller.enqueue(value)
          letGo()
          controller.close()
        } catch (error) {
          letGo()
          throw error
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}

/** Fails a stream when the signal is aborted, and calls `leave` with the reason; returns what ends that. */
function failOnAbort(
  signal: AbortSignal | undefined,
  controller: { error(reason: unknown): void },
  leave: (reason: unknown) => void,
): () => void {
  const abort = (): void => {
    leave(signal?.reason)
    controller.error(signal?.reason)
  }
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort)
  return () => signal?.removeEventListener('abort', abort)
}

async function* piecesOf(
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
      if (!lackedBlocks(error, calls, 'read', options)) throw error
    }
  }
  const whole = await readFile(calls, path, { ...options, signal: stop })
  const { fileBlock } = calls.limits
  for (let at = offset; at < whole.length; at += fileBlock) yield whole.subarray(at, at + fileBlock)
}

/**
 * The file is emptied, or made, with the first write, or with `close`; `abort` leaves what has been written. Without blocks it is
 * written by `close`, all at once, and `abort` leaves it as it was.
 */
export function writeStream(calls: FileCalls, path: Path, options: FileOptions = {}): WritableStream<Uint8Array> {
  const { signal } = options
  const stop = new AbortController()
  let opening: Promise<Sink> | undefined
  let letGo = (): void => {}
  const open = (): Promise<Sink> => (opening ??= openSink(calls, path, options, stop.signal))
  const giveUp = (reason: unknown): void => {
    letGo()
    stop.abort(reason ?? new Error('the stream was aborted'))
    opening?.then(
      (sink) => sink.abort(),
      () => {},
    )
  }
  return new WritableStream({
    start: (controller) => {
      letGo = failOnAbort(signal, controller, giveUp)
      // Comes at once; the stream's own `abort` would wait for the write that is under way.
      controller.signal.addEventListener('abort', () => giveUp(controller.signal.reason), { once: true })
    },
    write: async (bytes) => {
      try {
        if (!(bytes instanceof Uint8Array)) throw new TypeError('a file stream takes Uint8Arrays')
        await (await open()).write(bytes)
      } catch (error) {
        giveUp(error)
        throw error
      }
    },
    close: async () => {
      try {
        await (await open()).close()
      } finally {
        letGo()
      }
    },
    abort: giveUp,
  })
}

async function openSink(calls: FileCalls, path: Path, options: FileOptions, stop: AbortSignal): Promise<Sink> {
  if (calls.hasBlocks('replace', options)) {
    try {
      return await writeBlocks(calls, path, options, stop)
    } catch (error) {
      if (!lackedBlocks(error, calls, 'replace', options)) throw error
    }
  }
  return wholeSink(calls, path, { ...options, signal: stop })
}

/** Gathers what is written, and writes it when it is closed. */
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
