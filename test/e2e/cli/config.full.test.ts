/** --config and `exec-server config`, with the real program. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('config')

function file(lines: string, name = 'exec-server.toml'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, lines, { mode: 0o600 })
  return path
}

async function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const [command, all] = serverCommand(args)
  const child = endWithTest(spawn(command, all, { stdio: ['ignore', 'pipe', 'pipe'], env: process.env }))
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

test('a server has the limits and the token of its file, and those of the command line before them', async () => {
  const token = file('0123456789abcdef', 'token')
  const path = file(`capability-url = true\nws-token-file = "${token}"\nmax-processes = 1\nmax-open-files = 1\n`)
  const server = await startServer(['--config', path, '--max-processes', '2'])
  assert.match(server.url, /\/c\/0123456789abcdef$/)
  const client = await Client.connect(server.url)
  const start = (processId: string): Promise<unknown> =>
    client.request('process/start', {
      processId,
      argv: ['sleep', '60'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      tty: false,
    })
  await start('a')
  await start('b')
  const refusal = await start('c').catch((error: unknown) => error as Error)
  assert.match((refusal as Error).message, /process/)
  assert.is(await server.stop(), 0)
  assert.is(server.stderr(), '')
})

test('what config prints is a file with the same effect', async () => {
  const path = file(
    '{"max-sessions": 5, "allow-host": ["a.example"], "http-policy": {"deny": ["10.0.0.0/8"]}}',
    'x.json',
  )
  const first = await run('config', '--config', path, '--drain-seconds', '3')
  assert.is(first.code, 0)
  assert.match(first.stdout, new RegExp(`^max-sessions = 5 +# ${path}:1$`, 'm'))
  assert.match(first.stdout, /^drain-seconds = 3 +# command line$/m)
  const again = await run('config', '--json', '--config', file(first.stdout))
  const { options } = JSON.parse(again.stdout) as { options: Record<string, { value: unknown; from: string }> }
  const set = Object.entries(options).filter(([, { from }]) => from === 'file')
  assert.equal(Object.fromEntries(set.map(([name, { value }]) => [name, value])), {
    'allow-host': ['a.example'],
    'drain-seconds': 3,
    'http-policy': '{"deny":["10.0.0.0/8"]}',
    'max-sessions': 5,
  })
})

test('a wrong file is an error with file, line and what to do, and nothing is started', async () => {
  const path = file('listen = "stdio"\nmax-sesions = 5\n')
  for (const command of [[], ['config'], ['doctor']]) {
    const { code, stdout, stderr } = await run(...command, '--config', path)
    assert.equal([code, stdout], [2, ''])
    assert.match(
      stderr,
      new RegExp(`^exec-server: ${path}:2: there is no key max-sesions\n  did you mean max-sessions\\?\n`),
    )
  }
})

test('a file that others can write starts no server', async () => {
  const path = file('listen = "stdio"\n')
  chmodSync(path, 0o666)
  const { code, stderr } = await run('--config', path)
  assert.is(code, 1)
  assert.match(stderr, /chmod go-w/)
})

test.run()
