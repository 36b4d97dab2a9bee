/** The control sockets of this machine, which commands with the network do not get to see. */
import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import process from 'node:process'
import { controlSocketPaths } from '../../sandbox/linux/control-sockets.ts'
import type { SocketSurroundings } from '../../sandbox/linux/control-sockets.ts'
import type { Policy } from '../../sandbox/policy/policy.ts'
import { homeDirectory } from '../own-user.ts'

const here = (): SocketSurroundings => ({
  uid: process.geteuid?.() ?? -1,
  home: homeDirectory(),
  env: process.env,
})

/**
 * The real paths of the control sockets that exist, and directories of such, but for those that an entry of the profile
 * names. `own`: further sockets, as this server's own.
 */
export function controlSockets(policy: Policy, own: readonly string[], surroundings = here()): string[] {
  const { paths, multiplexers } = controlSocketPaths(surroundings)
  const sockets = new Set([...paths, ...own, ...multiplexers.flatMap(filesIn)].flatMap(realSocket))
  for (const { path, access } of policy.rules) {
    if (access !== 'deny') for (const granted of realSocket(path)) sockets.delete(granted)
  }
  return [...sockets]
}

/** The real path of a socket or directory. */
function realSocket(path: string): string[] {
  try {
    const real = realpathSync.native(path)
    const info = lstatSync(real)
    return info.isSocket() || info.isDirectory() ? [real] : []
  } catch {
    // Missing, or not to be reached by this user, and so not by its commands.
    return []
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => `${directory}/${name}`)
  } catch {
    return []
  }
}
