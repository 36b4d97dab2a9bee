/**
 * Runs the tests: each file in a process of its own, as many at a time as there are cores, the longest first.
 * `npm test -- --help` tells the options.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { readDurations, saveDurations } from './durations.ts'
import { testExecutable } from './executable.ts'
import { runFile } from './job.ts'
import type { Outcome } from './job.ts'
import { parseOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { Progress } from './progress.ts'
import { killTagged, TAG_PREFIX } from './tagged-processes.ts'

const root = dirname(dirname(import.meta.dirname))
const SLOWEST = 10
/** It takes as long as to start a few files. */
const WORTH_COMPILING_AHEAD = 10

process.exitCode = await main()

async function main(): Promise<number> {
  let options: Options | undefined
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    console.log(USAGE)
    return 0
  }
  const files = chosenFiles(options)
  if (files.length === 0) {
    console.error(`no test file matches ${options.patterns.join(' or ')}`)
    return 2
  }
  if (options.isList) {
    console.log(files.join('\n'))
    return 0
  }
  // Below /tmp itself, whatever TMPDIR says: it must be short, and other users must get in.
  const folder = mkdtempSync('/tmp/est-')
  chmodSync(folder, 0o755)
  try {
    return summarize(await runAll(files, options, folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The real Codex clients, test/codex, have a runner of their own. */
function chosenFiles({ patterns, isFull }: Options): string[] {
  const all = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => !file.startsWith('test/codex/'))
  const tier = all.filter((file) => isFull || !file.endsWith('.full.test.ts'))
  const chosen = tier.filter((file) => patterns.length === 0 || patterns.some((pattern) => pattern.test(file)))
  const durations = readDurations()
  const duration = (file: string): number => durations.get(file) ?? 0
  return chosen.sort((a, b) => duration(b) - duration(a) || a.localeCompare(b))
}

async function runAll(files: readonly string[], options: Options, folder: string): Promise<Outcome[]> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    EXEC_SERVER_TEST_TIER: options.isFull ? 'full' : 'quick',
    // Saves half of the start of a test file: it covers the sources without their types, too, from the first file on.
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'exec-server-test'),
  }
  // The output is kept and searched: no colours.
  delete env['FORCE_COLOR']
  const [executable] = await Promise.all([testExecutable(root, options), compileAhead(files, env)])
  if (executable !== undefined) env['EXEC_SERVER_BINARY'] = executable

  const progress = new Progress(files.length)
  const outcomes: Outcome[] = []
  const waiting = [...files]
  const running = new Set<string>()
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      progress.start(file)
      running.add(file)
      const outcome = await runFile(join(root, file), { folder, timeoutMs: options.timeoutMs, env })
      running.delete(file)
      outcomes.push({ ...outcome, file })
      if (options.isVerbose || outcome.faults.length > 0) progress.print(shown(file, outcome))
      progress.done({ ...outcome, file })
    }
  }
  const interrupt = (): void => {
    waiting.length = 0
    progress.end()
    void killTagged(TAG_PREFIX).then(() => {
      rmSync(folder, { recursive: true, force: true })
      process.exit(130)
    })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  await Promise.all(Array.from({ length: options.jobs }, worker))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  progress.end()
  saveDurations(outcomes)
  return outcomes
}

/** Fills the compile cache, where that costs less than it saves. It never fails: a file that cannot be compiled will. */
async function compileAhead(files: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if ('Deno' in globalThis || files.length < WORTH_COMPILING_AHEAD) return
  const paths = files.map((file) => join(root, file))
  const program = join(import.meta.dirname, 'compile-ahead.ts')
  await once(spawn(process.execPath, [program, ...paths], { env, stdio: 'ignore' }), 'exit')
}

/** A file's whole output, in one piece. */
function shown(file: string, { output, faults }: Outcome): string {
  const text = output.endsWith('\n') || output === '' ? output : `${output}\n`
  return `\n---- ${file}\n${text}${faults.map((fault) => `     ${fault}\n`).join('')}----\n`
}

function summarize(outcomes: readonly Outcome[]): number {
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0)
  const slowest = [...outcomes].sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
  if (outcomes.length > 1) {
    console.log('\nthe slowest files:')
    for (const { seconds, cpuSeconds, file } of slowest) {
      console.log(`${seconds.toFixed(1).padStart(7)} s  (processor ${cpuSeconds.toFixed(1)} s)  ${file}`)
    }
  }
  const bad = outcomes.filter(({ faults }) => faults.length > 0)
  if (bad.length > 0) {
    console.log('\nfailed:')
    for (const { file, faults } of bad) console.log(`  ${file}\n${faults.map((fault) => `    ${fault}\n`).join('')}`)
  }
  const fullOnly = sum((outcome) => outcome.fullOnly)
  if (fullOnly > 0) console.log(`\n${fullOnly} tests of these files are in the full tier (npm run test:full)`)
  const [passed, failed, skipped] = [sum((o) => o.passed), sum((o) => o.failed), sum((o) => o.skipped)]
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
  return failed === 0 ? 0 : 1
}
