/** Lists directories, also very large ones, without keeping the event loop from others for long. */
import type { Dirent } from 'node:fs'
import { opendir, readdir } from 'node:fs/promises'
import { isDeno } from '../../base/runtime.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { LISTED_AT_ONCE } from '../limits.ts'
import { nativePath } from './native-path.ts'

/** An entry. Each byte of its name is a character (latin1): compared as text, names are in byte order. */
export type Listed = { bytes: string; type: EntryType }

/** What an entry itself is, as opposed to what a link leads to. `unknown`: the file system does not tell. */
export type EntryType = 'file' | 'directory' | 'link' | 'other' | 'unknown'

function typeOf(entry: Dirent<string> | Dirent<Buffer>): EntryType {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return 'link'
  const isOther = entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice()
  return isOther ? 'other' : 'unknown'
}

/**
 * Lists a directory in the order of its file system.
 * @throws an errno error
 */
export async function listDirectory(path: string): Promise<Listed[]> {
  const native = nativePath(path)
  if (!isDeno) {
    try {
      const listed: Listed[] = []
      const directory = await opendir(native, { encoding: 'latin1', bufferSize: LISTED_AT_ONCE })
      for await (const entry of directory) listed.push({ bytes: entry.name, type: typeOf(entry) })
      return listed
    } catch {
      // Where the file system gives no types, Node looks each name up, and cannot find those that are not ASCII.
    }
  }
  const listed = await readdir(native, { withFileTypes: true, encoding: 'buffer' })
  return listed.map((entry) => ({ bytes: entry.name.toString('latin1'), type: typeOf(entry) }))
}

const ASCII = /^[\0-\x7f]*$/

const bytesOf = (bytes: string): Buffer => Buffer.from(bytes, 'latin1')

/** The name as {@link decodeName} returns it: bytes that are not UTF-8 are lone surrogates. */
export const nameOf = ({ bytes }: Listed): string => (ASCII.test(bytes) ? bytes : decodeName(bytesOf(bytes)))

/** The name as text: bytes that are not UTF-8 are replaced. */
export const textOf = ({ bytes }: Listed): string => (ASCII.test(bytes) ? bytes : bytesOf(bytes).toString())
