/**
 * Tries the built executable with real Codex releases, whose model is played by a script:
 *
 *     node test/codex/run.ts [--server reference|reverse] [--only TEXT] [--jobs N] [VERSION...]
 *
 * With `--server reference` it is Codex's own server that is tried, which shows what can be asked of ours, with
 * `--server reverse` ours behind `exec-server accept`, and with `--only` the cases that have this text in their names.
 * `--jobs` is how many cases run at a time: by default as many as there are cores. With more Codex may
 * ask its model before its MCP servers have started.
 */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
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

const options = {
  server: { type: 'string', default: 'ours' },
  only: { type: 'string', default: '' },
  jobs: { type: 'string', default: `${availableParallelism()}` },
} as const
const { values, positionals: asked } = parseArgs({ options, allowPositionals: true })
if (!(Number.isInteger(Number(values.jobs)) && Number(values.jobs) >= 1))
  throw new Error(`--jobs takes a whole number from 1 on, not ${values.jobs}`)
if (!['ours', 'reference', 'reverse'].includes(values.server)) throw new Error(`not a server to try: ${values.server}`)

/** Other servers than ours. */
const programs: Readonly<Record<string, (version: string) => ServerProgram>> = { reference, reverse: () => reverse }

const DEFAULT_VERSIONS = ['0.130.0', '0.150.0', '0.171.0']

// What was started is killed, and the homes are removed, as this process exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

let passed = 0
let failed = 0
let skipped = 0

/** One case with one release. */
type Job = { name: string; body: () => unknown }

/** Whether it passed. */
async function check({ name, body }: Job): Promise<boolean> {
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

function casesOf(release: Release): Job[] {
  const { version } = release
  const program = programs[values.server]?.(version) ?? built
  const transports: Transport[] = release.startsServer && values.server !== 'reverse' ? ['ws', 'stdio'] : ['ws']
  const jobs: Job[] = []
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
      const name = `${version} ${transport}: ${example.name}`
      jobs.push({ name, body: () => play(release, transport, program, example) })
    }
  }
  return jobs
}

function wholePlaysOf(release: Release): Job[] {
  if ((programs[values.server] ?? built) !== built) return []
  const jobs: Job[] = []
  for (const { name: title, isFor, missing, play: playWhole } of wholePlays) {
    if (!title.includes(values.only) || !isFor(release)) continue
    const name = `${release.version} ${title}`
    const why = missing?.()
    if (why === undefined) jobs.push({ name, body: () => playWhole(release) })
    else skip(name, why)
  }
  return jobs
}

if (!existsSync(executable)) throw new Error(`${executable} has not been built`)

const releases: Release[] = []
for (const release of (asked.length > 0 ? asked : DEFAULT_VERSIONS).map(releaseOf)) {
  const { version } = release
  if (await check({ name: `${version} is installed`, body: () => installedCodex(version) })) releases.push(release)
}
// The longest first, so that none of them runs alone at the end.
const waiting = [...releases.flatMap(wholePlaysOf), ...releases.flatMap(casesOf)]
const worker = async (): Promise<void> => {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await check(job)
}
await Promise.all(Array.from({ length: Number(values.jobs) }, worker))

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`)
// Node 26 may spin for ever when it ends by itself while a socket connects, as those that a case leaves to its timeout.
process.exit(failed === 0 ? 0 : 1)
