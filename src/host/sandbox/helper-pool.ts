/**
 * A pool of fs helpers. Starting one costs fifty times as much as a call, so an idle helper is kept for a while and
 * serves the next call with an identical sandbox: the same mounts of the same files. All end with the server, which
 * closes their stdin and their sandbox.
 *
 * Clients share it in turns, for calls and for starts. A helper that makes no progress first lets another start in its
 * place, then it is killed.
 */
import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers'
import { FairSlots } from '../../core/base/fair-slots.ts'
import type { Caller, Slot } from '../../core/base/fair-slots.ts'
import type { Limits } from '../../core/base/limits.ts'
import type { HostLimits } from '../limits.ts'
import { internalError, overloaded } from '../../protocol/wire/errors.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { hasWorked } from './helper-activity.ts'
import type { Activity } from './helper-activity.ts'
import { startHelper } from './helper-process.ts'
import type { Helper, HelperProcess } from './helper-process.ts'

/** The limits that a pool applies. */
export type PoolLimits = HostLimits & Pick<Limits, 'messageBytes'>

/** How many helpers there are, and how many calls were given up so far because their helper made no progress. */
export type HelperCounts = { busy: number; idle: number; dying: number; givenUp: number }

/** A pool of at most `helperCount` helpers that make progress. */
export type HelperPool = {
  /**
   * Runs `use` with a helper of the sandbox that `getKey` plans and identifies; without a key with a new helper that is not
   * kept. `start` builds the command of a new one. Waits for the caller's turn while all helpers are busy, and calls both
   * only then: they take time and open files, and many calls may be waiting.
   * @throws RpcError (internal) if the helper makes no progress, (overloaded) if too many cannot be killed
   */
  withHelper<T>(
    caller: Caller,
    getKey: () => string | undefined | Promise<string | undefined>,
    start: () => SandboxedCommand,
    use: (helper: Helper) => Promise<T>,
  ): Promise<T>
  counts(): HelperCounts
}

type Idle = { key: string; helper: HelperProcess; caller: Caller; since: number; cancelEnd: () => void }

