/**
 * Finds the unix socket that a path leads to, so that the one that is checked is the one that is connected to, whatever
 * happens to links and directories in between.
 */
import { closeSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import process from 'node:process'

/** Opens a file without using it: it need not be readable, and may be a socket. Linux only. */
const O_PATH = 0o10000000

/** A unix socket. */
export type FoundSocket = {
  /** Without links. */
  realPath: string
  /** To connect to until `close`: a path of any length that no link can change. */
  path: string
  close(): void
}

/**
 * Finds it.
 * @throws the operating system's error
 */
export function openUnixSocket(path: string): FoundSocket {
  if (process.platform !== 'linux') {
    const realPath = realpathSync(path)
    return { realPath, path: realPath, close: () => {} }
  }
  const fd = openSync(path, O_PATH)
  const held = `/proc/self/fd/${fd}`
  try {
    return { realPath: readlinkSync(held), path: held, close: () => closeSync(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
