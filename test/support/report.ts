/** Tells the runner (scripts/test) of each test. A file, as it is there also after a kill or while the loop is blocked. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'

export type TestEvent =
  | { type: 'start' | 'skip' | 'full'; suite: string; title: string }
  | { type: 'pass' | 'fail'; suite: string; title: string; ms: number }
  /** All tests of the file have run, for which it and what it started took so much processor time. */
  | { type: 'end'; cpuSeconds: number }
  /** What keeps the process alive after them, by the names that Node has for it. */
  | { type: 'open'; resources: string[] }

const file = process.env['EXEC_SERVER_TEST_REPORT']
// What a test starts is not part of the report.
delete process.env['EXEC_SERVER_TEST_REPORT']

export function report(event: TestEvent): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(event)}\n`)
}
