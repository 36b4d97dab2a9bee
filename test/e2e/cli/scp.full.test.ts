/** scp and sftp with the script of src/cli/README.md in ssh's place. */
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { quoteForShell } from '../../../src/cli/devbox/io/quote-for-shell.ts'
import { atEnd } from '../../support/scope.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { pattern } from '../client/support/with-client.ts'
import { listing } from './cp-table/listing.ts'
import { hasProgram } from './screen.ts'

const test = suite('scp and sftp through exec-server run')
const execute = promisify(execFile)
const README = join(import.meta.dirname, '../../../src/cli/README.md')
const runsScp = hasProgram('scp') ? test : test.skip
const runsSftp = hasProgram('scp') && existsSync('/usr/lib/openssh/sftp-server') ? test : test.skip

/** The script, as it stands there. */
function script(): string {
  const [, text] = /```bash\n(#!\/bin\/sh\n# exec-server-ssh:[^`]*)```/.exec(readFileSync(README, 'utf8')) ?? []
  return text as string
}

type Fixture = {
  at: (...names: string[]) => string
  call: (program: string, ...args: string[]) => Promise<{ stdout: string; stderr: string }>
}

async function fixture(): Promise<Fixture> {
  const { url } = await startServer()
  const folder = mkdtempSync(join(tmpdir(), 'scp-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const at = (...names: string[]): string => join(folder, ...names)
  mkdirSync(at('bin'))
  writeFileSync(
    at('bin', 'exec-server'),
    `#!/bin/sh\nexec ${serverCommand([]).flat().map(quoteForShell).join(' ')} "$@"\n`,
  )
  writeFileSync(at('bin', 'exec-server-ssh'), script())
  for (const name of ['exec-server', 'exec-server-ssh']) chmodSync(at('bin', name), 0o755)
  writeFileSync(at('environments.toml'), `[[environments]]\nid = "devbox"\nurl = "${url}"\n`)
  mkdirSync(at('from', 'sub'), { recursive: true })
  writeFileSync(at('from', 'sub', 'a b'), 'small', { mode: 0o600 })
  writeFileSync(at('from', 'large'), pattern(3_000_000))
  const env = { ...process.env, CODEX_HOME: folder, PATH: `${at('bin')}:${process.env['PATH']}` }
  const call: Fixture['call'] = (program, ...args) =>
    execute(program, ['-q', '-S', at('bin', 'exec-server-ssh'), ...args], { env })
  return { at, call }
}

async function copiesBothWays(...options: string[]): Promise<void> {
  const { at, call } = await fixture()
  await call('scp', ...options, '-rp', at('from'), `devbox:${at('up')}`)
  assert.equal(listing(at('up'), false), listing(at('from'), false))
  await call('scp', ...options, '-rp', `devbox:${at('up')}`, at('down'))
  assert.equal(listing(at('down'), false), listing(at('from'), false))
  try {
    await call('scp', ...options, 'devbox:/no/such', at('none'))
    assert.unreachable('a file that is not there')
  } catch (error) {
    assert.match((error as { stderr: string }).stderr, /\/no\/such: No such file or directory/)
  }
}

runsSftp('scp copies trees both ways over the sftp server of the devbox', () => copiesBothWays())
runsScp('scp -O copies trees both ways with the scp of the devbox', () => copiesBothWays('-O'))

runsSftp('sftp gets and puts files', async () => {
  const { at, call } = await fixture()
  writeFileSync(at('batch'), `put ${at('from', 'large')} ${at('up')}\nget ${at('up')} ${at('down')}\n`)
  await call('sftp', '-b', at('batch'), 'devbox')
  assert.ok(readFileSync(at('down')).equals(readFileSync(at('from', 'large'))))
})

test.run()
