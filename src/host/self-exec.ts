/** How this program starts itself again, as the fs helper and for a custom argv[0]. */
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { isDeno } from '../base/runtime.ts'
import { bundledLibraries, isSea } from '../base/sea.ts'

/** The command that starts this program: the executable, or the runtime with src/main.ts. */
export function selfCommand(): string[] {
  if (isSea()) return [process.execPath]
  // As a library, the host program is not this one; the executable is beside it.
  if (!isSource) return [join(ownRoot, 'dist', 'exec-server')]
  return [
    process.execPath,
    ...(isDeno ? ['run', '--allow-all', '--no-check', '--cached-only'] : []),
    join(ownRoot, 'src', 'main.ts'),
  ]
}

/** The paths that the command reads, besides the system's libraries. */
export function ownFiles(): string[] {
  if (isSea()) return executableFiles()
  return isSource ? [process.execPath, ownRoot] : [join(ownRoot, 'dist', 'exec-server')]
}

/** The executable, and the C library that came with it. */
export function executableFiles(): string[] {
  const libraries = bundledLibraries()
  return libraries === undefined ? [process.execPath] : [process.execPath, libraries]
}

/** Not used inside the executable. */
const ownFile = isSea() ? '/' : fileURLToPath(import.meta.url)
const isSource = ownFile.endsWith('.ts')

/** The root of a checkout (this is src/host/self-exec.ts) or of the package (this is dist/client/*.js). */
const ownRoot = dirname(dirname(dirname(ownFile)))
