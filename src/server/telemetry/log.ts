/**
 * The log: one JSON object a line, on stderr, for machines and people alike. It holds no token, no argument of a
 * command, no variable's value and nothing of files or output: the audit log is for what was run.
 */
import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import process from 'node:process'
import type { Writable } from 'node:stream'
import type { Limits } from '../../core/base/limits.ts'
import { logLevels } from '../../base/log-level.ts'
import type { LogLevel } from '../../base/log-level.ts'

export type Log = {
  /** Whether lines of that level are written: to be asked before one is made at some expense. */
  has(level: LogLevel): boolean
  write(level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>): void
  /** Lines that nobody took. */
  dropped(): number
}

/** Where lines go. Returns whether it took this one; never waits. */
export type Sink = (line: string) => boolean

export function createLog(level: LogLevel, sink: Sink, { logText }: Pick<Limits, 'logText'>): Log {
  const most = logLevels.indexOf(level)
  const has = (of: LogLevel): boolean => logLevels.indexOf(of) <= most
  let dropped = 0
  let untold = 0

  const shortened = (_: string, value: unknown): unknown =>
    typeof value === 'string' && value.length > logText
      ? `${value.slice(0, logText)}… (${value.length} characters)`
      : value
  const line = (of: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): string =>
    `${JSON.stringify({ time: new Date().toISOString(), level: of, event, ...fields }, shortened)}\n`

  return {
    has,
    write(of, event, fields = {}) {
      if (!has(of)) return
      // Who reads again is told first what there was no room for.
      if (untold > 0 && sink(line('warn', 'linesDropped', { lines: untold }))) untold = 0
      if (untold === 0 && sink(line(of, event, fields))) return
      dropped++
      untold++
    },
    dropped: () => dropped,
  }
}

/** Stderr, opened with the first line. What is written to it never blocks, and no more than `bound` bytes wait for who reads. */
export function stderrSink(bound: number): Sink {
  let sink: Sink | undefined
  return (line) => (sink ??= openStderr(bound))(line)
}

function openStderr(bound: number): Sink {
  try {
    const info = fstatSync(2)
    // The runtime's own stream waits in the write when the reader of a pipe does not read.
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
      // The disk is full.
      return false
    }
  }
}

/** A terminal that was stopped with Ctrl-S takes nothing either. */
function unblocked(terminal: Writable): Writable {
  const { _handle } = terminal as { _handle?: { setBlocking?: (on: boolean) => void } }
  _handle?.setBlocking?.(false)
  return terminal
}

function streamSink(stream: Writable, bound: number): Sink {
  // Whoever read is gone; to say so would be for nobody.
  stream.on('error', () => {})
  return (line) => {
    if (!stream.writable || stream.writableLength + line.length > bound) return false
    stream.write(line)
    return true
  }
}
