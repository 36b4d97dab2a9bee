/** The official conformance suite (@modelcontextprotocol/conformance). */
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { runScenario, runSuite } from './conformance/run-suite.ts'
import { serveFixtures } from './conformance/serve-fixtures.ts'

/**
 * It negotiates 2025-11-25, but its requests name 2025-03-26, whose clients cannot read the events that it looks for. So it
 * checks nothing, with any server that keeps to the versions.
 */
const POLLING = 'server-sse-polling'

const test = suite('mcp conformance', { limitMs: 300_000 })

test('every scenario of the suite passes through our transport, sessions and checks', async () => {
  const { total, scenarios, output } = await runSuite(await serveFixtures())
  const failed = [...scenarios].filter(([, scenario]) => scenario.failed > 0).map(([name]) => name)
  assert.equal(failed, [], output)
  const unchecked = [...scenarios].filter(([, scenario]) => scenario.passed === 0).map(([name]) => name)
  assert.equal(unchecked, [POLLING])
  assert.is(scenarios.size, 32)
  assert.match(total, /^Total: 44 passed, 0 failed$/)
})

test('a stream that the server closes goes on, when the suite names the version that it has negotiated', async () => {
  const report = await runScenario(await serveFixtures({ version: '2025-11-25' }), POLLING)
  assert.match(report, /^Passed: 3\/3, 0 failed, 0 warnings$/m)
})

/** Those that need no fixture of the suite's own. */
const WITHOUT_FIXTURES = [
  'server-initialize',
  'ping',
  'logging-set-level',
  'tools-list',
  'resources-list',
  'server-sse-multiple-streams',
  'dns-rebinding-protection',
]

test('a server with --mcp passes what needs no fixtures', async () => {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const where = ['--listen', `ws://127.0.0.1:${port}`, '--capability-url', '--allow-origin', origin]
  const server = await startServer(['--mcp', '--mcp-workspace', temporaryFolder(), ...where])
  atEnd(async () => void (await server.stop()))
  const url = new URL(`${server.url.replace(/^ws/, 'http')}/mcp`)
  const { scenarios, output } = await runSuite(url)
  for (const name of WITHOUT_FIXTURES) {
    const { passed = 0, failed } = scenarios.get(name) ?? {}
    assert.ok(passed > 0 && failed === 0, `${name}\n${output}`)
  }
})

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  holder.close()
  await once(holder, 'close')
  return port
}

test.run()
