/**
 * Holds a sandbox until its mounts have been verified. bubblewrap mounts by path, and between the plan and the mount a
 * command that runs already may swap what is there. So bubblewrap waits on a pipe before it runs the command; it gets
 * its byte if the kernel's mount table shows what was planned, else it is killed.
 */
import { closeSync, lstatSync, readFileSync, statSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { isSetUp, misplacedMount } from '../../sandbox/linux/mount-check.ts'
import { parseMountTable, sourceOf } from '../../sandbox/linux/mountinfo.ts'
import type { MountTable } from '../../sandbox/linux/mountinfo.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import type { Attachment } from '../../sandbox/linux/staged-mounts.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { openTwoWayPipe } from '../ffi/libc.ts'
import { nativePath } from '../fs/native-path.ts'
import { attachMounts } from '../process/attach-mounts.ts'
import { registerUndisturbed, undisturbedOver } from '../process/running-sandboxes.ts'
import { childOf, signalQuietly } from '../process-tree/process-group.ts'
import { statFields } from '../process-tree/proc-stat.ts'
import { SANDBOX_SETUP_MS } from '../limits.ts'
import { MountsChangedError, openSources } from './mount-sources.ts'
import type { MountSources } from './mount-sources.ts'

/** The sandbox ended before it was complete; its stderr says why. */
export class SandboxSetupError extends Error {}

/** A sandbox in the making. */
export type MountVerification = {
  /** For `--block-fd`. Both ends of a pipe: a server that dies does not release what waits on it. */
  gate: number
  sources: MountSources
  /**
   * Waits until bubblewrap has mounted everything, and lets it go on if that is as planned. `hasEnded`: whether
   * bubblewrap has exited. The caller kills it after an error.
   * @throws {MountsChangedError} if something else was mounted; {@link SandboxSetupError} if bubblewrap ended
   */
  confirm(bubblewrapPid: number, hasEnded: () => boolean): Promise<void>
  close(): void
}

/**
 * Prepares the verification of a plan, which bubblewrap carries out as it is given. Undefined if there is nothing to
 * verify: no command can swap the root, /dev or /proc. `attach`: what
 * bubblewrap leaves to the mount program. `userNamespace`: whether the sandbox has one of its own.
 * @throws {MountsChangedError} if the plan is outdated; an errno error; Error where nothing can hold bubblewrap back
 */
export function prepareVerification(
  plan: MountPlan | undefined,
  attach: readonly Attachment[],
  userNamespace: boolean,
): MountVerification | undefined {
  if (plan === undefined || plan.mounts.length + plan.forbidden.length === 0) return undefined
  const gate = openTwoWayPipe()
  if (gate === undefined)
    throw new Error('a sandbox cannot be held until its mounts are verified: there are no foreign functions here')
  let sources: MountSources
  try {
    sources = openSources(plan)
  } catch (error) {
    closeSync(gate)
    throw error
  }
  const earlier = undisturbedOver()
  const own = attach.length === 0 ? registerUndisturbed() : undefined
  return {
    gate,
    sources,
    confirm: async (pid, hasEnded) => {
      try {
        const child = await untilSetUp(pid, hasEnded)
        if (attach.length > 0 && !(await attachMounts(child, attach, userNamespace))) throw new MountsChangedError()
        await earlier
        verify(plan, sources, child)
      } catch (error) {
        // It outlives bubblewrap: it is tied to that only once the gate is open.
        const child = childOf(pid)
        if (child !== undefined) signalQuietly(child, 'SIGKILL')
        throw error
      } finally {
        own?.done()
      }
      writeSync(gate, 'x')
    },
    close: () => {
      own?.done()
      sources.close()
      closeSync(gate)
    },
  }
}

/** Pause between looks at the mount table, in ms. bubblewrap takes some milliseconds. */
const LOOK_MS = 1

/** Returns the pid of bubblewrap's child, which is in the sandbox, as soon as bubblewrap has made its mounts. */
async function untilSetUp(bubblewrapPid: number, hasEnded: () => boolean): Promise<number> {
  const deadline = performance.now() + SANDBOX_SETUP_MS
  for (;;) {
    const child = childOf(bubblewrapPid)
    // While it mounts it does not sleep, and a look at the table would get in its way.
    const inside = child === undefined || statFields(child)?.[0] !== 'S' ? undefined : readTable(child)
    if (child !== undefined && inside?.at('/dev')?.type === 'tmpfs') {
      const outside = readTable('self')
      if (outside !== undefined && isSetUp({ inside, outside, isUnreachable })) return child
    }
    if (hasEnded()) throw new SandboxSetupError('bubblewrap ended while it set up the sandbox')
    if (performance.now() > deadline) throw new SandboxSetupError('bubblewrap did not set up the sandbox in time')
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

function verify(plan: MountPlan, sources: MountSources, child: number): void {
  const [inside, outside] = [readTable(child), readTable('self')]
  if (inside === undefined || outside === undefined) throw new MountsChangedError('/')
  const root = `/proc/${child}/root`
  const misplaced =
    misplacedMount(plan, { inside, outside, isUnreachable }) ??
    (isOpenToUs(root, outside) ? sources.changedUnder(root) : undefined)
  if (misplaced !== undefined) throw new MountsChangedError(misplaced)
}

/**
 * Whether the sandbox can be looked into: not that of a setuid bubblewrap, whose user namespace belongs to root. Its
 * mount table can be read all the same, and is enough unless the server is in a chroot.
 */
function isOpenToUs(root: string, outside: MountTable): boolean {
  try {
    statSync(`${root}/`)
    return true
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(errorCode(error) ?? '') && sourceOf(outside, '/') !== undefined) return false
    throw new MountsChangedError('/')
  }
}

function readTable(process: number | 'self'): MountTable | undefined {
  try {
    return parseMountTable(decodeName(readFileSync(`/proc/${process}/mountinfo`)))
  } catch {
    return undefined
  }
}

function isUnreachable(path: string): boolean {
  try {
    lstatSync(nativePath(path))
    return false
  } catch (error) {
    return errorCode(error) === 'EACCES'
  }
}
