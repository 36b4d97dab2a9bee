/** Keeps changes of one file from overlapping: agents make several calls at once, and an edit reads before it writes. */
import { unlessAborted } from '../client/session/abort.ts'

export class PathLocks {
  /** The last change of each path that is waiting or under way. */
  readonly #last = new Map<string, Promise<void>>()

  /**
   * Runs `change` after all earlier changes of any of `paths` have ended. They queue for all paths at once, so that no two
   * wait for each other. Rejects with the signal's reason if it aborts meanwhile.
   */
  async run<T>(paths: readonly string[], signal: AbortSignal, change: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const earlier = Promise.all(paths.map((path) => this.#last.get(path)))
    for (const path of paths) this.#last.set(path, promise)
    try {
      await unlessAborted(earlier, signal)
      return await change()
    } finally {
      // One that was aborted while it waited must not let later ones overtake those before it.
      void earlier.then(() => {
        for (const path of paths) if (this.#last.get(path) === promise) this.#last.delete(path)
        resolve()
      })
    }
  }
}
