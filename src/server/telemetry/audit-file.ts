/**
 * A file that only grows, of whole lines. A line that could be written in part only, on a disk that is full, is ended
 * before the next, so that whoever reads loses that one alone.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs'

const NEWLINE = 10

export type AuditFile = {
  /** Writes a line. Throws the operating system's error; the line is not there then. */
  write(line: string): void
  close(): void
}

/** Opens it, or makes it for its owner alone. Never waits: a pipe that nobody reads is an error. No child inherits it. */
export function openAuditFile(path: string): AuditFile {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK, O_NOCTTY } = constants
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o600)
  let isTorn = endsWithinALine(fd, path)
  return {
    write(line) {
      const bytes = Buffer.from(`${isTorn ? '\n' : ''}${line}\n`)
      const before = sizeOf(fd)
      let at = 0
      try {
        while (at < bytes.length) at += writeSync(fd, bytes, at)
      } catch (error) {
        // Deno does not say how much it has written before it failed.
        at = Math.max(at, Math.min(sizeOf(fd) - before, bytes.length))
        // All but its end is there: so is the line.
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

/** Whether the last line of what is there already has no end: its server was killed while it wrote, or the disk was full. */
function endsWithinALine(fd: number, path: string): boolean {
  const info = fstatSync(fd)
  if (!info.isFile() || info.size === 0) return false
  const last = Buffer.alloc(1)
  let reader: number | undefined
  try {
    reader = openSync(path, constants.O_RDONLY)
    readSync(reader, last, 0, 1, info.size - 1)
  } catch {
    // It may be written and not read: an empty line does no harm.
  } finally {
    if (reader !== undefined) closeSync(reader)
  }
  return last[0] !== NEWLINE
}
