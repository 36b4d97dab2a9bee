/** Runs the mount program, which puts prepared mounts at their places in a sandbox that waits. */
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { clearTimeout, setTimeout } from 'node:timers'
import { mountProgramImage, NAMESPACES } from '../../sandbox/linux/mount-program.ts'
import type { Attachment } from '../../sandbox/linux/staged-mounts.ts'
import type { Arch } from '../../sandbox/linux/system-calls.ts'
import { closeDescriptor, owningUserNamespace } from '../ffi/libc.ts'
import { openMemfd } from '../ffi/memfd.ts'
import { SANDBOX_SETUP_MS } from '../limits.ts'
import { exitCode } from '../process-tree/child-exits.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'
import { startProcess, untilClosed } from '../process-tree/start-process.ts'
import type { NewProcess } from '../process-tree/start-process.ts'

const PROGRAM_FD = NAMESPACES.mount.fd + 1

/**
 * Makes the mounts in the mount namespace of a process. `userNamespace`: whether that belongs to another user namespace
 * than the server's. Returns false if one of them cannot be made, or the namespaces cannot be entered.
 */
export async function attachMounts(
  pid: number,
  attach: readonly Attachment[],
  userNamespace: boolean,
): Promise<boolean> {
  const opened: number[] = []
  let owner: number | undefined
  try {
    const program = openMemfd(
      mountProgramImage(process.arch as Arch, attach, userNamespace ? ['user', 'mount'] : ['mount']),
    )
    opened.push(program)
    const mounts = openSync(`/proc/${pid}/ns/mnt`, 'r')
    opened.push(mounts)
    owner = userNamespace ? owningUserNamespace(mounts) : undefined
    if (userNamespace && owner === undefined) return false
    return await run(['ignore', 'ignore', 'ignore', owner ?? 'ignore', mounts, program])
  } finally {
    if (owner !== undefined) closeDescriptor(owner)
    for (const fd of opened) closeSync(fd)
  }
}

async function run(stdio: NewProcess['stdio']): Promise<boolean> {
  const program = { file: `/proc/self/fd/${PROGRAM_FD}`, args: [], cwd: '/', env: new Map(), stdio, detached: false }
  // Tagged, so that it is killed with this server.
  const child = withProcessTag(() => startProcess(program))
  const timer = setTimeout(child.kill, SANDBOX_SETUP_MS)
  const exited = untilClosed(child)
  try {
    await child.started
    return exitCode(await exited) === 0
  } finally {
    clearTimeout(timer)
  }
}
