/** This program as a command: it starts itself again, for file calls in a sandbox and for another argv[0]. */
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { isDeno } from '../base/runtime.ts'
import { isSea } from '../base/sea.ts'

export function selfCommand(): string[] {
  if (isSea()) return [process.execPath]
  // As a library it is somebody else's program, and has the executable beside it.
  if (!isSource) return [join(ownRoot, 'dist', 'exec-server')]
  return [
    process.execPath,
    ...(isDeno ? ['run', '--allow-all', '--no-check', '--cached-only'] : []),
    join(ownRoot, 'src', 'main.ts'),
  ]
}

/** All that the command reads besides the system's libraries. */
export function ownFiles(): string[] {
  if (isSea()) return [process.execPath]
  return isSource ? [process.execPath, ownRoot] : [join(ownRoot, 'dist', 'exec-server')]
}

/** In the executable nobody asks. */
const ownFile = isSea() ? '/' : fileURLToPath(import.meta.url)
const isSource = ownFile.endsWith('.ts')

/** Of a checkout, where this is src/host/own-command.ts, or of the package, where it is dist/client/….js. */
const ownRoot = dirname(dirname(dirname(ownFile)))
