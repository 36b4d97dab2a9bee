/** A program of the executable as a file, in a folder that is named after its content and used again by later servers. */
import { createHash, randomUUID } from 'node:crypto'
import { accessSync, constants, lstatSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readTrusted } from '../../base/read-trusted.ts'
import { writeAllTo } from '../../base/write-all.ts'
import { MAX_PROGRAM_BYTES, STALE_UNPACK_MS } from '../limits.ts'
import { isPrivate } from './private-folder.ts'
import type { EmbeddedProgram } from './ripgrep.ts'

/** The name of its folder. It needs no quotes in a shell. */
export const folderName = ({ name, hash }: EmbeddedProgram): string => `${name}-${hash.slice(0, 16)}`

const PROGRAM_MODE = 0o500
const PARTIAL = '.partial-'

/** Makes sure that the program in a folder is what it should be. */
export class UnpackedProgram {
  readonly folder: string
  readonly #program: EmbeddedProgram
  readonly #path: string
  /** The identity of the file whose content was verified. */
  #verified: string | undefined
  #pending: Promise<void> | undefined

  constructor(program: EmbeddedProgram, folder: string) {
    this.folder = folder
    this.#program = program
    this.#path = join(folder, program.name)
  }

  /**
   * Unpacks the program, unless it is there. Verifies owner and mode each time, and the content whenever the file changed.
   * @throws Error if it cannot be unpacked, or not be run
   */
  provide(): Promise<void> {
    this.#pending ??= this.#provide().finally(() => (this.#pending = undefined))
    return this.#pending
  }

  async #provide(): Promise<void> {
    if (!isPrivate(this.folder)) throw new Error(`${this.folder} is not of this user alone`)
    const identity = this.#identity()
    if (identity !== undefined && identity === this.#verified) return
    if (!this.#isIntact()) await this.#unpack()
    this.#verified = this.#identity()
  }

  /** A change of the file changes one of these. Undefined: it is not there. */
  #identity(): string | undefined {
    const info = lstatSync(this.#path, { bigint: true, throwIfNoEntry: false })
    return info && [info.dev, info.ino, info.size, info.mode, info.uid, info.mtimeNs, info.ctimeNs].join(' ')
  }

  #isIntact(): boolean {
    try {
      accessSync(this.#path, constants.X_OK)
      const hash = createHash('sha256').update(readTrusted(this.#path, MAX_PROGRAM_BYTES))
      return hash.digest('hex') === this.#program.hash
    } catch {
      return false
    }
  }

  async #unpack(): Promise<void> {
    await this.#removeStale()
    const partial = join(this.folder, `${PARTIAL}${randomUUID()}`)
    try {
      const file = await open(partial, 'wx', PROGRAM_MODE)
      try {
        await writeAllTo(file, this.#program.bytes())
      } finally {
        await file.close()
      }
      await rename(partial, this.#path)
    } catch (error) {
      await rm(partial, { force: true })
      throw error
    }
  }

  /** Of servers that were killed meanwhile. */
  async #removeStale(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (!name.startsWith(PARTIAL)) continue
      const path = join(this.folder, name)
      const { mtimeMs } = await stat(path)
      if (Date.now() - mtimeMs > STALE_UNPACK_MS) await rm(path, { force: true })
    }
  }
}
