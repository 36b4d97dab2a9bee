/**
 * Whole files, read by a helper. The memory for a file is reserved while no helper is held: a client that does not take its
 * answers waits for memory without end.
 */
import type { ReadFileOptions } from '../../core/base/host.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import { decodeBase64 } from '../../protocol/schemas/schema-primitives.ts'
import { HELPER_SMALL_FILE_BYTES } from '../limits.ts'
import type { Ask, WithAsk } from './helper-process.ts'

type Answer = { dataBase64: string } | { bytesNeeded: number }

/** The bytes, or the reservation to wait for before the next try. */
type Try = { bytes: Uint8Array } | { room: Promise<void> }

/**
 * Reads a file of any size that fits `maxBytes`.
 * @throws RpcError
 */
export async function readThrough(
  withAsk: WithAsk,
  path: string,
  { followSymlinks, reserve }: ReadFileOptions,
): Promise<Uint8Array> {
  const params = { path: pathToUri(path), followSymlinks }
  let reserved = 0
  const tryOnce = async (ask: Ask): Promise<Try> => {
    for (;;) {
      const atMost = Math.max(reserved, HELPER_SMALL_FILE_BYTES)
      const answer = await ask<Answer>({ operation: Method.FsReadFile, params, atMost })
      if ('dataBase64' in answer) return { bytes: decodeBase64(answer.dataBase64) }
      const room = reserve(answer.bytesNeeded - reserved)
      // A file that grows is bounded by the largest file that is read at all.
      reserved = answer.bytesNeeded
      if (room !== undefined) return { room }
    }
  }
  for (;;) {
    const result = await withAsk(tryOnce)
    if ('room' in result) await result.room
    else {
      if (result.bytes.length > reserved) await reserve(result.bytes.length - reserved)
      return result.bytes
    }
  }
}
