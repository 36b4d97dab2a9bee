/** A file handle. It belongs to its connection and is lost with it. */
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { bytesOf } from '../base/base64.ts'
import { ParamsWithBytes } from '../transports/client-message.ts'
import { DisconnectedError, ProtocolError } from '../base/errors.ts'
import { pathParams } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { Sandbox } from '../base/types.ts'

/** An open file on the devbox. */
export type OpenFile = {
  /**
   * Reads `length` bytes; fewer at end of file only.
   * @throws {ProtocolError} For any other number.
   */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  /** Writes the bytes, which are copied before the call returns. */
  write(offset: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Closes the file, ahead of queued calls. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens a file. Cannot be cancelled: the server might still open the file, and it would stay open. Once the connection
 * is lost, later calls fail with its DisconnectedError.
 * @throws {UnsupportedError} If the server does not support it.
 * @throws {RpcError} If the server refuses it.
 */
export async function openFile(
  calls: FileCalls,
  path: string | URL,
  mode: OpenMode,
  sandbox: Sandbox | undefined,
): Promise<OpenFile> {
  const { rpc } = calls
  const { connection } = rpc
  const handleId = calls.nextHandle()
  let lost: DisconnectedError | undefined
  const unsubscribe = rpc.onLost((error) => {
    lost ??= error
    unsubscribe()
  })
  const withReason = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (error) {
      throw error instanceof DisconnectedError ? (lost ?? error) : error
    }
  }
  const params = pathParams(path, { sandbox }, { handleId, ...(mode === 'read' ? {} : { mode }) })
  try {
    await withReason(calls.call(Method.FsOpen, params, { connection }))
  } catch (error) {
    unsubscribe()
    throw error
  }
  const close = async (): Promise<void> => {
    try {
      await withReason(calls.call(Method.FsClose, () => ({ handleId }), { connection, urgent: true }))
    } finally {
      unsubscribe()
    }
  }
  let closing: Promise<void> | undefined
  return {
    read: async (offset, length, signal) => {
      const params = { handleId, offset, len: length }
      const call = calls.call<{ chunk?: unknown; eof?: unknown } | null>(Method.FsReadBlock, () => params, {
        connection,
        signal,
      })
      const block = await withReason(call)
      const bytes = bytesOf(block?.chunk, 'a block of a file')
      // Later blocks have already been requested from where this one should end.
      if (bytes.length > length || (bytes.length < length && block?.eof !== true)) {
        throw new ProtocolError(`${bytes.length} bytes of a file came instead of ${length}`)
      }
      return bytes
    },
    write: async (offset, bytes, signal) => {
      const params = new ParamsWithBytes({ handleId, offset }, 'chunk', bytes.slice())
      await withReason(calls.call(Method.FsWriteBlock, () => params, { connection, signal }))
    },
    close: () => (closing ??= close()),
  }
}
