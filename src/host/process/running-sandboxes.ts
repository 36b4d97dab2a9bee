/**
 * The sandboxed commands of this server that are being started or run. Only those can change what a sandbox that is being
 * set up is about to mount.
 */

let running = 0

/** Whether a sandboxed command may be running. */
export const areSandboxesRunning = (): boolean => running > 0

/** Counts a command, until the result is called for the first time. */
export function countSandbox(): () => void {
  running++
  let isCounted = true
  return () => {
    if (isCounted) running--
    isCounted = false
  }
}

/** The set-ups that began while no command ran. */
const undisturbed = new Set<Promise<void>>()

/** A set-up that must be over before a command that is started later may run. `done` is to be called once. */
export function registerUndisturbed(): { done: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  undisturbed.add(promise)
  const done = (): void => {
    undisturbed.delete(promise)
    resolve()
  }
  return { done }
}

/** Resolves when the set-ups that are registered by now are over. */
export async function undisturbedOver(): Promise<void> {
  await Promise.all(undisturbed)
}
