/**
 * An append-only file of whole lines. A line written only in part, on a full disk for example, is terminated before
 * the next one, so that readers lose only that line.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { NEWLINE } from '../../base/line-reader.ts'
import { openTrusted } from '../../base/trusted-file.ts'

/** An open audit log. */
export type AuditFile = {
  /**
   * Appends a line, synchronously.
   * @throws the operating system's error; the line is not in the file then
   */
  write(line: string): void
  close(): void
}

/**
 * Opens the file for appending, or creates it with mode 0600. Never blocks: a pipe without a reader is an error.
 * Child processes do not inherit it.
 * @throws {UntrustedFileError} if other users can change it, or the operating system's error
 */
export function openAuditFile(given: string): AuditFile {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants
  const { fd, path } = openTrusted(given, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600)
  let isTorn = endsWithinALine(fd, path)
  return {
    write(line) {
      const bytes = Buffer.from(`${isTorn ? '\n' : ''}${line}\n`)
      const before = sizeOf(fd)
      let at = 0
      try {
        while (at < bytes.length) at += writeSync(fd, bytes, at)
      } catch (error) {
        // Deno does not report how much it wrote before it failed.
        at = Math.max(at, Math.min(sizeOf(fd) - before, bytes.length))
        // If only the newline is missing, the line counts as written.
        if (at < bytes.length - 1) throw error
      } finally {
        if (at > 0) isTorn = bytes[at - 1] !== NEWLINE
      }
    },
    close: () => closeSync(fd),
  }
}

function sizeOf(fd: number): number {
  const info = fstatSync(fd)
  return info.isFile() ? info.size : 0
}

/** Whether the existing file lacks a final newline: its server was killed during a write, or the disk was full. */
function endsWithinALine(fd: number, path: string): boolean {
  const info = fstatSync(fd)
  if (!info.isFile() || info.size === 0) return false
  const last = Buffer.alloc(1)
  let reader: number | undefined
  try {
    reader = openSync(path, constants.O_RDONLY)
    readSync(reader, last, 0, 1, info.size - 1)
  } catch {
    // The file may be write-only. Treat it as torn: an extra empty line does no harm.
  } finally {
    if (reader !== undefined) closeSync(reader)
  }
  return last[0] !== NEWLINE
}
