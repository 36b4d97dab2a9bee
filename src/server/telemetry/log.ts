/**
 * The log: one JSON object per line, on stderr. It contains no tokens, command arguments, values of environment
 * variables, file contents or output: what was run is in the audit log.
 */
import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import process from 'node:process'
import type { Writable } from 'node:stream'
import { setBlocking } from '../../host/node-internals.ts'
import type { ServerLimits } from '../limits.ts'
import { escapeInJson } from '../../base/control-chars.ts'
import { logLevels } from '../../base/log-level.ts'
import type { LogLevel } from '../../base/log-level.ts'

/** A log of JSON lines. Writing never throws, nor waits for a reader. */
export type Log = {
  /** Whether lines of that level are written; check it before building an expensive line. */
  has(level: LogLevel): boolean
  write(level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>): void
  /** Number of lines lost because stderr did not accept them. */
  dropped(): number
}

/** Destination of lines. Returns whether it accepted the line; never blocks. */
export type Sink = (line: string) => boolean

/** Creates a log of lines up to `level`. Strings are cut at `logText` characters. */
export function createLog(level: LogLevel, sink: Sink, { logText }: Pick<ServerLimits, 'logText'>): Log {
  const most = logLevels.indexOf(level)
  const has = (of: LogLevel): boolean => logLevels.indexOf(of) <= most
  let dropped = 0
  let unreported = 0

  const shortened = (_: string, value: unknown): unknown =>
    typeof value === 'string' && value.length > logText
      ? `${value.slice(0, logText)}… (${value.length} characters)`
      : value
  const line = (of: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): string =>
    `${escapeInJson(JSON.stringify({ time: new Date().toISOString(), level: of, event, ...fields }, shortened))}\n`

  return {
    has,
    write(of, event, fields = {}) {
      if (!has(of)) return
      // When the sink accepts lines again, first report how many were lost.
      if (unreported > 0 && sink(line('warn', 'linesDropped', { lines: unreported }))) unreported = 0
      if (unreported === 0 && sink(line(of, event, fields))) return
      dropped++
      unreported++
    },
    dropped: () => dropped,
  }
}

/** Stderr as a sink, opened with the first line. For pipes and terminals, at most `bound` bytes are queued. */
export function stderrSink(bound: number): Sink {
  let sink: Sink | undefined
  return (line) => (sink ??= openStderr(bound))(line)
}

function openStderr(bound: number): Sink {
  try {
    const info = fstatSync(2)
    // The runtime's own stream writes to pipes synchronously, and blocks when the reader does not read.
    if (info.isFIFO() || info.isSocket())
      return streamSink(new Socket({ fd: 2, readable: false, writable: true }), bound)
    if (info.isCharacterDevice() && process.stderr.isTTY) return streamSink(unblocked(process.stderr), bound)
  } catch {
    return () => false
  }
  return (line) => {
    try {
      writeSync(2, line)
      return true
    } catch {
      // A full disk, for example.
      return false
    }
  }
}

/** Makes a terminal non-blocking: one stopped with Ctrl-S would block the write. */
function unblocked(terminal: Writable): Writable {
  setBlocking(terminal, false)
  return terminal
}

function streamSink(stream: Writable, bound: number): Sink {
  // The reader has gone, so there is nowhere to report it.
  stream.on('error', () => {})
  return (line) => {
    if (!stream.writable || stream.writableLength + line.length > bound) return false
    stream.write(line)
    return true
  }
}
