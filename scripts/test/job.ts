/** One test file in a process of its own. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { TestEvent } from '../../test/support/report.ts'
import { killTagged, lingering, TAG } from './tagged-processes.ts'

export type Outcome = {
  file: string
  passed: number
  failed: number
  skipped: number
  /** Tests of the full tier that were passed over. */
  fullOnly: number
  seconds: number
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
}

/** How long what a test has started may take to end after it. */
const LINGER_MS = 2000

let count = 0

export async function runFile(file: string, { folder, timeoutMs, env, onOutput }: Circumstances): Promise<Outcome> {
  // Short: paths of unix sockets, which have 107 bytes, stand in it.
  const number = ++count
  const temporary = join(folder, String(number))
  mkdirSync(temporary)
  // As /tmp: servers of other users are tested too.
  chmodSync(temporary, 0o1777)
  const reportFile = join(folder, `${number}.report`)
  const tag = `${process.pid}-${number}.`
  const since = performance.now()

  const child = spawn(process.execPath, [...runtimeArgs(), join(import.meta.dirname, 'run-file.ts'), file], {
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
  const faults: string[] = []
  const timer = setTimeout(() => {
    const running = lastStarted(readReport(reportFile))
    faults.push(`killed after ${timeoutMs / 1000} s${running === undefined ? '' : `, in the test "${running}"`}`)
    child.kill('SIGKILL')
  }, timeoutMs)
  // Not 'close': what outlives the child may hold its pipes.
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once('exit', (...ended) => resolve(ended)),
  )
  clearTimeout(timer)

  const left = await lingering(tag, LINGER_MS)
  await killTagged(tag)
  const events = readReport(reportFile)
  const countOf = (type: TestEvent['type']): number => events.filter((event) => event.type === type).length
  const isKilled = faults.length > 0
  const failed = events.filter((event) => event.type === 'fail').map((event) => `failed: ${nameOf(event)}`)
  faults.push(...failed)
  if (!isKilled) {
    if (!events.some(({ type }) => type === 'end')) {
      const running = lastStarted(events)
      faults.push(`ended before its tests did${running === undefined ? '' : `, in the test "${running}"`}`)
    }
    if (code !== 0 && failed.length === 0) faults.push(`ended with ${signal ?? `exit code ${code}`}`)
    for (const { pid, command } of left) faults.push(`left running: ${pid} ${command.slice(0, 200)}`)
    for (const name of readdirSync(temporary)) faults.push(`left behind in TMPDIR: ${name}`)
  }
  remove(temporary)
  return {
    file,
    passed: countOf('pass'),
    // A file that fails as a whole counts as one test more.
    failed: countOf('fail') + (faults.length > failed.length ? 1 : 0),
    skipped: countOf('skip'),
    fullOnly: countOf('full'),
    seconds: (performance.now() - since) / 1000,
    output,
    faults,
  }
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
  if (event.type === 'end') return 'the end'
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
