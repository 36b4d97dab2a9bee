/** The server's options, from a command line and a file together. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { parseDoctor, parseServe } from '../../../src/cli/serve/arguments.ts'
import type { ServeCommand } from '../../../src/cli/serve/arguments.ts'
import { withConfig } from '../../../src/cli/serve/with-config.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

function file(text: string): string {
  const path = join(temporaryFolder(), 'f.toml')
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

async function serve(...args: string[]): Promise<ServeCommand> {
  const command = await withConfig(args, parseServe)
  assert.is(command.kind, 'serve')
  return command as ServeCommand
}

const refusal = async (...args: string[]): Promise<string> => {
  try {
    await withConfig(args, parseServe)
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as Error).message
  }
  throw new Error(`${args.join(' ')} was accepted`)
}

const TEXT = `
listen = "unix:/run/x"
max-sessions = 3
drain-seconds = 5
allow-host = ["a.example"]
capability-url = true
require-sandbox = true
`

test('a file sets options, of each kind', async () => {
  const { listen, limits, hosts, authentication, sandbox } = await serve('--config', file(TEXT))
  assert.equal(listen, { kind: 'unix', path: '/run/x' })
  assert.equal([limits.sessions, limits.drainMs], [3, 5000])
  assert.equal(hosts, ['a.example'])
  assert.is(authentication.kind, 'capability-url')
  assert.equal(sandbox, { required: true })
})

test('the command line wins, with lists as a whole and flags by their opposite', async () => {
  const args = ['--max-sessions', '7', '--allow-host', 'b', '--no-capability-url', '--no-require-sandbox']
  const { limits, hosts, authentication, sandbox } = await serve('--config', file(TEXT), ...args)
  assert.equal([limits.sessions, limits.drainMs], [7, 5000])
  assert.equal(hosts, ['b'])
  assert.is(authentication.kind, 'none')
  assert.equal(sandbox, { required: false })
})

test("overrides of Codex's configuration beside a file stay without effect, and are named", async () => {
  const path = file('max-sessions = 3\n')
  assert.equal((await serve('--config', path)).ignoredOptions, [])
  const both = await serve('-c', 'model="x"', '--config', path)
  assert.equal([both.ignoredOptions, both.limits.sessions], [['config'], 3])
})

test('an error tells the line of the file, unless the command line is at fault', async () => {
  const path = file('max-sessions = 3\nmax-requests = 0\n')
  assert.match(await refusal('--config', path), new RegExp(`^${path}:2: --max-requests takes a whole number from 1 `))
  assert.match(await refusal('--config', path, '--max-requests', 'x'), /^--max-requests takes/)
})

test('doctor reads the file, too, and --help reads none', async () => {
  const doctor = await withConfig(['--config', file('bwrap = "/x"\n')], parseDoctor)
  assert.equal(doctor, { kind: 'doctor', sandbox: { required: false, bubblewrap: '/x' } })
  assert.equal(await withConfig(['--config', '/nowhere', '--help'], parseServe), { kind: 'help' })
})

test.run()
