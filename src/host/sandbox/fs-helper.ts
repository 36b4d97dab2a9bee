/**
 * The helper of sandboxed file calls: this program, started inside the sandbox. It reads requests from stdin, one JSON
 * object per line, writes one response line each to stdout, and exits at end of file.
 *
 *     {"operation":"fs/readFile","params":{"path":"/x"}}
 *     {"status":"ok","payload":{"operation":"fs/readFile","response":{"dataBase64":""}}}
 *     {"status":"error","payload":{"code":-32004,"message":"No such file or directory (os error 2)"}}
 *
 * With a member `atMost`, a number of bytes, a larger file is not read; the response to fs/readFile is then its size:
 *
 *     {"status":"ok","payload":{"operation":"fs/readFile","response":{"bytesNeeded":1048576}}}
 *
 * With `handOver` set, fs/readFile and fs/writeFile only open the file, which stays open under the number in
 * `response.descriptor`, as after fs/open. There is no such number if it is not a regular file.
 *
 * An optional member `forbidden` lists paths that must not be created; `covered` says that mounts protect them as well.
 * A file opened by `fs/open` stays open, under the number in `response.descriptor`, until `fs/close` gets that number:
 * meanwhile any process that may access this one's /proc/PID/fd can reopen it, which is how the server takes it over.
 */
import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import * as v from 'valibot'
import type { Files, ReadFileOptions } from '../../core/base/host.ts'
import { BytesResult } from '../../core/base/json-fragments.ts'
import { runFileOperation } from '../../core/rpc/fs-methods.ts'
import { defaultLimits } from '../../core/base/limits.ts'
import { DiscoverInRoot } from '../../protocol/schemas/capability-roots.ts'
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { isJsonObject, parseJson } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import { OpenParams, ReadFileParams } from '../../protocol/schemas/fs.ts'
import { guardedFiles, openUnder, openWhole } from '../fs/files.ts'
import type { Forbidden } from '../fs/protected-paths.ts'
import { lineReader } from '../../base/line-reader.ts'
import { retryOnEagain, writeText } from '../../base/write-all.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2

/** Most bytes read at once. */
const READ_BYTES = 64 * 1024

/** Serves until stdin ends. Returns the exit code: 1 after a malformed request, else 0. */
export async function serveFileRequests(): Promise<number> {
  const { messageBytes } = defaultLimits
  const requests: Uint8Array[] = []
  let tooLong = false
  const lines = lineReader(
    messageBytes,
    (line) => requests.push(line),
    () => (tooLong = true),
  )
  try {
    for (let open = true; open; ) {
      // Synchronous: there is nothing else to do, and it works in a sandbox with any kind of stdin.
      const bytes = readSome()
      open = bytes.length > 0
      if (open) lines.push(bytes)
      else lines.end()
      if (tooLong) throw new Error(`a request exceeds ${messageBytes} bytes`)
      for (const line of requests.splice(0)) writeText(STDOUT, `${await answer(line)}\n`)
    }
    return 0
  } catch (error) {
    writeText(STDERR, `fs sandbox helper failed: ${(error as Error).message}\n`)
    return 1
  }
}

function readSome(): Uint8Array {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  return buffer.subarray(
    0,
    retryOnEagain(() => readSync(STDIN, buffer)),
  )
}

/**
 * Runs one request and returns the response line.
 * @throws Error for a malformed request
 */
async function answer(line: Uint8Array): Promise<string> {
  const request = readRequest(parseJson(new TextDecoder('utf-8', { fatal: true }).decode(line)))
  const { operation } = request
  try {
    const response = await run(request)
    return `{"status":"ok","payload":{"operation":${JSON.stringify(operation)},"response":${jsonText(response)}}}`
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return JSON.stringify({ status: 'error', payload: { code: error.code, message: error.message } })
  }
}

/** Open files by descriptor. */
const open = new Map<number, FileHandle>()

async function run({ operation, params, forbidden, atMost, handOver }: Request): Promise<BytesResult | object> {
  if (handOver) return openToHandOver(operation, params, forbidden)
  switch (operation) {
    case Method.FsOpen: {
      const { path, mode } = decodeParams(OpenParams, params)
      const file = await openUnder(forbidden, path, mode ?? 'read')
      open.set(file.fd, file)
      return { descriptor: file.fd }
    }
    case Method.FsClose: {
      const { descriptor } = decodeParams(v.object({ descriptor: v.number() }), params)
      await open.get(descriptor)?.close()
      open.delete(descriptor)
      return {}
    }
    case Method.CapabilityRootsDiscover: {
      const { root, bounds } = decodeParams(DiscoverInRoot, params)
      return guardedFiles(forbidden).discover(root, bounds)
    }
    default:
      return atMost === undefined
        ? runFileOperation(operation, params, guardedFiles(forbidden), defaultLimits)
        : runWithin(atMost, operation, params, guardedFiles(forbidden))
  }
}

async function openToHandOver(operation: string, params: JsonValue, forbidden: Forbidden): Promise<object> {
  const { path, followSymlinks } = decodeParams(ReadFileParams, params)
  const mode = operation === Method.FsWriteFile ? 'replace' : 'read'
  const file = await openWhole(forbidden, path, mode, { followSymlinks: followSymlinks ?? true })
  if (!(await file.stat()).isFile()) {
    await file.close()
    return {}
  }
  open.set(file.fd, file)
  return { descriptor: file.fd }
}

/** A file has more bytes than the caller has room for. */
class NeedsRoomError extends RpcError {
  readonly bytes: number
  constructor(bytes: number) {
    super(ErrorCode.Overloaded, `the file needs ${bytes} bytes`)
    this.bytes = bytes
  }
}

async function runWithin(
  atMost: number,
  ...[operation, params, files]: [string, JsonValue, Files]
): Promise<BytesResult | object> {
  const reserve = (bytes: number): undefined => {
    if (bytes > atMost) throw new NeedsRoomError(bytes)
  }
  const limited = {
    ...files,
    readFile: (path: string, options: ReadFileOptions) => files.readFile(path, { ...options, reserve }),
  }
  try {
    return await runFileOperation(operation, params, limited, defaultLimits)
  } catch (error) {
    if (error instanceof NeedsRoomError) return { bytesNeeded: error.bytes }
    throw error
  }
}

type Request = {
  operation: string
  params: JsonValue
  forbidden: Forbidden
  atMost: number | undefined
  handOver: boolean
}

function readRequest(request: JsonValue): Request {
  if (!isJsonObject(request)) throw new Error('a request is a JSON object')
  const { operation, params, forbidden = [], covered = false, atMost, handOver } = request
  if (typeof operation !== 'string') throw new Error('missing member `operation`')
  if (params === undefined) throw new Error('missing member `params`')
  if (!Array.isArray(forbidden) || !forbidden.every((path) => typeof path === 'string'))
    throw new Error('`forbidden` is a list of paths')
  if (atMost !== undefined && typeof atMost !== 'number') throw new Error('`atMost` is a number of bytes')
  return {
    operation,
    params,
    forbidden: { paths: forbidden as string[], covered: covered === true },
    atMost,
    handOver: handOver === true,
  }
}

function jsonText(result: BytesResult | object): string {
  return result instanceof BytesResult ? result.text : JSON.stringify(result)
}
