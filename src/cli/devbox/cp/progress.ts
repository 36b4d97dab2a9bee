/** Shows the progress of a copy on stderr, if that is a terminal and the copy takes longer than half a second. */
import process from 'node:process'
import { isatty } from 'node:tty'
import { escapeControlChars } from '../../../base/control-chars.ts'
import { writeStderr } from '../io/stderr.ts'

const FIRST_MS = 500
const EACH_MS = 200
/** Window over which the rate is averaged. */
const RATE_MS = 3000

/** A progress display. Does nothing if stderr is no terminal. */
export type Progress = {
  /** Starts a file of `size` bytes, 0 if unknown. */
  begin(name: string, size: number): void
  add(bytes: number): void
  /** Erases the line until the next update. */
  clear(): void
  end(): void
}

export function createProgress(): Progress {
  if (!isatty(2)) return { begin: () => {}, add: () => {}, clear: () => {}, end: () => {} }
  let [name, size, done, total] = ['', 0, 0, 0]
  let isShown = false
  const began = Date.now()
  const samples: { at: number; total: number }[] = [{ at: began, total: 0 }]
  const clear = (): void => {
    if (isShown) writeStderr('\r\x1b[K')
    isShown = false
  }
  const timer = setInterval(() => {
    const now = Date.now()
    samples.push({ at: now, total })
    while (samples.length > 2 && now - (samples[0] as { at: number }).at > RATE_MS) samples.shift()
    if (now - began < FIRST_MS) return
    const first = samples[0] as { at: number; total: number }
    const rate = ((total - first.total) * 1000) / Math.max(1, now - first.at)
    writeStderr(`\r${progressLine({ name, size, done, total, rate }, process.stderr.columns ?? 80)}\x1b[K`)
    isShown = true
  }, EACH_MS)
  timer.unref()
  return {
    begin(next, bytes) {
      ;[name, size, done] = [next, bytes, 0]
    },
    add(bytes) {
      done += bytes
      total += bytes
    },
    clear,
    end() {
      clearInterval(timer)
      clear()
    },
  }
}

export type ProgressState = {
  name: string
  size: number
  done: number
  total: number /** Bytes a second. */
  rate: number
}

/** Formats the progress line for `width` columns; a long name is cut at its start. */
export function progressLine({ name, size, done, total, rate }: ProgressState, width: number): string {
  const percent = size > 0 ? `${Math.min(100, Math.floor((done * 100) / size))}%` : ''
  const figures = `${percent.padStart(4)}  ${formatBytes(total).padStart(9)}  ${formatBytes(rate)}/s`
  const room = Math.max(0, width - figures.length - 3)
  const plain = escapeControlChars(name)
  return `${plain.length > room ? `…${plain.slice(plain.length - room + 1)}` : plain}  ${figures}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${UNITS[unit]}`
}
