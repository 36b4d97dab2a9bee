/** How this program starts itself again, as the fs helper and for a custom argv[0]. */
import { existsSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { isDeno } from '../base/runtime.ts'
import { bundledLibraries, isSea } from '../base/sea.ts'

/** The running executable, also when its file has been replaced or deleted. */
const RUNNING = '/proc/self/exe'

/** The command that starts this program: the executable, or the runtime with src/main.ts. */
export function selfCommand(): string[] {
  if (isSea()) return [executablePath()]
  // As a library, the host program is not this one; the executable is beside it.
  if (!isSource) return [join(ownRoot, 'dist', 'exec-server')]
  return [
    process.execPath,
    ...(isDeno ? ['run', '--allow-all', '--no-check', '--cached-only'] : []),
    join(ownRoot, 'src', 'main.ts'),
  ]
}

/** Like {@link selfCommand}, for a child that this process forks itself: there the running executable has a name. */
export function forkedSelfCommand(): string[] {
  return isSea() && process.platform === 'linux' && existsSync(RUNNING) ? [RUNNING] : selfCommand()
}

/** Opens the running executable. Undefined where it has no name, or the program is not the executable. */
export function openOwnExecutable(): number | undefined {
  if (!isSea() || process.platform !== 'linux') return undefined
  try {
    return openSync(RUNNING, 'r')
  } catch {
    return undefined
  }
}

let found: string | undefined

/** Absolute path of the executable's file. Without /proc the runtime knows only the name that it was called by. */
function executablePath(): string {
  const { execPath, env } = process
  if (execPath.startsWith('/')) return execPath
  if (execPath.includes('/')) return (found ??= resolve(execPath))
  const folders = (env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'))
  return (found ??= folders.map((folder) => join(folder, execPath)).find(existsSync) ?? execPath)
}

/** The paths that the command reads, besides the system's libraries. */
export function ownFiles(): string[] {
  if (isSea()) return executableFiles()
  return isSource ? [process.execPath, ownRoot] : [join(ownRoot, 'dist', 'exec-server')]
}

/** The executable, and the C library that came with it. */
export function executableFiles(): string[] {
  const libraries = bundledLibraries()
  return libraries === undefined ? [executablePath()] : [executablePath(), libraries]
}

/** Not used inside the executable. */
const ownFile = isSea() ? '/' : fileURLToPath(import.meta.url)
const isSource = ownFile.endsWith('.ts')

/** The root of a checkout (this is src/host/self-exec.ts) or of the package (this is dist/client/*.js). */
const ownRoot = dirname(dirname(dirname(ownFile)))
