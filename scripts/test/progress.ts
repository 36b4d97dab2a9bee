/** What a person sees while the tests run. On a terminal one line that is written anew, else a line for each file. */
import process from 'node:process'
import type { Outcome } from './job.ts'

const isTerminal = process.stdout.isTTY === true
const CLEAR_LINE = '\r\u001b[2K'
const REDRAW_MS = 500

export class Progress {
  readonly #since = performance.now()
  readonly #running = new Set<string>()
  readonly #total: number
  readonly #timer: ReturnType<typeof setInterval> | undefined
  #files = 0
  #tests = 0

  constructor(total: number) {
    this.#total = total
    if (isTerminal) this.#timer = setInterval(() => this.#draw(), REDRAW_MS)
  }

  start(file: string): void {
    this.#running.add(file)
    this.#draw()
  }

  done({ file, passed, failed, skipped, seconds, faults }: Outcome): void {
    this.#running.delete(file)
    this.#files++
    this.#tests += passed + failed
    const skips = skipped === 0 ? '' : `, ${skipped} skipped`
    const word = faults.length === 0 ? 'ok  ' : 'FAIL'
    const counts = `${passed + failed} tests${skips}, ${seconds.toFixed(1)} s`
    this.print(
      `${word} ${String(this.#files).padStart(String(this.#total).length)}/${this.#total} ${file} (${counts})\n`,
    )
  }

  /** A text of its own, above the line that is written anew. */
  print(text: string): void {
    process.stdout.write(isTerminal ? CLEAR_LINE + text : text)
    this.#draw()
  }

  end(): void {
    clearInterval(this.#timer)
    if (isTerminal) process.stdout.write(CLEAR_LINE)
  }

  #draw(): void {
    if (!isTerminal) return
    const seconds = Math.round((performance.now() - this.#since) / 1000)
    const names = [...this.#running].join(' ')
    const line = `${this.#files} of ${this.#total} files, ${this.#tests} tests, ${seconds} s: ${names}`
    process.stdout.write(CLEAR_LINE + line.slice(0, (process.stdout.columns ?? 80) - 1))
  }
}
