/**
 * Disposes fixtures at the end of a test, even if it fails. A fixture registers a callback with the scope of the
 * running test, or of the suite in a `before` hook; callbacks run in reverse order.
 */
import process from 'node:process'

type Dispose = () => unknown

/** A list of callbacks to run at the end of a test. */
export class Scope {
  readonly #disposals = new Set<Dispose>()

  add(dispose: Dispose): void {
    this.#disposals.add(dispose)
  }

  delete(dispose: Dispose): void {
    this.#disposals.delete(dispose)
  }

  /** Runs all callbacks, even if some fail, and resolves with the errors. */
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

/** For fixtures opened while a test file loads, outside of any test: disposed at process exit. */
const fileScope = new Scope()
let current = fileScope
const open = new Set([fileScope])
// If the process exits in the middle of a test, only the synchronous part of the callbacks runs.
process.once('exit', () => {
  for (const scope of open) void scope.end()
})

/** Makes `scope` the current scope; the returned function restores the previous one. */
export function enterScope(scope: Scope): () => void {
  const outer = current
  current = scope
  open.add(scope)
  return () => void (current = outer)
}

/** Disposes a scope and throws its first error. */
export async function endScope(scope: Scope): Promise<void> {
  const [first] = await scope.end()
  open.delete(scope)
  if (first !== undefined) throw first
}

/** Calls `dispose` at the end of the running test. The returned function unregisters it. */
export function atEnd(dispose: Dispose): () => void {
  const scope = current
  scope.add(dispose)
  return () => scope.delete(dispose)
}
