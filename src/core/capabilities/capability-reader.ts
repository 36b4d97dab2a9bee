/** Reads the files of a capability root, each of them whole, while the response has room. */
import type { CapabilityBounds, CapabilityFile } from '../../protocol/schemas/capability-roots.ts'
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { parsePath } from '../../protocol/schemas/path-uri.ts'
import type { Files } from '../base/host.ts'
import { release } from '../base/bytes.ts'

/**
 * Overhead counted per file and per warning. Newer clients decode at most about 256,000 JSON values in a response. A
 * file has up to five and a warning one; these overheads keep every response below that.
 */
export const FILE_OVERHEAD = 1280
export const WARNING_OVERHEAD = 100

/** Reads files and collects warnings within limits. */
export type CapabilityReader = {
  /**
   * Reads a file. Null if it does not exist, or does not fit the response, which adds a warning. `times`: how often the
   * response will contain it.
   */
  read(uri: string, times?: number): Promise<CapabilityFile | null>
  /** Adds a warning, if there is room for it. */
  warn(warning: string): void
  warnings: string[]
  /** Bytes of the response that are left. */
  left(): CapabilityBounds['left']
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const FULL = 'the answer holds no more'

/** Creates a reader for one root. */
export function capabilityReader(
  files: Pick<Files, 'getMetadata' | 'readFile'>,
  { fileBytes, rootBytes, left: before }: CapabilityBounds,
): CapabilityReader {
  const warnings: string[] = []
  let leftInRoot = rootBytes
  const left = { ...before }

  const warn = (warning: string): void => {
    const bytes = warning.length + WARNING_OVERHEAD
    if (bytes > left.warnings) return
    left.warnings -= bytes
    warnings.push(warning)
  }

  /** Why a file of so many bytes is left out; undefined if it fits. */
  const obstacle = (size: number): string | undefined => {
    if (size > fileBytes) return `it has more than ${fileBytes} bytes`
    if (size > leftInRoot) return `the files of one root may have ${rootBytes} bytes together`
    return size > left.files ? FULL : undefined
  }

  const read = async (uri: string, times = 1): Promise<CapabilityFile | null> => {
    const leaveOut = (why: string): null => {
      warn(`left out ${uri}: ${why}`)
      return null
    }
    const path = parsePath(uri)
    let bytes: Uint8Array
    try {
      const { isFile, isDirectory, size } = await files.getMetadata(path, { followSymlinks: true })
      if (isDirectory) return null
      // A sandbox may mount a device over a denied file.
      if (!isFile) return leaveOut('it is no regular file, or the sandbox denies it')
      const why = obstacle(size)
      if (why !== undefined) return leaveOut(why)
      bytes = await files.readFile(path, { followSymlinks: true, maxBytes: fileBytes, reserve: () => undefined })
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      return error.code === ErrorCode.NotFound ? null : leaveOut(error.message)
    }
    const size = bytes.length
    // The file may have grown since.
    const why = obstacle(size)
    if (why !== undefined) return leaveOut(why)
    let contents: string
    try {
      contents = utf8.decode(bytes)
    } catch {
      return leaveOut('it is not UTF-8')
    } finally {
      release(bytes)
    }
    const escapes = JSON.stringify(contents).length - contents.length
    const needed = times * (size + escapes + uri.length + FILE_OVERHEAD)
    if (needed > left.files) return leaveOut(FULL)
    left.files -= needed
    leftInRoot -= size
    return { path: uri, contents }
  }

  return { read, warn, warnings, left: () => left }
}
