/**
 * Shows what attacks of one client do to another: `node test/e2e/attacks/run.ts [--seconds N] [PATTERN…]`. For each
 * attack the round trips of another client without it and with it, in one run, on a server of its own. Servers are
 * started from source, or from the executable that EXEC_SERVER_BINARY names. Exits 1 where p99 is above 50 ms.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { startServer } from '../../support/server.ts'
import { attacks } from './attacks.ts'
import { measureEffect } from './observer.ts'
import type { Effect } from './observer.ts'

/** The longest that 99 of 100 requests of another client may take, in milliseconds. */
const MAX_P99_MS = 50

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '4' } },
  allowPositionals: true,
})
const chosen = attacks.filter(({ name }) => positionals.length === 0 || positionals.some((each) => name.includes(each)))

const WIDTHS = [38, 9, 9, 9, 9, 9, 9, 7, 7]
const row = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0] as number) : cell.padStart(WIDTHS[index] as number)))
    .join('')
const ms = (value: number): string => value.toFixed(1)
const cells = ({ control, attacked, entry, cpu, memory }: Effect): string[] => [
  ms(control.p99),
  ms(control.max),
  ms(attacked.median),
  ms(attacked.p99),
  ms(attacked.max),
  ms(entry * 1000),
  cpu.toFixed(2),
  memory.toFixed(0),
]

// For the files of the attacks, which are killed.
const folder = mkdtempSync(join(tmpdir(), 'attacks-'))
process.env['TMPDIR'] = folder
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

console.log(row(['round trips in ms', 'control', '', 'attacked', '', '', 'entry', 'cpu', 'MiB']))
console.log(row(['', 'p99', 'max', 'median', 'p99', 'max', '', '', '']))
let slow = 0
for (const attack of chosen) {
  const server = await startServer()
  const effect = await measureEffect(server, attack, Number(values.seconds) * 1000)
  await server.stop()
  if (effect.attacked.p99 > MAX_P99_MS) slow++
  console.log(row([attack.name, ...cells(effect)]))
}
console.log(`${chosen.length} attacks; ${slow} keep another client waiting for more than ${MAX_P99_MS} ms (p99)`)
process.exit(slow === 0 ? 0 : 1)
