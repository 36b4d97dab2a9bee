/** Path encoding: servers up to 0.140 expect absolute paths, newer ones file URIs. Their answers may be either. */
import { parsePath, pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { PathEncoder } from './rpc-client.ts'
import { messageOf, ProtocolError } from '../base/errors.ts'

/** Creates the encoder of a server: to file URIs, or to plain paths. */
export function createPathEncoder(uris: boolean): PathEncoder {
  return {
    encode: (path) => {
      const native = absolutePath(path)
      if (uris) return pathToUri(native)
      // JSON strings cannot carry arbitrary bytes: names that are not UTF-8 need a URI.
      if (!native.isWellFormed()) throw new TypeError('the server takes no path with a name that is not UTF-8')
      return native
    },
  }
}

/**
 * Normalises an absolute path or file: URL.
 * @throws {TypeError} For anything else, Windows paths included.
 */
export function absolutePath(path: string | URL): string {
  try {
    return parsePath(typeof path === 'string' ? path : path.href)
  } catch (error) {
    throw new TypeError(messageOf(error))
  }
}

/**
 * Decodes a path of an answer.
 * @throws {ProtocolError} If it is not one.
 */
export function decodePath(text: unknown): string {
  if (typeof text !== 'string') throw new ProtocolError('the server has answered without a path')
  try {
    return parsePath(text)
  } catch (error) {
    throw new ProtocolError(`the server has answered with a path that is none: ${messageOf(error)}`)
  }
}
