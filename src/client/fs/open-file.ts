/** A file that a connection holds open. It goes with the connection. */
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { bytesOf } from '../base/base64.ts'
import { ParamsText } from '../session/rpc-client.ts'
import { DisconnectedError, ProtocolError } from '../base/errors.ts'
import { about } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { Sandbox } from '../base/types.ts'

export type OpenFile = {
  /** `length` bytes; fewer are the last ones. Throws ProtocolError for any other number. */
  read(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  /** The bytes are taken at once, and may be changed. */
  write(offset: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Goes ahead of calls that wait. Once is enough. */
  close(): Promise<void>
}

/**
 * Throws UnsupportedError, RpcError. The call cannot be given up: a file that is opened all the same would stay open.
 * Later calls fail with the DisconnectedError that ended the connection.
 */
export async function openFile(
  calls: FileCalls,
  path: string | URL,
  mode: OpenMode,
  sandbox: Sandbox | undefined,
): Promise<OpenFile> {
  const { caller } = calls
  const { connection } = caller
  const handleId = calls.nextHandle()
  let lost: DisconnectedError | undefined
  const forget = caller.onLost((error) => {
    lost ??= error
    forget()
  })
  const ofThis = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } catch (error) {
      throw error instanceof DisconnectedError ? (lost ?? error) : error
    }
  }
  const params = about(path, { sandbox }, { handleId, ...(mode === 'read' ? {} : { mode }) })
  try {
    await ofThis(calls.call(Method.FsOpen, params, { connection }))
  } catch (error) {
    forget()
    throw error
  }
  const close = async (): Promise<void> => {
    try {
      await ofThis(calls.call(Method.FsClose, () => ({ handleId }), { connection, urgent: true }))
    } finally {
      forget()
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
      const block = await ofThis(call)
      const bytes = bytesOf(block?.chunk, 'a block of a file')
      // The next ones are on their way already, from where this one is to end.
      if (bytes.length > length || (bytes.length < length && block?.eof !== true)) {
        throw new ProtocolError(`${bytes.length} bytes of a file came instead of ${length}`)
      }
      return bytes
    },
    write: async (offset, bytes, signal) => {
      const params = new ParamsText(`{"handleId":"${handleId}","offset":${offset},"chunk":"${bytes.toBase64()}"}`)
      await ofThis(calls.call(Method.FsWriteBlock, () => params, { connection, signal }))
    },
    close: () => (closing ??= close()),
  }
}
