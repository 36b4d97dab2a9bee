/** Lets work clean up when a signal interrupts it. */
import { constants } from 'node:os'
import process from 'node:process'
import { withoutIgnored } from '../../../base/own-process.ts'

/** The abort reason after a signal, with the exit code of a command that this signal ended: 128 + n. */
export class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/**
 * Runs `work` with an abort signal; SIGINT, SIGTERM and SIGHUP abort it with Interrupted. If `work` rejects with that,
 * resolves with its exit code. A second signal of the same kind ends the program at once.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const ending = new AbortController()
  const handlers = withoutIgnored(['SIGINT', 'SIGTERM', 'SIGHUP']).map(
    (name) => [name, () => ending.abort(new Interrupted(name))] as const,
  )
  for (const [name, handle] of handlers) process.once(name, handle)
  try {
    return await work(ending.signal)
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    throw error
  } finally {
    for (const [name, handle] of handlers) process.off(name, handle)
  }
}
