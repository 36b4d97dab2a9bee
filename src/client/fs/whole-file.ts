/** Reads and writes a file in one message if it fits, otherwise in blocks. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { joined } from '../../core/base/bytes.ts'
import { base64Length } from '../../core/base/json-fragments.ts'
import { bytesOf } from '../base/base64.ts'
import { ParamsWithBytes } from '../transports/client-message.ts'
import { UnsupportedError } from '../base/errors.ts'
import { readBlocks, writeBlocks } from './file-blocks.ts'
import { checkFollowSymlinks, isBlocksUnsupported, pathParams } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { FileOptions, Metadata } from '../base/types.ts'

/** Allowance for the rest of the message around the bytes. */
const ENVELOPE_BYTES = 1024 * 1024

/**
 * Reads a whole file.
 * @throws {RangeError} If it is larger than `limits.readFileBytes`.
 * @throws {UnsupportedError} If the server offers no way to read it.
 */
export async function readFile(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  checkFollowSymlinks(calls, Method.FsReadFile, options)
  const { rpc, limits } = calls
  // Codex's servers send files of up to 512 MiB in one message, and one above this client's limit would end the
  // connection.
  if (rpc.extensions.size === 0) {
    const size = await sizeOf(calls, path, options)
    if (size > limits.fileInOneMessage) return readLarge(calls, path, options, size)
  }
  try {
    return await readInOne(calls, path, options)
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== ErrorCode.InvalidRequest) throw error
    // The code has other meanings, too, so check the size.
    const size = await sizeOf(calls, path, options).catch(() => 0)
    if (size <= limits.fileInOneMessage || !calls.hasBlocks('read', options)) throw error
    return readLarge(calls, path, options, size)
  }
}

async function readInOne(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  const { signal } = options
  const result = await calls.call<{ dataBase64?: unknown } | null>(Method.FsReadFile, pathParams(path, options), {
    signal,
    repeatable: true,
  })
  return bytesOf(result?.dataBase64, 'a file')
}

/** The size in bytes; 0 for non-files and from servers that do not report it. */
async function sizeOf(calls: FileCalls, path: string | URL, options: FileOptions): Promise<number> {
  const { signal } = options
  const metadata = await calls.call<Partial<Metadata>>(Method.FsGetMetadata, pathParams(path, options), {
    signal,
    repeatable: true,
  })
  return metadata.isFile === true ? (metadata.size ?? 0) : 0
}

async function readLarge(
  calls: FileCalls,
  path: string | URL,
  options: FileOptions,
  size: number,
): Promise<Uint8Array> {
  const { limits } = calls
  if (size > limits.readFileBytes) throw tooLargeToRead(limits.readFileBytes)
  if (calls.hasBlocks('read', options)) {
    try {
      return await readAllBlocks(calls, path, options)
    } catch (error) {
      if (!isBlocksUnsupported(error, calls, 'read', options)) throw error
    }
  }
  if (base64Length(size) + ENVELOPE_BYTES > limits.messageBytes) {
    throw new UnsupportedError(`the file is too large for one message, and the server cannot read it by blocks`)
  }
  return readInOne(calls, path, options)
}

async function readAllBlocks(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  const { readFileBytes } = calls.limits
  const pieces: Uint8Array[] = []
  let total = 0
  for await (const bytes of readBlocks(calls, path, options, 0, options.signal ?? new AbortController().signal)) {
    total += bytes.length
    // The file grew while it was read.
    if (total > readFileBytes) throw tooLargeToRead(readFileBytes)
    pieces.push(bytes)
  }
  return joined(pieces, total)
}

const tooLargeToRead = (bytes: number): RangeError =>
  new RangeError(`the file is larger than ${bytes} bytes: use readStream`)

/**
 * Creates or overwrites the file, not atomically.
 * @throws {UnsupportedError} If it is larger than the server accepts.
 */
export async function writeFile(
  calls: FileCalls,
  path: string | URL,
  data: Uint8Array,
  options: FileOptions,
): Promise<void> {
  checkFollowSymlinks(calls, Method.FsWriteFile, options)
  const { signal } = options
  const { fileInOneFrame, fileInOneMessage } = calls.limits
  if (data.length > fileInOneFrame && calls.hasBlocks('replace', options)) {
    const sink = await writeBlocks(calls, path, options, signal ?? new AbortController().signal)
    try {
      await sink.write(data)
    } catch (error) {
      sink.abort()
      throw error
    }
    return sink.close()
  }
  if (data.length > fileInOneMessage) {
    throw new UnsupportedError(
      `the server takes ${fileInOneMessage} bytes in a message at most, and cannot write this file by blocks`,
    )
  }
  const params = pathParams(path, options)
  await calls.call(Method.FsWriteFile, (paths) => new ParamsWithBytes(params(paths), 'dataBase64', data), { signal })
}
