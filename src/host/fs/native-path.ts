import { encodeName } from '../../protocol/schemas/path-uri.ts'

/** A path as the file system calls take it: as text where it is text, as bytes where it is not UTF-8. */
export function nativePath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(encodeName(path))
}
