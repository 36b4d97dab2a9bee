/** Files in one message as long as they fit, and by blocks else. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { joined } from '../../core/base/bytes.ts'
import { base64Length } from '../../core/base/json-fragments.ts'
import { bytesOf } from '../base/base64.ts'
import { ParamsText } from '../session/rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'
import { readBlocks, writeBlocks } from './file-blocks.ts'
import { about, checkLinks, lackedBlocks } from './file-calls.ts'
import type { FileCalls } from './file-calls.ts'
import type { FileOptions, Metadata } from '../base/types.ts'

/** What stands around the bytes in a message. */
const AROUND_BYTES = 1024 * 1024

/** Throws RangeError for a file larger than `limits.readFileBytes`, UnsupportedError where nothing is left to read it by. */
export async function readFile(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  checkLinks(calls, Method.FsReadFile, options)
  const { caller, limits } = calls
  // Codex's servers send files of up to 512 MiB in one message, and a message that is too large for this side costs the connection.
  if (caller.extensions.size === 0) {
    const size = await sizeOf(calls, path, options)
    if (size > limits.fileInOneMessage) return readLarge(calls, path, options, size)
  }
  try {
    return await readInOne(calls, path, options)
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== ErrorCode.InvalidRequest) throw error
    // The code stands for other things, too.
    const size = await sizeOf(calls, path, options).catch(() => 0)
    if (size <= limits.fileInOneMessage || !calls.hasBlocks('read', options)) throw error
    return readLarge(calls, path, options, size)
  }
}

async function readInOne(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  const { signal } = options
  const result = await calls.call<{ dataBase64?: unknown } | null>(Method.FsReadFile, about(path, options), {
    signal,
    repeatable: true,
  })
  return bytesOf(result?.dataBase64, 'a file')
}

/** 0 for what is no file, and from servers that do not tell. */
async function sizeOf(calls: FileCalls, path: string | URL, options: FileOptions): Promise<number> {
  const { signal } = options
  const metadata = await calls.call<Partial<Metadata>>(Method.FsGetMetadata, about(path, options), {
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
      return await gather(calls, path, options)
    } catch (error) {
      if (!lackedBlocks(error, calls, 'read', options)) throw error
    }
  }
  if (base64Length(size) + AROUND_BYTES > limits.messageBytes) {
    throw new UnsupportedError(`the file is too large for one message, and the server cannot read it by blocks`)
  }
  return readInOne(calls, path, options)
}

async function gather(calls: FileCalls, path: string | URL, options: FileOptions): Promise<Uint8Array> {
  const { readFileBytes } = calls.limits
  const pieces: Uint8Array[] = []
  let total = 0
  for await (const bytes of readBlocks(calls, path, options, 0, options.signal ?? new AbortController().signal)) {
    total += bytes.length
    // It grows while it is read.
    if (total > readFileBytes) throw tooLargeToRead(readFileBytes)
    pieces.push(bytes)
  }
  return joined(pieces, total)
}

const tooLargeToRead = (bytes: number): RangeError =>
  new RangeError(`the file is larger than ${bytes} bytes: use readStream`)

/** Makes the file, or replaces what is in it; not atomically. Throws UnsupportedError for more than the server takes. */
export async function writeFile(
  calls: FileCalls,
  path: string | URL,
  data: Uint8Array,
  options: FileOptions,
): Promise<void> {
  checkLinks(calls, Method.FsWriteFile, options)
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
  const params = about(path, options)
  await calls.call(
    Method.FsWriteFile,
    (paths) => new ParamsText(`${JSON.stringify(params(paths)).slice(0, -1)},"dataBase64":"${data.toBase64()}"}`),
    { signal },
  )
}
