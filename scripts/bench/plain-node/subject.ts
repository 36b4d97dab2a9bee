/** Plain Node, as the third column of the table: how near to its limit ours is. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'
import type { Subject } from '../servers.ts'
import { temporaryFolder } from '../temporary-folder.ts'

const PTY = createRequire(import.meta.url).resolve('node-pty')

/** Bundles it, as ours is: types would have to be stripped at start-up. `path`: as its clients write paths. */
export async function plainNode(path: (path: string) => string): Promise<Subject> {
  const program = join(temporaryFolder(), 'plain.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'server.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    minifyWhitespace: true,
    // It finds its native part beside itself.
    alias: { 'node-pty': PTY },
    external: [PTY],
    // `ws` is CommonJS.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  const command = [process.execPath, '--min-semi-space-size=4', '--max-semi-space-size=4', program]
  return { name: 'Node', program: process.execPath, command, path, env: process.env }
}
