/** Lets work clean up when a signal interrupts it. */
import { constants } from 'node:os'
import process from 'node:process'
import { withoutIgnored } from '../../../base/own-process.ts'
import { SECOND_SIGNAL_MS } from '../base/limits.ts'

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
 * resolves with its exit code. After a second signal the program ends soon, whether `work` has settled or not: what is
 * here is removed at once, and the devbox has been asked to.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const ending = new AbortController()
  let leaving: NodeJS.Timeout | undefined
  const interrupt = (name: NodeJS.Signals): void => {
    if (ending.signal.aborted)
      leaving ??= setTimeout(() => process.exit(new Interrupted(name).exitCode), SECOND_SIGNAL_MS)
    else ending.abort(new Interrupted(name))
  }
  const handlers = withoutIgnored(['SIGINT', 'SIGTERM', 'SIGHUP']).map((name) => [name, () => interrupt(name)] as const)
  for (const [name, handle] of handlers) process.on(name, handle)
  try {
    return await work(ending.signal)
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode
    throw error
  } finally {
    clearTimeout(leaving)
    for (const [name, handle] of handlers) process.off(name, handle)
  }
}
