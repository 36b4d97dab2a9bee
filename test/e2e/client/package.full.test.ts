/** The library as a package has it: bundled, with types, by its name. */
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { isDeno, root, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const run = promisify(execFile)
/** For two runs of the compiler on a busy machine. */
const LIMIT_MS = 200_000
const test = suite('the package', { limitMs: LIMIT_MS })

const folder = mkdtempSync(join(tmpdir(), 'exec-server-package-'))
const installed = join(folder, 'node_modules', 'exec-server')
let server: RunningServer
let web: Server

/** Puts the package where a program in `folder` finds it. Types are for compilers alone, and take long to make. */
function build(...options: string[]): void {
  const node = join(root, 'node_modules', '.bin', 'node')
  const script = join(root, 'scripts', 'build-client.ts')
  const output = join(installed, 'dist', 'client')
  execFileSync(node, [script, '--output', output, ...options], { stdio: ['ignore', 'ignore', 'inherit'] })
}

test.before(async () => {
  mkdirSync(installed, { recursive: true })
  build('--no-types')
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  // What it depends on, as npm would put it beside.
  for (const name of readdirSync(join(root, 'node_modules')))
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  server = await startServer()
  web = createServer((_, response) => response.end('hi')).listen(0, '127.0.0.1')
  await once(web, 'listening')
})
test.after(() => {
  web.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The programs of src/client/README.md, with the addresses that things have here. */
const examples = [
  ...readFileSync(join(root, 'src', 'client', 'README.md'), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms),
].map(([, text]) =>
  (text as string)
    .replace("'ws://127.0.0.1:4600'", 'process.env.DEVBOX!')
    .replace("'http://127.0.0.1:8080/'", 'process.env.WEB!')
    .replace('http.listen(8080,', 'http.listen(0,')
    .replace(
      "'npx', args: ['-y', '@modelcontextprotocol/server-everything']",
      JSON.stringify(join(root, 'node_modules', '.bin', 'mcp-server-everything')),
    ),
)

const EXPECTED = [
  /^Linux\n 0\n$/,
  /^stdout apple\npear\n\nexited with 0\n$/,
  /^6 bytes\n2 6 0\n$/,
  /^\[ "?'?true"?'? \] 0\n$/,
  /^hello\ntrue\n200 hi\n$/,
  /^hello undefined\n$/,
  /^\[ "?'?remote"?'? \] 0\n$/,
  /^0\n$/,
  /^true\n$/,
]

test('the README has the examples that are tried here', () => assert.is(examples.length, EXPECTED.length))

for (const [index, expected] of EXPECTED.entries()) {
  test(`example ${index + 1} of the README does what it says`, async () => {
    const file = join(folder, `example-${index}.ts`)
    writeFileSync(file, examples[index] as string)
    const WEB = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    const env = {
      ...process.env,
      DEVBOX: server.url,
      WEB,
      CODEX_EXEC_SERVER_URL: server.url,
      CODEX_HOME: folder,
      NO_COLOR: '1',
    }
    const args = isDeno ? ['run', '-A', '--node-modules-dir=manual'] : []
    const { stdout } = await run(process.execPath, [...args, file], { env, cwd: folder, timeout: 60_000 })
    assert.match(stdout, expected)
  })
}

test.full('its types are whole, and those of the README’s programs are right', async () => {
  build()
  for (const [index, text] of examples.entries()) writeFileSync(join(folder, `example-${index}.ts`), text)
  writeFileSync(
    join(folder, 'types.ts'),
    `import { connect, RpcError, DisconnectedError, type ExecClient, type ProcessEvent, type RemoteProcess } from 'exec-server/client'
    import { processTransport } from 'exec-server/client/mcp'
    import { createServer, type Server } from 'exec-server/server'
    import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
    export async function use(client: ExecClient, process: RemoteProcess): Promise<Transport> {
      const event: ProcessEvent | undefined = (await process.events().next()).value
      if (event?.type === 'output') event.bytes.toBase64()
      // @ts-expect-error: no such member
      event?.nonsense
      const server: Server = await createServer({ 'retained-mib': 1 })
      const inside: ExecClient = await server.connect()
      await inside.close()
      // @ts-expect-error: no such option
      await createServer({ retained: 1 })
      // @ts-expect-error: argv is a list
      await client.start({ argv: 'ls' })
      if (event === undefined) throw new RpcError(1, 'x')
      await connect({ url: 'ws://x', headers: {} })
      new DisconnectedError('x').reason.trim()
      return processTransport(client, { command: 'x', cwd: '/' })
    }`,
  )
  const options = {
    target: 'esnext',
    module: 'nodenext',
    lib: ['esnext', 'dom'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  }
  const files = ['types.ts', ...examples.map((_, index) => `example-${index}.ts`)]
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files }))
  const failed = await run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder], { timeout: LIMIT_MS }).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  )
  // Other packages' own types are theirs.
  assert.is(
    failed
      .split('\n')
      .filter(
        (line) => line !== '' && !/^(\.\.\/)*node_modules\/(?!exec-server)|^[^ ]*work\/main\/node_modules\//.test(line),
      )
      .join('\n'),
    '',
  )
})

/** The modules that a module of the package loads at once. */
function loadedBy(name: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(name)) return loaded
  loaded.add(name)
  const text = readFileSync(join(installed, 'dist', 'client', name), 'utf8')
  for (const [, target] of text.matchAll(/^(?:import|export|\} from)\b[^;]*?"\.\/([^"]+)";$/gm))
    loadedBy(target as string, loaded)
  return loaded
}

test.full('the client loads nothing of the server, and an error of one is known by the other', async () => {
  const texts = (name: string): string =>
    [...loadedBy(name)].map((module) => readFileSync(join(installed, 'dist', 'client', module), 'utf8')).join('')
  const ofServer = /class Hono|createExecServer/
  assert.match(texts('server.js'), ofServer)
  for (const name of ['index.js', 'mcp.js', 'browser.js']) assert.not.match(texts(name), ofServer, name)
  const program = `import { RpcError } from 'exec-server/client'
    import { createServer } from 'exec-server/server'
    await using server = await createServer()
    await using client = await server.connect()
    console.log((await client.start({ argv: [] }).catch((error) => error)) instanceof RpcError)`
  writeFileSync(join(folder, 'errors.mjs'), program)
  const args = isDeno ? ['run', '-A', '--node-modules-dir=manual'] : []
  assert.is((await run(process.execPath, [...args, join(folder, 'errors.mjs')], { cwd: folder })).stdout, 'true\n')
})

test('a program for browsers gets a module without anything of Node', async () => {
  const text = readFileSync(join(installed, 'dist', 'client', 'browser.js'), 'utf8')
  assert.not.match(text, /from ?["']|require\(|node:|\bBuffer\b|\bprocess\.(env|pid|exit)\b/)
})

test.run()
