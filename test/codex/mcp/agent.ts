/** Codex as an MCP client of `exec-server mcp`: all that it does on the devbox, it does with our tools. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { PLAY, run } from '../client.ts'
import { makeHome } from '../home.ts'
import { installedCodex } from '../install.ts'
import { startModel } from '../model.ts'
import type { Script } from '../model.ts'
import { assertNobodyLeft } from '../processes.ts'
import type { Release } from '../release.ts'
import { executable } from '../server.ts'
import { callMcp, readMcp } from '../tools.ts'
import type { ToolCall, ToolOutput } from '../tools.ts'

const SERVER = 'devbox'

/** A server of one page, which prints its port. */
const WEB_SERVER = `require('node:http').createServer((q, r) => r.end('the page')).listen(0, '127.0.0.1', function () {
  console.log('port ' + this.address().port) })`

const TEST = `const { sum } = require('./sum.js')\nrequire('node:assert').equal(sum(2, 3), 5)\nconsole.log('passed')\n`

/** Edits a file until its test passes, starts a web server, and looks at it. Codex gives its model the data of an answer. */
function* work(release: Release, folder: string): Script {
  const node = JSON.stringify(process.execPath)
  const call = function* (name: string, args: object): Generator<ToolCall, Record<string, unknown>, ToolOutput> {
    const said = readMcp(yield callMcp(`mcp__${SERVER}${release.mcp.suffix}`, name, args))
    ok(said.startsWith('{'), said)
    return JSON.parse(said) as Record<string, unknown>
  }
  yield* call('write_file', { path: 'sum.js', content: 'exports.sum = (a, b) => a - b\n' })
  yield* call('write_file', { path: 'test.js', content: TEST })
  const failed = yield* call('exec', { command: `${node} test.js 2>&1` })
  equal(failed['exit_code'], 1)
  match(String(failed['output']), /AssertionError/)
  const edited = yield* call('edit_file', { path: 'sum.js', edits: [{ old_text: 'a - b', new_text: 'a + b' }] })
  match(JSON.stringify(edited), /\+exports\.sum = \(a, b\) => a \+ b/)
  equal(readFileSync(join(folder, 'sum.js'), 'utf8'), 'exports.sum = (a, b) => a + b\n')
  const passed = yield* call('exec', { command: `${node} test.js` })
  deepEqual([passed['exit_code'], passed['output']], [0, 'passed\n'])

  yield* call('write_file', { path: 'web.js', content: WEB_SERVER })
  const { run_id: run, state } = yield* call('exec', { command: `exec ${node} web.js`, yield_time_ms: 0 })
  equal(state, 'running')
  let port: string | undefined
  while (port === undefined) {
    const { output } = yield* call('read_output', { run_id: run, cursor: 0, yield_time_ms: 100 })
    port = /port (\d+)/.exec(String(output))?.[1]
  }
  const listening = `grep -i ':${Number(port).toString(16).padStart(4, '0')} .* 0A ' /proc/net/tcp`
  equal((yield* call('exec', { command: listening }))['exit_code'], 0)
  match(JSON.stringify(yield* call('fetch', { url: `http://127.0.0.1:${port}/` })), /the page/)
  match(JSON.stringify(yield* call('list_runs', {})), /web\.js","cwd":[^}]*"running"/)
  match(String((yield* call('kill', { run_id: run }))['state']), /exited/)
}

/** Throws unless all of it worked, and nothing is left. */
export async function playAgent(release: Release): Promise<void> {
  const home = makeHome()
  try {
    const model = await startModel(work(release, home.work))
    const mark = Object.entries(home.mark).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    const args = ['mcp', '--local', '--workspace', home.work, '--network', 'on']
    home.writeConfig({
      model: release.model,
      modelUrl: model.baseUrl,
      sandbox: 'danger-full-access',
      mcp: `[mcp_servers.${SERVER}]\ncommand = ${JSON.stringify(executable)}\nargs = ${JSON.stringify(args)}
required = true
startup_timeout_sec = 60
env = { ${mark.join(', ')} }
`,
    })
    const { exit, log } = await run(installedCodex(release.version), PLAY, home, {}).finally(model.close)
    try {
      model.assertPlayed()
      equal(exit, 0)
    } catch (error) {
      throw new Error(`${(error as Error).message}\nthe end of Codex's log:\n${log.slice(-2000)}`)
    }
    await assertNobodyLeft(home.folder)
  } finally {
    home.remove()
  }
}
