/** The contents of a file that is about to be overwritten where it is, to be written back if that fails. */
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, unlinkSync } from 'node:fs'
import { nativePath } from '../../fs/native-path.ts'
import { temporaryBeside } from '../leftovers.ts'
import { copyRange } from './copy-range.ts'
import { openNew } from './plan-file.ts'

/** The contents of a file, saved under a temporary name. */
export class SavedContents {
  readonly path: string
  readonly #fd: number
  readonly #size: number

  /**
   * Saves what is in the file `target` beside `staged`, which is another temporary file.
   * @throws the operating system's error; then nothing is left
   */
  constructor(target: string, staged: string) {
    this.path = temporaryBeside(staged)
    const source = openSync(nativePath(target), constants.O_RDONLY)
    try {
      this.#size = fstatSync(source).size
      this.#fd = openNew(this.path, 0o600)
      try {
        copyRange(source, this.#fd, { start: 0, end: this.#size })
        fsyncSync(this.#fd)
      } catch (error) {
        this.discard()
        throw error
      }
    } finally {
      closeSync(source)
    }
  }

  /**
   * Writes them back. The file gives its space back first: a part of it may keep the space of the whole (btrfs).
   * @throws the operating system's error
   */
  restore(to: number): void {
    ftruncateSync(to, 0)
    fsyncSync(to)
    copyRange(this.#fd, to, { start: 0, end: this.#size })
    fsyncSync(to)
  }

  /** Leaves them there. */
  keep(): void {
    closeSync(this.#fd)
  }

  discard(): void {
    closeSync(this.#fd)
    unlinkSync(nativePath(this.path))
  }
}
