/** Work that is tidied up when a signal ends it. */
import { constants } from 'node:os'
import process from 'node:process'

export class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/** Gives `work` a signal that is aborted with Interrupted, whose exit code is then the work's; a second one ends the program at once. */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const ending = new AbortController()
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(
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
