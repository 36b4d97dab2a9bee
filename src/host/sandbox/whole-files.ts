/**
 * Whole files, read and written by a helper: small ones through its pipe, others by the server, which takes over the file
 * that the helper has opened. In the pipe their base64 would be copied six times, on the thread that serves all clients.
 * The memory for a file is reserved while no helper is held: a client that does not take its answers waits for
 * memory without end.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { ReadFileOptions } from '../../core/base/host.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import { decodeBase64 } from '../../protocol/schemas/schema-primitives.ts'
import { fileFailure } from '../fs/file-failure.ts'
import { readOpened, writeOpened } from '../fs/whole-file.ts'
import { HELPER_SMALL_FILE_BYTES } from '../limits.ts'
import { childOfChild } from '../process-tree/process-group.ts'
import type { Ask, HelperRequest, WithAsk } from './helper-process.ts'

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

type Answer = { dataBase64: string } | { bytesNeeded: number }

/** The bytes, the open file, or the reservation to wait for before the next try. */
type Try = { bytes: Uint8Array } | { file: FileHandle } | { room: Promise<void> }

/**
 * Reads a file of any size that fits `maxBytes`.
 * @throws RpcError
 */
export async function readThrough(
  withAsk: WithAsk,
  path: string,
  { followSymlinks, maxBytes, reserve }: ReadFileOptions,
): Promise<Uint8Array> {
  const request = { operation: Method.FsReadFile, params: { path: pathToUri(path), followSymlinks } }
  let reserved = 0
  const more = (bytes: number): Promise<void> | undefined => (bytes > reserved ? reserve(bytes - reserved) : undefined)
  const tryOnce = async (ask: Ask, sandboxPid: number): Promise<Try> => {
    for (;;) {
      const answer = await ask<Answer>({ ...request, atMost: Math.max(reserved, HELPER_SMALL_FILE_BYTES) })
      if ('dataBase64' in answer) return { bytes: decodeBase64(answer.dataBase64) }
      const file = await takeFile(ask, sandboxPid, request)
      if (file !== undefined) return { file }
      const room = more(answer.bytesNeeded)
      // A file that grows is bounded by the largest file that is read at all.
      reserved = answer.bytesNeeded
      if (room !== undefined) return { room }
    }
  }
  for (;;) {
    const result = await withAsk(tryOnce)
    if ('file' in result) return await answering(path, () => readOpened(result.file, path, { maxBytes, reserve: more }))
    if ('room' in result) await result.room
    else {
      await more(result.bytes.length)
      return result.bytes
    }
  }
}

/**
 * Replaces the content of a file.
 * @throws RpcError
 */
export async function writeThrough(
  withAsk: WithAsk,
  path: string,
  data: Uint8Array,
  options: { followSymlinks: boolean },
): Promise<void> {
  const operation = Method.FsWriteFile
  const params = { path: pathToUri(path), ...options }
  const file = await withAsk(async (ask, sandboxPid) => {
    const taken =
      data.length > HELPER_SMALL_FILE_BYTES ? await takeFile(ask, sandboxPid, { operation, params }) : undefined
    if (taken === undefined) await ask({ operation, params: { ...params, dataBase64: data.toBase64() } })
    return taken
  })
  if (file !== undefined) await answering(path, () => writeOpened(file, path, data))
}

async function answering<T>(path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw await fileFailure(error, [path])
  }
}

/**
 * Opens the file of an fs/readFile or fs/writeFile in the helper and takes it over. Undefined if it is not a regular file,
 * or the machine has no /proc: then the helper makes the call.
 * @throws RpcError of the helper; else an errno error
 */
export async function takeFile(ask: Ask, sandboxPid: number, request: HelperRequest): Promise<FileHandle | undefined> {
  const { descriptor } = await ask<{ descriptor?: number }>({ ...request, handOver: true })
  if (descriptor === undefined) return undefined
  return reopen(ask, sandboxPid, descriptor, request.operation === Method.FsWriteFile ? O_WRONLY : O_RDONLY)
}

/**
 * Reopens a helper's open file through /proc/PID/fd: the same file, whatever its name is now, with no more access than
 * the helper's mounts grant. The helper, which must have answered before, closes its own. Undefined without /proc.
 */
export async function reopen(
  ask: Ask,
  sandboxPid: number,
  descriptor: number,
  flags: number,
): Promise<FileHandle | undefined> {
  const closed = (): Promise<object> => ask({ operation: Method.FsClose, params: { descriptor } })
  const helper = childOfChild(sandboxPid)
  if (helper === undefined) {
    await closed()
    return undefined
  }
  const file = await open(`/proc/${helper}/fd/${descriptor}`, flags | O_NONBLOCK).catch(async (error: unknown) => {
    await closed()
    throw error
  })
  try {
    await closed()
    return file
  } catch (error) {
    // The helper was killed meanwhile, because opening took too long: no caller takes the file.
    await file.close()
    throw error
  }
}
