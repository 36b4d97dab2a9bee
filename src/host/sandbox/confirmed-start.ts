/** Starts a sandboxed command, whose client learns of nothing until its sandbox is confirmed. */
import type { Child, ChildEvents } from '../../core/base/host.ts'
import { internalError } from '../../protocol/wire/errors.ts'
import type { SandboxedStart } from '../process/sandboxed-command.ts'
import { SandboxSetupError } from './mount-verification.ts'

/** What bubblewrap may print while it sets up a sandbox, in bytes; more is dropped. */
const HELD_OUTPUT_BYTES = 64 * 1024

/**
 * Starts a sandbox with `start` and confirms it. If bubblewrap fails by itself and `isLast`, the client gets its message
 * and exit code as those of the command.
 * @throws as `start` does, and as {@link SandboxedStart.confirm} does; the sandbox has ended then
 */
export async function startConfirmed(
  sandboxed: SandboxedStart,
  events: ChildEvents,
  isLast: boolean,
  start: (events: ChildEvents) => Promise<Child>,
): Promise<Child> {
  const { confirm } = sandboxed
  if (confirm === undefined) return start(events)
  const held = holdBack(events)
  const child = await start(held.events)
  try {
    if (child.pid === undefined) throw internalError('the sandbox has no process')
    await confirm(child.pid, held.hasExited)
  } catch (error) {
    if (error instanceof SandboxSetupError && held.hasExited() && isLast) {
      held.letThrough()
      return child
    }
    child.kill()
    await held.exited
    child.abandon()
    child.forget()
    throw error
  }
  held.letThrough()
  return child
}

function holdBack(events: ChildEvents) {
  const calls: (() => void)[] = []
  const { promise: exited, resolve } = Promise.withResolvers<void>()
  let hasExited = false
  let room = HELD_OUTPUT_BYTES
  const holding: ChildEvents = {
    output: (stream, bytes) => {
      room -= bytes.length
      if (room < 0) return
      const copy = new Uint8Array(bytes)
      calls.push(() => events.output(stream, copy))
    },
    exited: (code) => {
      hasExited = true
      resolve()
      calls.push(() => events.exited(code))
    },
    ended: () => calls.push(() => events.ended()),
    stdinMoved: () => calls.push(() => events.stdinMoved()),
  }
  return {
    events: holding,
    exited,
    hasExited: () => hasExited,
    /** Passes on what was held; what follows goes straight through. */
    letThrough: (): void => {
      Object.assign(holding, {
        output: (stream, bytes) => events.output(stream, bytes),
        exited: (code) => events.exited(code),
        ended: () => events.ended(),
        stdinMoved: () => events.stdinMoved(),
      } satisfies ChildEvents)
      for (const call of calls.splice(0)) call()
    },
  }
}
