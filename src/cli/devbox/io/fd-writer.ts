/**
 * Writes to one of our own outputs in the background. Node's stdout and stderr write to pipes synchronously: a stalled
 * reader would block signal handling and responses to the server.
 */
import { reasonOf } from '../../../base/os-error-text.ts'
import { writeQueue } from '../../../base/write-queue.ts'

/** Exit code that a shell reports for a command ended by SIGPIPE (128 + 13). */
export const BROKEN_PIPE = 141

/** A failed write to one of our outputs. */
export class FdWriteError extends Error {
  override name = 'FdWriteError'
  /** Whether the reader has closed its end. */
  readonly isGone: boolean
  constructor(name: string, cause: NodeJS.ErrnoException) {
    super(`cannot write to ${name}: ${reasonOf(cause)}`, { cause })
    this.isGone = cause.code === 'EPIPE' || cause.code === 'ECONNRESET'
  }
}

/** A buffered output. */
export type FdWriter = {
  /**
   * Queues the bytes. When full, returns a promise that resolves when there is room again.
   * @throws {FdWriteError}
   */
  push(bytes: Uint8Array): Promise<void> | undefined
  /**
   * Resolves when everything is written.
   * @throws {FdWriteError}
   */
  flush(): Promise<void>
}

/** Creates an output on `fd` that queues up to `room` bytes. Calls `failed` as soon as a write fails. */
export function fdWriter(
  fd: number,
  name: string,
  room: number,
  failed: (error: FdWriteError) => void = () => {},
): FdWriter {
  const { push, flush } = writeQueue(fd, {
    room,
    failed: (cause) => {
      const error = new FdWriteError(name, cause)
      failed(error)
      return error
    },
  })
  return { push, flush: async () => flush() }
}
