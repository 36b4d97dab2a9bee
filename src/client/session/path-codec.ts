/** How a server spells paths: releases up to 0.140 read absolute paths, newer ones file URIs only. What they answer may be either. */
import { parsePath, pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { Paths } from './rpc-client.ts'
import { messageOf, ProtocolError } from '../base/errors.ts'

export type Dialect = Paths & {
  readonly uris: boolean
  /** The path that a server's answer names. Throws ProtocolError. */
  fromWire(text: string): string
}

export function createPaths(uris: boolean): Dialect {
  return {
    uris,
    toWire: (path) => {
      const native = absolutePath(path)
      if (uris) return pathToUri(native)
      // JSON has no bytes: names that are not UTF-8 can be told in a URI only.
      if (!native.isWellFormed()) throw new TypeError('the server takes no path with a name that is not UTF-8')
      return native
    },
    fromWire,
  }
}

/** An absolute path, or what a file: URL names, normalised. Throws TypeError for anything else, paths of Windows included. */
export function absolutePath(path: string | URL): string {
  try {
    return parsePath(typeof path === 'string' ? path : path.href)
  } catch (error) {
    throw new TypeError(messageOf(error))
  }
}

export function fromWire(text: unknown): string {
  if (typeof text !== 'string') throw new ProtocolError('the server has answered without a path')
  try {
    return parsePath(text)
  } catch (error) {
    throw new ProtocolError(`the server has answered with a path that is none: ${messageOf(error)}`)
  }
}
