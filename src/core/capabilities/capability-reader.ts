/** Reads the files of a capability root, each of them whole, as long as there is room in the answer. */
import type { CapabilityBounds, CapabilityFile } from '../../protocol/schemas/capability-roots.ts'
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { parsePath } from '../../protocol/schemas/path-uri.ts'
import type { Files } from '../base/host.ts'
import { release } from '../base/bytes.ts'

/**
 * What is counted for a file beside its text, and for a warning. Newer clients decode at most about 256,000 JSON values
 * in an answer: a file is up to five, a warning one, and with these there are fewer in any answer.
 */
export const FILE_OVERHEAD = 1280
export const WARNING_OVERHEAD = 100

export type CapabilityReader = {
  /**
   * Null if there is no such file, or if it is not for the answer, which is told then. What will stand in the answer
   * twice needs twice the room.
   */
  read(uri: string, times?: number): Promise<CapabilityFile | null>
  /** Is told as long as there is room for it. */
  warn(warning: string): void
  warnings: string[]
  left(): CapabilityBounds['left']
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const FULL = 'the answer holds no more'

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

  /** Why a file of so many bytes is not for the answer. */
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
      // A sandbox may cover what it denies with a device.
      if (!isFile) return leaveOut('it is no regular file, or the sandbox denies it')
      const why = obstacle(size)
      if (why !== undefined) return leaveOut(why)
      bytes = await files.readFile(path, { followSymlinks: true, maxBytes: fileBytes, reserve: () => undefined })
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      return error.code === ErrorCode.NotFound ? null : leaveOut(error.message)
    }
    const size = bytes.length
    // It may have grown meanwhile.
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
