/** One test file in a process of its own. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { TestEvent } from '../../test/support/report.ts'
import { setLoadTimeout } from '../../test/support/time/load-timeout.ts'
import { killTagged, lingering, TAG, TAG_PREFIX } from './tagged-processes.ts'

export type Outcome = {
  file: string
  passed: number
  failed: number
  skipped: number
  /** Tests of the full tier that were passed over. */
  fullOnly: number
  seconds: number
  /** Processor time of the file and of what it started. */
  cpuSeconds: number
  /** What stdout and stderr said, in the order of arrival. */
  output: string
  /** Why the file has failed, a line each. Empty: it has not. */
  faults: string[]
}

export type Circumstances = {
  /** The folder of the run, which is deleted after it. */
  folder: string
  timeoutMs: number
  env: NodeJS.ProcessEnv
  /** Each piece of output, as it comes. */
  onOutput?: (text: string) => void
  /** How long what the file has opened may take to close after its tests. */
  closingMs?: number
  /** How long what it has started may take to end after it. */
  lingerMs?: number
}

/** For what ends by itself, such as a socket that is being closed. */
const CLOSING_MS = 3000
const LINGER_MS = 2000
/** Wait for the rest of the output once no process that may hold the pipe is known. */
const OUTPUT_MS = 1000

let count = 0

export async function runFile(file: string, circumstances: Circumstances): Promise<Outcome> {
  const { folder, timeoutMs, env, onOutput, closingMs = CLOSING_MS, lingerMs = LINGER_MS } = circumstances
  // Short: paths of unix sockets, which have 107 bytes, stand in it.
  const number = ++count
  const temporary = join(folder, String(number))
  mkdirSync(temporary)
  // As /tmp: servers of other users are tested too.
  chmodSync(temporary, 0o1777)
  const reportFile = join(folder, `${number}.report`)
  const tag = `${TAG_PREFIX}${number}.`
  const since = performance.now()

  const runner = join(import.meta.dirname, 'run-file.ts')
  const child = spawn(process.execPath, [...runtimeArgs(), runner, file, String(closingMs)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...env,
      [TAG]: tag,
      TMPDIR: temporary,
      EXEC_SERVER_TEST_REPORT: reportFile,
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      onOutput?.(text)
    })
  }
  const closed = new Promise((resolve) => child.once('close', resolve))
  const faults: string[] = []
  const cancelTimeout = setLoadTimeout(() => {
    const running = lastStarted(readReport(reportFile))
    faults.push(`killed after ${timeoutMs / 1000} s${running === undefined ? '' : `, in the test "${running}"`}`)
    child.kill('SIGKILL')
  }, timeoutMs)
  // Not 'close': what outlives the child may hold its pipes.
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('exit', (...ended) => resolve(ended)),
  )
  cancelTimeout()

  const isKilled = faults.length > 0
  const left = isKilled ? [] : await lingering(tag, lingerMs)
  await killTagged(tag)
  const isHeld = await takesLonger(OUTPUT_MS, closed)
  for (const stream of [child.stdout, child.stderr]) stream.destroy()
  const events = readReport(reportFile)
  const countOf = (type: TestEvent['type']): number => events.filter((event) => event.type === type).length
  const failed = events.filter((event) => event.type === 'fail').map((event) => `failed: ${nameOf(event)}`)
  faults.push(...failed)
  if (!isKilled) faults.push(...faultsOf(events, code, signal))
  for (const { pid, command } of left) faults.push(`left running: ${pid} ${command.slice(0, 200)}`)
  if (isHeld) faults.push('left running: something that holds its output')
  if (!isKilled) for (const name of readdirSync(temporary)) faults.push(`left behind in TMPDIR: ${name}`)
  remove(temporary)
  return {
    file,
    passed: countOf('pass'),
    // A file that fails as a whole counts as one test more.
    failed: countOf('fail') + (faults.length > failed.length ? 1 : 0),
    skipped: countOf('skip'),
    fullOnly: countOf('full'),
    seconds: (performance.now() - since) / 1000,
    cpuSeconds: events.find((event) => event.type === 'end')?.cpuSeconds ?? 0,
    output,
    faults,
  }
}

/** What is wrong with a file that has ended by itself, beyond the tests that have failed. */
function faultsOf(events: readonly TestEvent[], code: number | null, signal: string | null): string[] {
  const faults: string[] = []
  const has = (...types: TestEvent['type'][]): boolean => events.some(({ type }) => types.includes(type))
  const open = events.find((event) => event.type === 'open')
  if (!has('end')) {
    const running = lastStarted(events)
    faults.push(`ended before its tests did${running === undefined ? '' : `, in the test "${running}"`}`)
  } else if (!has('pass', 'fail', 'skip', 'full')) faults.push('has no tests, or does not run them')
  if (open !== undefined) faults.push(`left open: ${open.resources.join(', ') || 'unknown'}`)
  else if (code !== 0 && !has('fail')) faults.push(`ended with ${signal ?? `exit code ${code}`}`)
  return faults
}

/** Whether `promise` takes longer than so many milliseconds to settle. */
async function takesLonger(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(true), ms)))
  const isLate = await Promise.race([promise.then(() => false), late])
  clearTimeout(timer)
  return isLate
}

function runtimeArgs(): string[] {
  return 'Deno' in globalThis ? ['run', '-A', '--no-check'] : ['--disable-warning=ExperimentalWarning']
}

function readReport(file: string): TestEvent[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TestEvent)
  } catch {
    return []
  }
}

function nameOf(event: TestEvent): string {
  if (event.type === 'end' || event.type === 'open') return 'the end'
  return event.suite === '' ? event.title : `${event.suite}: ${event.title}`
}

/** The test that was running when the events ended. */
function lastStarted(events: readonly TestEvent[]): string | undefined {
  const last = events.findLast(({ type }) => type === 'start' || type === 'pass' || type === 'fail')
  return last?.type === 'start' ? nameOf(last) : undefined
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 2 })
  } catch (error) {
    console.error(`could not be removed: ${(error as Error).message}`)
  }
}
