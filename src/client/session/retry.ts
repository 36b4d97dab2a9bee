/** Retries the resumption of a session for a limited time. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { ConnectError, DisconnectedError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { deadline, delay } from './abort.ts'

/** Old servers report this with a generic error code, so match the message. */
const ATTACHED = /already attached/

/**
 * Calls `attempt` until it succeeds: at once, then every `recoveryIntervalMs`, for `recoveryMs` altogether. An abort of
 * `signal` ends it.
 * @throws {Error} If the time is up or another attempt is pointless. The message includes the last attempt's error.
 */
export async function retry(
  attempt: (signal: AbortSignal) => Promise<void>,
  { recoveryMs, recoveryIntervalMs }: Pick<ClientLimits, 'recoveryMs' | 'recoveryIntervalMs'>,
  signal: AbortSignal,
): Promise<void> {
  const budget = deadline(recoveryMs, () => new Error(`recovery took more than ${recoveryMs / 1000} s`), signal)
  let last: unknown
  try {
    for (;;) {
      try {
        return await attempt(budget.signal)
      } catch (error) {
        if (budget.signal.aborted) throw budget.signal.reason
        last = error
        if (!isTransient(error)) throw error
      }
      await delay(recoveryIntervalMs, budget.signal)
    }
  } catch (error) {
    if (error === last || last === undefined) throw error
    throw new Error(`${messageOf(error)}, at last: ${messageOf(last)}`, { cause: last })
  } finally {
    budget.done()
  }
}

/** Whether another attempt may succeed. */
function isTransient(error: unknown): boolean {
  if (error instanceof ConnectError) return error.isTransient
  if (error instanceof DisconnectedError) return true
  return error instanceof RpcError && (error.code === ErrorCode.SessionAttached || ATTACHED.test(error.message))
}
