/**
 * `npm run test:full`: everything, step by step, each with a time limit. With `--budget SECONDS` only as many steps as
 * are expected to fit, the most telling ones first; what is left out is named.
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { killTagged, TAG } from './tagged-processes.ts'

type Step = {
  name: string
  command: readonly string[]
  env?: Record<string, string>
  /** The later step that runs the same tests and more: with it, this step is left out. */
  partOf?: string
  /** What it takes on two cores, for --budget. */
  seconds: number
  limitSeconds: number
}

const root = dirname(dirname(import.meta.dirname))
const minutes = (count: number): number => count * 60
const RUNNER = 'scripts/test/run.ts'

/** In the order in which a budget is spent. */
const STEPS: readonly Step[] = [
  { name: 'build', command: ['node', 'scripts/test/place-executable.ts'], seconds: 15, limitSeconds: minutes(5) },
  { name: 'codex', command: ['node', 'test/codex/run.ts'], seconds: 240, limitSeconds: minutes(20) },
  { name: 'soak', command: ['node', 'scripts/soak/run.ts', '--minutes', '0.5'], seconds: 50, limitSeconds: minutes(5) },
  { name: 'browser', command: ['node', 'test/browser/run.ts'], seconds: 30, limitSeconds: minutes(5) },
  { name: 'browser-preview', command: ['node', 'test/browser/preview.ts'], seconds: 60, limitSeconds: minutes(5) },
  { name: 'browser-client', command: ['node', 'test/browser/client.ts'], seconds: 30, limitSeconds: minutes(5) },
  {
    name: 'long-suites',
    command: ['node', RUNNER, '--full', '\\.full\\.test\\.ts$'],
    partOf: 'node',
    seconds: minutes(8),
    limitSeconds: minutes(30),
  },
  {
    name: 'deno',
    command: ['deno', 'run', '-A', RUNNER],
    partOf: 'deno-full',
    seconds: minutes(7),
    limitSeconds: minutes(20),
  },
  {
    name: 'client-references',
    command: ['node', RUNNER, '--full', 'test/e2e/client/(processes|recovery|transports|files|fetch)\\.'],
    env: { EXEC_SERVER_TEST_REFERENCE: '1' },
    seconds: minutes(6),
    limitSeconds: minutes(20),
  },
  { name: 'node', command: ['node', RUNNER, '--full'], seconds: minutes(15), limitSeconds: minutes(40) },
  {
    name: 'fuzz',
    command: ['node', 'test/fuzz/run.ts', '--inputs', '100000'],
    seconds: minutes(6),
    limitSeconds: minutes(30),
  },
  { name: 'parity', command: ['node', 'test/codex/parity/run.ts'], seconds: minutes(12), limitSeconds: minutes(48) },
  {
    name: 'matrix',
    command: ['node', 'test/codex/matrix/run.ts', '--profile', 'workspace'],
    seconds: minutes(10),
    limitSeconds: minutes(40),
  },
  {
    name: 'deno-full',
    command: ['deno', 'run', '-A', RUNNER, '--full'],
    seconds: minutes(15),
    limitSeconds: minutes(60),
  },
  { name: 'platforms', command: ['node', 'test/platforms/run.ts'], seconds: minutes(6), limitSeconds: minutes(30) },
]

const USAGE = `Usage: npm run test:full -- [--budget SECONDS] [--only STEP[,STEP…]] [--list]

Steps: ${STEPS.map(({ name }) => name).join(', ')}`

type Counts = { passed: number; failed: number; skipped: number }
type Result = Counts & { step: Step; seconds: number; isGood: boolean }

const { values } = parseArgs({
  options: {
    budget: { type: 'string' },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
process.exitCode = values.help || values.list ? listSteps() : await main()

function listSteps(): number {
  console.log(USAGE)
  for (const { name, command, seconds } of STEPS)
    console.log(`  ${name.padEnd(18)} ${command.join(' ')}  (~${seconds} s)`)
  return 0
}

async function main(): Promise<number> {
  const names = values.only?.split(',')
  const unknown = names?.find((name) => !STEPS.some((step) => step.name === name))
  const budget = values.budget === undefined ? Number.POSITIVE_INFINITY : Number(values.budget)
  if (unknown !== undefined || !(budget >= 0)) {
    console.error(unknown === undefined ? `--budget takes seconds, not ${values.budget}` : `no step ${unknown}`)
    console.error(USAGE)
    return 2
  }
  const deadline = performance.now() + budget * 1000
  const results: Result[] = []
  const leftOut: string[] = []
  for (const step of STEPS) {
    if (names === undefined ? isCovered(step, budget) : !names.includes(step.name)) continue
    if (performance.now() + step.seconds * 1000 > deadline) leftOut.push(step.name)
    else results.push(await runStep(step))
  }
  return summarize(results, leftOut)
}

/** Whether a later step runs the same tests. With a budget it might not fit. */
function isCovered(step: Step, budget: number): boolean {
  return step.partOf !== undefined && budget === Number.POSITIVE_INFINITY
}

async function runStep(step: Step): Promise<Result> {
  const { name, command, env, limitSeconds } = step
  console.log(`\n==== ${name}: ${command.join(' ')}`)
  const since = performance.now()
  const tag = `full-${process.pid}-${name}.`
  const [program, ...args] = command as [string, ...string[]]
  const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env, PATH: path, [TAG]: tag },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let tail = ''
  const take = (text: string): void => {
    process.stdout.write(text)
    tail = (tail + text).slice(-20_000)
  }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', take)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGTERM')
  }, limitSeconds * 1000)
  // The runner ends what it has started; what does not heed SIGTERM is killed with all that it has started.
  const hardTimer = setTimeout(() => child.kill('SIGKILL'), limitSeconds * 1000 + 15_000)
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  clearTimeout(timer)
  clearTimeout(hardTimer)
  await killTagged(tag)
  const seconds = (performance.now() - since) / 1000
  const counts = readCounts(tail) ?? { passed: code === 0 ? 1 : 0, failed: 0, skipped: 0 }
  const isGood = code === 0 && !isLate
  if (!isGood && counts.failed === 0) counts.failed = 1
  if (isLate) console.log(`\n==== ${name}: ended after ${limitSeconds} s`)
  return { step, seconds, isGood, ...counts }
}

/** Of the last closing line: `N passed, N failed, N skipped`. */
function readCounts(text: string): Counts | undefined {
  const last = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1)
  if (last === undefined) return undefined
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) }
}

function summarize(results: readonly Result[], leftOut: readonly string[]): number {
  console.log('\n==== steps')
  for (const { step, isGood, seconds, passed, failed, skipped } of results) {
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
    console.log(`${isGood ? 'ok  ' : 'FAIL'} ${step.name.padEnd(18)} ${seconds.toFixed(0).padStart(5)} s   ${counts} `)
  }
  if (leftOut.length > 0) console.log(`left out, as the budget does not hold them: ${leftOut.join(', ')}`)
  const sum = (key: keyof Counts): number => results.reduce((total, result) => total + result[key], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`)
  return results.every(({ isGood }) => isGood) ? 0 : 1
}
