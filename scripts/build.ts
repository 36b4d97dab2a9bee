/**
 * Builds dist/exec-server, the executable for this machine. `--target NAME` builds dist/exec-server-NAME for another
 * platform; for musl, an archive. `--output FILE` puts the result elsewhere.
 */
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildArchives } from './build/archive.ts'
import { buildExecutable } from './build/executable.ts'
import { findTarget } from './build/targets.ts'

const root = dirname(import.meta.dirname)

try {
  const { values: options } = parseArgs({ options: { output: { type: 'string' }, target: { type: 'string' } } })
  const target = findTarget(options.target)
  const name = `exec-server${options.target === undefined ? '' : `-${target.name}`}${target.isMusl ? '.tar.gz' : ''}`
  const output = resolve(options.output ?? join(root, 'dist', name))
  if (target.isMusl) await buildArchives(target, [output], root)
  else await buildExecutable(target, output, root)
  console.log(`${output} (${(statSync(output).size / 1e6).toFixed(1)} MB)`)
} catch (error) {
  const { message, cause } = error as Error
  console.error(`the build failed: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`)
  process.exitCode = 1
}
