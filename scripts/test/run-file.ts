/**
 * Runs one test file: `node scripts/test/run-file.ts FILE CLOSING_MS`. Ends the process when its tests have run, also
 * when one of them has left something open, which is a failure of its own.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { run } from 'uvu/run'
import { report } from '../../test/support/report.ts'

const [file, closingMs] = process.argv.slice(2) as [string, string]
// Node has read it: from here on it would only apply to the servers that a test starts.
delete process.env['NODE_COMPILE_CACHE']

const resources = (): string[] => process.getActiveResourcesInfo?.() ?? []
// Standard output and error are resources, too, once they are used.
for (const stream of [process.stdout, process.stderr]) stream.write('')
const ours = resources()

// uvu puts `file:///` before it.
await run([{ name: file, file: file.slice(1) }])
report({ type: 'end', cpuSeconds: cpuSeconds() })
setTimeout(() => {
  const open = resources()
  for (const name of ours) if (open.includes(name)) open.splice(open.indexOf(name), 1)
  console.error(`the tests are over, but something keeps the process alive: ${open.join(', ') || 'unknown'}`)
  report({ type: 'open', resources: open })
  process.exit(1)
}, Number(closingMs)).unref()

/** Of this process and of all its descendants that have ended; 0 where there is no /proc. The kernel counts in 10 ms. */
function cpuSeconds(): number {
  try {
    // What stands before the last parenthesis is the program's name, which may hold anything.
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100
  } catch {
    return 0
  }
}
