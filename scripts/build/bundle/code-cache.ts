/** Makes V8's code cache of the parts of the bundle. */
import { execFileSync } from 'node:child_process'
import { partFile } from './part-assets.ts'
import type { WrittenPart } from './bundle.ts'

/** Runs in the runtime of the executable: argv is the source's file, its name and the cache's file. */
const MAKE = `
const { readFileSync, writeFileSync } = require('node:fs')
const { Script } = require('node:vm')
const [source, filename, output] = process.argv.slice(1)
const text = readFileSync(source, 'latin1')
const cachedData = new Script(text, { filename }).createCachedData()
if (new Script(text, { filename, cachedData }).cachedDataRejected) throw new Error('V8 does not take its own code cache')
writeFileSync(output, cachedData)
`

/**
 * Writes the code cache of a part. `runtime`: a command that runs the executable's runtime, with the engine flags of the
 * executable: V8 rejects the cache of another version, architecture or set of flags. Returns its path.
 */
export function writeCodeCache({ name, file }: WrittenPart, runtime: readonly string[]): string {
  const [command, ...args] = runtime
  const output = `${file}.cache`
  execFileSync(command as string, [...args, '--eval', MAKE, file, partFile(name), output], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return output
}