/** Creates a pool. Idle helpers are killed after `helperIdleMs`; responses are limited to `messageBytes`. */
export function helperPool(limits: PoolLimits): HelperPool {
  const { helperCount, helpersPerCaller, helpersAside, helperIdleMs, helperOwnedMs, helpersDying, messageBytes } =
    limits
  const slots = new FairSlots({ total: helperCount, perCaller: helpersPerCaller, aside: helpersAside })
  const starts = new FairSlots({
    total: limits.helpersStarting,
    perCaller: limits.helpersStarting,
    aside: helpersAside,
  })
  /** Least recently used first. */
  const idle: Idle[] = []
  const busy = new Set<HelperProcess>()
  const dying = new Set<HelperProcess>()
  let givenUp = 0

  const end = (helper: HelperProcess, why: string): void => {
    if (dying.has(helper)) return
    dying.add(helper)
    void helper.exited.then(() => dying.delete(helper))
    helper.kill(why)
  }

  /**
   * Index of an idle helper of this sandbox: the caller's own, else one that its last caller no longer uses. A client
   * with many calls would otherwise take the helper of one with few, which then waits for a new one to start.
   */
  const findIdle = (caller: Caller, key: string): number => {
    const own = idle.findLastIndex((kept) => kept.key === key && kept.caller === caller)
    if (own >= 0) return own
    const before = performance.now() - helperOwnedMs
    return idle.findLastIndex((kept) => kept.key === key && (kept.caller.isGone || kept.since < before))
  }

  const takeIdle = (caller: Caller, key: string | undefined): HelperProcess | undefined => {
    const index = key === undefined ? -1 : findIdle(caller, key)
    const [warm] = index < 0 ? [] : idle.splice(index, 1)
    warm?.cancelEnd()
    return warm === undefined || warm.helper.isDead ? undefined : warm.helper
  }

  const startNew = (caller: Caller, start: () => SandboxedCommand): HelperProcess => {
    if (dying.size >= helpersDying)
      throw overloaded(`${dying.size} fs sandbox helpers hang and cannot be killed, on a mount that does not answer`)
    if (idle.length + busy.size >= helperCount) evictFor(caller)
    return startHelper(start(), messageBytes)
  }

  /** Ends an idle helper: the caller's own, else the least recently used. */
  const evictFor = (caller: Caller): void => {
    const own = idle.findIndex((kept) => kept.caller === caller || kept.caller.isGone)
    const [kept] = idle.splice(Math.max(0, own), 1)
    kept?.cancelEnd()
    if (kept !== undefined) end(kept.helper, 'evicted')
  }

  const release = (caller: Caller, helper: HelperProcess, key: string | undefined): void => {
    busy.delete(helper)
    if (helper.isDead || key === undefined) return end(helper, 'not needed any more')
    const kept: Idle = { key, helper, caller, since: performance.now(), cancelEnd: () => clearTimeout(timer) }
    const timer = setTimeout(() => {
      idle.splice(idle.indexOf(kept), 1)
      end(helper, 'idle')
    }, helperIdleMs)
    timer.unref()
    idle.push(kept)
  }

  return {
    async withHelper(caller, getKey, start, use) {
      const slot = await slots.acquire(caller)
      let helper: HelperProcess | undefined
      let key: string | undefined
      let starting: Slot | undefined
      try {
        key = await getKey()
        helper = takeIdle(caller, key)
        if (helper === undefined) {
          starting = await starts.acquire(caller)
          // Another call may have ended meanwhile.
          helper = takeIdle(caller, key) ?? startNew(caller, start)
          endStart(starting, helper.answered, limits.helperStartMs)
        }
        busy.add(helper)
        await helper.confirmed
        return await whileItWorks(helper, limits, slot.setAside, use)
      } catch (error) {
        if (error instanceof NoProgressError && helper !== undefined) {
          givenUp++
          end(helper, error.message)
          throw internalError(error.message)
        }
        throw error
      } finally {
        starting?.release()
        if (helper !== undefined) release(caller, helper, key)
        slot.release()
      }
    },
    counts: () => ({ busy: busy.size, idle: idle.length, dying: dying.size, givenUp }),
  }
}

/** Lets another helper start once this one has answered, or after `ms`. */
function endStart(starting: Slot, answered: Promise<void>, ms: number): void {
  const timer = setTimeout(starting.release, ms)
  timer.unref()
  void answered.then(() => {
    clearTimeout(timer)
    // A call with one question is over by then, so that the next one may use its helper.
    setImmediate(starting.release)
  })
}

class NoProgressError extends Error {}

/**
 * Runs `use` as long as the helper makes progress. Calls `setAside` when it has made none for `helperSlowMs`.
 * @throws NoProgressError after `helperStallMs` without any
 */
async function whileItWorks<T>(
  helper: HelperProcess,
  { helperSlowMs, helperStallMs }: PoolLimits,
  setAside: () => void,
  use: (helper: Helper) => Promise<T>,
): Promise<T> {
  const { promise: stalled, reject } = Promise.withResolvers<never>()
  // Counts its own ticks: after a pause of the whole machine, or of this process, no time has passed.
  let quietTicks = 0
  let last: Activity | undefined
  const timer = setInterval(() => {
    const now = helper.activity()
    quietTicks = now === undefined || last === undefined || hasWorked(last, now) ? 0 : quietTicks + 1
    last = now
    if (quietTicks * helperSlowMs >= helperStallMs)
      reject(new NoProgressError(`the file call made no progress for ${helperStallMs / 1000} s and was given up`))
    else if (quietTicks > 0) setAside()
  }, helperSlowMs)
  timer.unref()
  try {
    return await Promise.race([use(helper), stalled])
  } finally {
    clearInterval(timer)
  }
}
