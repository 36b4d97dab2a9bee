/**
 * What the reference did, kept in the user's cache: it is slow, and does the same every time. What differs
 * unexpectedly is asked for anew, so that an old record fails no run; --fresh asks for everything.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { cacheFolder } from '../install.ts'
import type { Cells } from './operations.ts'

export class Recorded {
  readonly #path: string
  readonly #machine: string
  readonly #cells: Record<string, Cells>

  constructor(version: string, mode: string, fresh: boolean) {
    this.#machine = `${release()}, ${bubblewrap()}`
    this.#path = join(cacheFolder, `matrix-${version}-${mode}.json`)
    this.#cells = fresh ? {} : load(this.#path, this.#machine)
  }

  /** `profile` is all that makes it up. */
  get(profile: string, operation: string): Cells | undefined {
    return this.#cells[`${profile} ${operation}`]
  }

  set(profile: string, operation: string, cells: Cells): void {
    this.#cells[`${profile} ${operation}`] = cells
  }

  save(): void {
    mkdirSync(cacheFolder, { recursive: true })
    writeFileSync(this.#path, JSON.stringify({ machine: this.#machine, cells: this.#cells }))
  }
}

function load(path: string, machine: string): Record<string, Cells> {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { machine: string; cells: Record<string, Cells> }
    return kept.machine === machine ? kept.cells : {}
  } catch {
    return {}
  }
}

function bubblewrap(): string {
  try {
    return execFileSync('bwrap', ['--version'], { encoding: 'utf8' }).trim()
  } catch {
    return 'none'
  }
}
