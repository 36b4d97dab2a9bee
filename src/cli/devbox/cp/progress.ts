/** Shows the progress of a copy on stderr, if that is a terminal and the copy takes longer than half a second. */
import process from 'node:process'
import { isatty } from 'node:tty'
import { escapeControlChars } from '../../../base/control-chars.ts'
import { writeStderr } from '../io/stderr.ts'

const FIRST_MS = 500
const EACH_MS = 200
/** Window over which the rate is averaged. */
const RATE_MS = 3000
/** Changes of a rate make a longer time left meaningless. */
const MAX_LEFT_S = 100 * 3600

/** A progress display. Does nothing if stderr is no terminal. */
export type Progress = {
  /** Whether anything is shown. */
  readonly isShown: boolean
  /** Starts a file of `size` bytes, 0 if unknown. */
  begin(name: string, size: number): void
  add(bytes: number): void
  /** How much there is to copy, as far as it has been counted. */
  total(totals: { files: number; bytes: number; isComplete: boolean }): void
  /** Sets what has been copied. */
  set(state: { file: string; bytes: number; files: number }): void
  /** Erases the line until the next update. */
  clear(): void
  end(): void
}

const none: Progress = {
  isShown: false,
  begin: () => {},
  add: () => {},
  total: () => {},
  set: () => {},
  clear: () => {},
  end: () => {},
}

export function createProgress(): Progress {
  if (!isatty(2)) return none
  const state: ProgressState = { name: '', files: 0, bytes: 0, rate: 0, all: undefined }
  let isOnScreen = false
  const began = Date.now()
  const samples: { at: number; bytes: number }[] = [{ at: began, bytes: 0 }]
  const clear = (): void => {
    if (isOnScreen) writeStderr('\r\x1b[K')
    isOnScreen = false
  }
  const timer = setInterval(() => {
    const now = Date.now()
    samples.push({ at: now, bytes: state.bytes })
    while (samples.length > 2 && now - (samples[0] as { at: number }).at > RATE_MS) samples.shift()
    if (now - began < FIRST_MS) return
    const first = samples[0] as { at: number; bytes: number }
    state.rate = ((state.bytes - first.bytes) * 1000) / Math.max(1, now - first.at)
    writeStderr(`\r${progressLine(state, process.stderr.columns ?? 80)}\x1b[K`)
    isOnScreen = true
  }, EACH_MS)
  timer.unref()
  return {
    isShown: true,
    begin(name, size) {
      state.name = name
      state.files++
      // One file is its own total.
      state.all ??= size > 0 ? { files: 1, bytes: size, isComplete: false } : undefined
    },
    add: (bytes) => void (state.bytes += bytes),
    total: (totals) => void (state.all = totals),
    set: ({ file, bytes, files }) => void Object.assign(state, { name: file, bytes, files }),
    clear,
    end() {
      clearInterval(timer)
      clear()
    },
  }
}

export type ProgressState = {
  name: string
  /** Files that have been begun, and bytes copied. */
  files: number
  bytes: number
  /** Bytes a second. */
  rate: number
  /** How much there is; undefined if that is not known. */
  all: { files: number; bytes: number; isComplete: boolean } | undefined
}

/** Formats the progress line for `width` columns; a long name is cut at its start. */
export function progressLine({ name, files, bytes, rate, all }: ProgressState, width: number): string {
  const percent = all && all.bytes > 0 ? `${Math.min(100, Math.floor((bytes * 100) / all.bytes))}%` : ''
  const amount = all && all.bytes > 0 ? `${formatBytes(bytes)} of ${formatBytes(all.bytes)}` : formatBytes(bytes)
  const count = all !== undefined && all.files > 1 ? `  ${files}/${all.files} files` : ''
  const figures = `${percent.padStart(4)}  ${amount}${count}  ${formatBytes(rate)}/s${timeLeft(bytes, rate, all)}`
  const room = Math.max(0, width - figures.length - 3)
  const plain = escapeControlChars(name)
  return `${plain.length > room ? `…${plain.slice(plain.length - room + 1)}` : plain}  ${figures}`
}

function timeLeft(bytes: number, rate: number, all: ProgressState['all']): string {
  if (all === undefined || all.bytes <= bytes || rate <= 0) return ''
  const seconds = Math.ceil((all.bytes - bytes) / rate)
  if (seconds > MAX_LEFT_S) return ''
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const clock = `${minutes}:${String(seconds % 60).padStart(2, '0')}`
  return `  ${hours > 0 ? `${hours}:${clock.padStart(5, '0')}` : clock} left`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${UNITS[unit]}`
}
