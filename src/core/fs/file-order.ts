/**
 * Orders one connection's file operations. Mutations run alone and in arrival order; reads run concurrently between
 * them. Each operation sees the files as if all had run sequentially.
 */
export class FileOrder {
  #lastMutation: Promise<unknown> | undefined
  #reads = new Set<Promise<unknown>>()

  /** Settles once all earlier mutations are done; undefined if none is running. */
  settled(): Promise<void> | undefined {
    return this.#lastMutation?.then(nothing)
  }

  /** Runs a read after all earlier mutations. */
  read<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lastMutation === undefined ? run() : this.#lastMutation.then(run)
    const forget = (): void => void this.#reads.delete(done)
    const done: Promise<unknown> = result.then(forget, forget)
    this.#reads.add(done)
    return result
  }

  /** Runs a mutation after all earlier reads and mutations. */
  mutate<T>(run: () => Promise<T>): Promise<T> {
    const earlier = [...this.#reads, ...(this.#lastMutation === undefined ? [] : [this.#lastMutation])]
    this.#reads = new Set()
    const result = earlier.length === 0 ? run() : Promise.all(earlier).then(run)
    const forget = (): void => {
      if (this.#lastMutation === done) this.#lastMutation = undefined
    }
    const done: Promise<unknown> = result.then(forget, forget)
    this.#lastMutation = done
    return result
  }
}

function nothing(): void {}
