/**
 * What a test opens ends with the test, whatever happens to it. A fixture registers how it ends; the scope of the running
 * test, or of the suite when a `before` hook runs, calls that last come, first ended.
 */
import process from 'node:process'

type Dispose = () => unknown

export class Scope {
  readonly #disposals = new Set<Dispose>()

  add(dispose: Dispose): void {
    this.#disposals.add(dispose)
  }

  delete(dispose: Dispose): void {
    this.#disposals.delete(dispose)
  }

  /** Ends everything, also when some of it fails to. Gives the failures. */
  async end(): Promise<unknown[]> {
    const errors: unknown[] = []
    for (const dispose of [...this.#disposals].reverse()) {
      this.#disposals.delete(dispose)
      try {
        await dispose()
      } catch (error) {
        errors.push(error)
      }
    }
    return errors
  }
}

/** What a file opens while it loads, outside of any test, ends with the process. */
const fileScope = new Scope()
let current = fileScope
const open = new Set([fileScope])
// Also when the process ends in the middle of a test: then only what needs no waiting.
process.once('exit', () => {
  for (const scope of open) void scope.end()
})

/** Makes `scope` the one that fixtures register with, until what is returned is called. */
export function enterScope(scope: Scope): () => void {
  const outer = current
  current = scope
  open.add(scope)
  return () => void (current = outer)
}

/** Throws the first of the failures. */
export async function endScope(scope: Scope): Promise<void> {
  const [first] = await scope.end()
  open.delete(scope)
  if (first !== undefined) throw first
}

/** Has `dispose` called when the running test ends. Returns what takes that back, for fixtures that have ended before. */
export function atEnd(dispose: Dispose): () => void {
  const scope = current
  scope.add(dispose)
  return () => scope.delete(dispose)
}
