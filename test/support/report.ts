/** Reports each test to the runner (scripts/test), in a file: it survives a kill and a blocked event loop. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'

/** One line of the report. */
export type TestEvent =
  | { type: 'start' | 'skip' | 'full'; suite: string; title: string }
  | { type: 'pass' | 'fail'; suite: string; title: string; ms: number }
  /** All tests of the file have run. CPU time includes child processes. */
  | { type: 'end'; cpuSeconds: number }
  /** Resources that keep the process alive after the tests, by Node's names. */
  | { type: 'open'; resources: string[] }

const file = process.env['EXEC_SERVER_TEST_REPORT']
// Child processes of a test must not report.
delete process.env['EXEC_SERVER_TEST_REPORT']

/** Appends an event to the report, if the runner wants one. */
export function report(event: TestEvent): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(event)}\n`)
}
