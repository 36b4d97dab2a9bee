/**
 * Runs one test file: `node scripts/test/run-file.ts FILE`. Ends the process when its tests have run, also when one of
 * them has left something open, which is a failure of its own.
 */
import * as module from 'node:module'
import process from 'node:process'
import { run } from 'uvu/run'
import { report } from '../../test/support/report.ts'

/** For what ends by itself, such as a socket that is being closed. */
const CLOSING_MS = 3000

const [file] = process.argv.slice(2) as [string]
const cache = process.env['EXEC_SERVER_TEST_COMPILE_CACHE']
// By a call and not by Node's variable, which the servers that a test starts would follow too.
// Deno has no such call.
if (cache !== undefined) module.enableCompileCache?.(cache)

// uvu puts `file:///` before it.
await run([{ name: file, file: file.slice(1) }])
report({ type: 'end' })
setTimeout(() => {
  const open = process.getActiveResourcesInfo?.() ?? []
  console.error(`the tests are over, but something keeps the process alive: ${open.join(', ') || 'unknown'}`)
  process.exit(1)
}, CLOSING_MS).unref()
