/** MCP servers on this machine: they end with the program that launched them, however it ends, and with all that they started. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect } from '../../../../src/client/connect.ts'
import { processTransport } from '../../../../src/client/mcp/index.ts'
import type { McpTransport } from '../../../../src/client/mcp/index.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import { eventually, isAlive, isDeno, root } from '../../../support/server.ts'
import { sourceEnv } from '../../../support/programs/source-env.ts'
import { test } from '../../../support/suite.ts'
import { script } from './mcp-servers.ts'

/** Tells its own pid, and those of children that share its streams, have none, and have left its group as well. It ends with its stdin. */
const familyOf = (children: string) =>
  script(`
  const children = ${children}
    .map((options) => spawn('sh', ['-c', 'sleep 600 & wait'], options))
  children.forEach((child) => child.unref())
  process.stdin.on('end', () => process.exit(0))
  setTimeout(() => say({ method: 'pids', params: [process.pid, ...children.map(({ pid }) => pid)] }), 100)`)
const family = familyOf("[{ stdio: 'inherit' }, { stdio: 'ignore' }, { stdio: 'ignore', detached: true }]")
/** Nobody but the server itself holds its streams, so it has closed before the others are ended. */
const silentFamily = familyOf("[{ stdio: 'ignore' }, { stdio: 'ignore' }, { stdio: 'ignore', detached: true }]")

type Family = { transport: McpTransport; pids: number[] }

async function startFamily(client: ExecClient, signal?: AbortSignal, command = family): Promise<Family> {
  const transport = processTransport(client, { ...command, cwd: '/tmp', signal })
  const told = Promise.withResolvers<number[]>()
  transport.onmessage = ({ params }) => told.resolve(params as number[])
  transport.onerror = (error) => told.reject(error)
  await transport.start()
  const pids = await told.promise
  assert.is(pids.length, 4)
  for (const pid of pids) assert.ok(isAlive(pid))
  return { transport, pids }
}

const gone = (pids: readonly number[]): Promise<void> => eventually(() => !pids.some(isAlive), 8000, 'the end of all')

const ends: Record<string, (family: Family, client: ExecClient, abort: AbortController) => Promise<void>> = {
  close: ({ transport }) => transport.close(),
  'an abort': async (_, __, abort) => abort.abort(),
  "the client's close": (_, client) => client.close(),
}

for (const [name, end] of Object.entries(ends)) {
  test(`with ${name} a server and all that it has started end`, async () => {
    await using client = await connect({ local: true })
    const abort = new AbortController()
    const family = await startFamily(client, abort.signal)
    await end(family, client, abort)
    await gone(family.pids)
  })
}

test('a server whose children share nothing with it takes them along, too, when it is closed', async () => {
  await using client = await connect({ local: true })
  const { transport, pids } = await startFamily(client, undefined, silentFamily)
  await transport.close()
  await gone(pids)
})

/** A program that launches a server, tells whom it has started, and does what it is told to. */
const program = `
  import { connect } from '${join(root, 'src/client/connect.ts')}'
  import { processTransport } from '${join(root, 'src/client/mcp/index.ts')}'
  const client = await connect({ local: true })
  const transport = processTransport(client, { ...${JSON.stringify(family)}, cwd: '/tmp' })
  transport.onmessage = ({ params }) => {
    console.log(JSON.stringify(params))
    setTimeout(async () => { WHAT }, 100)
  }
  await transport.start()`

const fates: Record<string, { what: string; code: number | string }> = {
  'ends by process.exit': { what: 'process.exit(7)', code: 7 },
  'ends by an uncaught exception': { what: 'throw new Error("uncaught")', code: 1 },
  'closes all and has nothing left to do': { what: 'await transport.close(); await client.close()', code: 0 },
  'is killed outright': { what: 'process.kill(process.pid, "SIGKILL")', code: 'SIGKILL' },
}

for (const [name, { what, code }] of Object.entries(fates)) {
  test(`a server and all that it has started end when the program that launched it ${name}`, async () => {
    const args = isDeno
      ? ['eval', '--ext=ts', program.replace('WHAT', what)]
      : ['--input-type=module', '-e', program.replace('WHAT', what)]
    const child = spawn(process.execPath, args, { cwd: root, env: sourceEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.is(exitCode ?? signal, code, stderr)
    const pids = JSON.parse(stdout) as number[]
    assert.is(pids.length, 4)
    await gone(pids)
  })
}

test.run()
