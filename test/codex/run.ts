/**
 * Tries the built executable with real Codex releases, whose model is played by a script:
 *
 *     node test/codex/run.ts [--server reference|reverse] [--only TEXT] [VERSION...]
 *
 * With `--server reference` it is Codex's own server that is tried, which shows what can be asked of ours, with
 * `--server reverse` ours behind `exec-server accept`, and with `--only` the cases that have this text in their names.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { cases } from './cases.ts'
import { installedCodex } from './install.ts'
import { play } from './play.ts'
import type { Transport } from './play.ts'
import { releaseOf } from './release.ts'
import type { Release } from './release.ts'
import { built, executable, reference, reverse } from './server.ts'
import type { ServerProgram } from './server.ts'
import { wholePlays } from './interactive/whole-plays.ts'

const options = { server: { type: 'string', default: 'ours' }, only: { type: 'string', default: '' } } as const
const { values, positionals: asked } = parseArgs({ options, allowPositionals: true })
if (!['ours', 'reference', 'reverse'].includes(values.server)) throw new Error(`not a server to try: ${values.server}`)

/** Other servers than ours. */
const programs: Readonly<Record<string, (version: string) => ServerProgram>> = { reference, reverse: () => reverse }

const DEFAULT_VERSIONS = ['0.130.0', '0.150.0', '0.171.0']

// What was started is killed, and the homes are removed, as this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

let passed = 0
let failed = 0
let skipped = 0

/** Whether it passed. */
async function check(name: string, body: () => unknown): Promise<boolean> {
  const since = Date.now()
  try {
    await body()
    passed++
    console.log(`ok      ${name} (${((Date.now() - since) / 1000).toFixed(1)} s)`)
    return true
  } catch (error) {
    failed++
    console.log(`FAILED  ${name}`)
    console.log((error as Error).message.replaceAll(/^/gm, '        '))
    return false
  }
}

function skip(name: string, why: string): void {
  skipped++
  console.log(`skipped ${name}: ${why}`)
}

async function checkRelease(release: Release): Promise<void> {
  const { version } = release
  if (!(await check(`${version} is installed`, () => installedCodex(version)))) return
  const program = programs[values.server]?.(version) ?? built
  const transports: Transport[] = release.startsServer && values.server !== 'reverse' ? ['ws', 'stdio'] : ['ws']
  for (const transport of transports) {
    for (const example of cases) {
      if (!example.name.includes(values.only)) continue
      if (example.cuts && (transport !== 'ws' || !release.resumes)) continue
      if (example.capability && (transport !== 'ws' || !program.ours)) continue
      // Codex starts its program itself, where nothing can be kept from it.
      if (example.sandbox !== undefined && transport !== 'ws') continue
      // The server's own mount namespace keeps the folder of Codex from it.
      if (example.mapped && transport !== 'ws') continue
      if (example.ours && !program.ours) continue
      if (example.launched && (transport !== 'ws' || program !== built)) continue
      if (example.since !== undefined && release.minor < example.since) continue
      if (example.mcp !== undefined && !release.mcp.placed) continue
      await check(`${version} ${transport}: ${example.name}`, () => play(release, transport, program, example))
    }
  }
  if (program !== built) return
  for (const { name, isFor, missing, play: playWhole } of wholePlays) {
    if (!name.includes(values.only) || !isFor(release)) continue
    const why = missing?.()
    if (why === undefined) await check(`${version} ${name}`, () => playWhole(release))
    else skip(`${version} ${name}`, why)
  }
}

if (!existsSync(executable)) throw new Error(`${executable} has not been built`)

const releases = (asked.length > 0 ? asked : DEFAULT_VERSIONS).map(releaseOf)
for (const release of releases) await checkRelease(release)

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
process.exitCode = failed === 0 ? 0 : 1
