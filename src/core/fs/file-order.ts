/**
 * The order of one connection's file calls. Mutations run alone and in arrival order; reads run side by
 * side between them. So each call finds the files as if all had run one after the other.
 */
export class FileOrder {
  #lastMutation: Promise<unknown> | undefined
  #reads = new Set<Promise<unknown>>()

  /** Settles when the mutations that arrived so far are done; undefined when none is under way. */
  settled(): Promise<void> | undefined {
    return this.#lastMutation?.then(nothing)
  }

  read<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#lastMutation === undefined ? run() : this.#lastMutation.then(run)
    const done: Promise<unknown> = result.then(nothing, nothing).then(() => this.#reads.delete(done))
    this.#reads.add(done)
    return result
  }

  mutate<T>(run: () => Promise<T>): Promise<T> {
    const earlier = [...this.#reads, ...(this.#lastMutation === undefined ? [] : [this.#lastMutation])]
    this.#reads = new Set()
    const result = earlier.length === 0 ? run() : Promise.all(earlier).then(run)
    const done: Promise<unknown> = result.then(nothing, nothing).then(() => {
      if (this.#lastMutation === done) this.#lastMutation = undefined
    })
    this.#lastMutation = done
    return result
  }
}

function nothing(): void {}
