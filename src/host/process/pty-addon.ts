/** Loads node-pty's native addon, from the package or from the executable's assets. */
import { closeSync, constants, existsSync, openSync, unlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { getRawAsset, isSea } from '../../base/sea.ts'
import { internalError } from '../../protocol/wire/errors.ts'
import { openMemoryFile } from '../ffi/libc.ts'
import { temporaryDirectory } from '../own-user.ts'
import { isDeno } from '../../base/runtime.ts'
import { writeAll } from '../../base/write-all.ts'

/** The functions that the addon exports. */
export type PtyAddon = {
  /**
   * Forks a child on a new terminal. `exited` gets its exit code and signal number. `fd` is the terminal's master, in
   * non-blocking mode.
   */
  fork(
    file: string,
    args: readonly string[],
    env: readonly string[],
    cwd: string,
    columns: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helperPath: string,
    exited: (code: number, signal: number) => void,
  ): { fd: number; pid: number; pty: string }
  /** Opens a new terminal without a child. The caller closes both descriptors. */
  open(columns: number, rows: number): { master: number; slave: number; pty: string }
  /** Sets the window size, given the master's descriptor. Sizes in characters and in pixels (0: unknown). */
  resize(fd: number, columns: number, rows: number, xPixels: number, yPixels: number): void
}

/** The addon's name among the executable's assets. */
export const PTY_ASSET = 'pty.node'

let loaded: PtyAddon | undefined

/**
 * The addon, loaded on first use.
 * @throws RpcError (internal) if terminals are not available here
 */
export function ptyAddon(): PtyAddon {
  loaded ??= load()
  return loaded
}

function load(): PtyAddon {
  refuseMusl()
  try {
    return isSea() ? loadAsset(Buffer.from(getRawAsset(PTY_ASSET))) : loadPackage()
  } catch (error) {
    throw internalError(`terminals are not available here: ${(error as Error).message}`)
  }
}

/** The addon is built for glibc. Under musl it loads, but crashes the server at the first terminal. */
function refuseMusl(): void {
  if (process.platform !== 'linux' || isDeno) return
  if (glibcVersion() === undefined) throw internalError('terminals need glibc, and this system has another C library')
}

/** The version of the C library, on Node; undefined if it is not glibc. */
export function glibcVersion(): string | undefined {
  // Otherwise the report does a reverse DNS lookup for every network peer.
  Object.assign(process.report, { excludeNetwork: true })
  const report: { header?: { glibcVersionRuntime?: string } } = process.report.getReport()
  return report.header?.glibcVersionRuntime
}

function loadPackage(): PtyAddon {
  return createRequire(import.meta.url)(packagedAddon()) as PtyAddon
}

/**
 * Path of the package's addon: for this machine a local build first, then the prebuilt one.
 * @throws Error if there is neither
 */
export function packagedAddon({ platform, arch }: { platform: string; arch: string } = process): string {
  const root = dirname(createRequire(import.meta.url).resolve('node-pty/package.json'))
  const isHere = platform === process.platform && arch === process.arch
  const candidates = [
    ...(isHere ? [join(root, 'build', 'Release', 'pty.node')] : []),
    join(root, 'prebuilds', `${platform}-${arch}`, 'pty.node'),
  ]
  const found = candidates.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`node-pty has no addon for ${platform}-${arch}`)
  return found
}

/** dlopen needs a file. Tries a memfd first, then temporary files that are unlinked right after loading. */
function loadAsset(bytes: Buffer): PtyAddon {
  const failures: string[] = []
  for (const source of assetFiles()) {
    try {
      return source(bytes)
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  throw new Error(failures.join('; '))
}

function* assetFiles(): Generator<(bytes: Buffer) => PtyAddon> {
  yield (bytes) => {
    const fd = openMemoryFile(PTY_ASSET)
    if (fd === undefined) throw new Error('no memory files')
    try {
      writeAll(fd, bytes)
      return openAddon(`/proc/self/fd/${fd}`)
    } finally {
      closeSync(fd)
    }
  }
  const directories = [
    process.env['XDG_RUNTIME_DIR'],
    temporaryDirectory(),
    '/dev/shm',
    '/var/tmp',
    dirname(process.execPath),
  ]
  for (const directory of directories) {
    if (directory === undefined) continue
    yield (bytes) => {
      const path = join(directory, `.exec-server-${process.pid}-${PTY_ASSET}`)
      const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o700)
      try {
        writeAll(fd, bytes)
        return openAddon(path)
      } finally {
        closeSync(fd)
        unlinkSync(path)
      }
    }
  }
}

function openAddon(path: string): PtyAddon {
  const module = { exports: {} }
  process.dlopen(module, path)
  return module.exports as PtyAddon
}
