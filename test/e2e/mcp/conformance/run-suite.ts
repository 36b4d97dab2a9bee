/** Runs the official conformance suite, as a process of its own, against a server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { endWithTest } from '../../../support/child.ts'
import { root } from '../../../support/server.ts'

const SUITE = join(root, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js')

export type SuiteReport = {
  /** What the suite prints at the end, such as `Total: 3 passed, 0 failed`. */
  total: string
  /** The scenarios that ran, and the numbers of their checks. */
  scenarios: Map<string, { passed: number; failed: number }>
  /** All that it printed. */
  output: string
}

/** Runs all scenarios. */
export async function runSuite(url: URL): Promise<SuiteReport> {
  const output = await run(['--suite', 'all'], url)
  const lines = [...output.matchAll(/^[✓✗] ([^:\s]+): (\d+) passed, (\d+) failed$/gm)]
  const scenarios = new Map(
    lines.map(([, name = '', passed, failed]) => [name, { passed: Number(passed), failed: Number(failed) }]),
  )
  return { total: /^Total: .*$/m.exec(output)?.[0] ?? '', scenarios, output }
}

/** Runs one scenario. Resolves with what it printed. */
export const runScenario = (url: URL, name: string): Promise<string> => run(['--scenario', name], url)

async function run(options: readonly string[], url: URL): Promise<string> {
  const child = spawn(process.execPath, [SUITE, 'server', '--url', url.href, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  endWithTest(child)
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return output
}
