import { encodeName } from '../../protocol/schemas/path-uri.ts'

/** Converts a path for the file system calls: a string if it is valid Unicode, bytes if it is not UTF-8. */
export function nativePath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(encodeName(path))
}
