/** Builds dist/exec-server, the executable. `--output FILE` puts it elsewhere. */
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildExecutable } from './build/executable.ts'
import { findTarget } from './build/targets.ts'

const root = dirname(import.meta.dirname)
const { values: options } = parseArgs({ options: { output: { type: 'string' } } })
const output = resolve(options.output ?? join(root, 'dist', 'exec-server'))

await buildExecutable(findTarget(), output, root)
console.log(`${output} (${(statSync(output).size / 1e6).toFixed(1)} MB)`)
