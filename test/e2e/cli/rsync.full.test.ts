/** rsync with `exec-server run` as its remote shell. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

const test = suite('rsync through exec-server run')
const runsRsync = hasProgram('rsync') ? test : test.skip
const execute = promisify(execFile)

runsRsync('it copies both ways, and finds what is the same', async () => {
  const { url } = await startServer()
  const folder = mkdtempSync(join(tmpdir(), 'rsync-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const at = (...names: string[]): string => join(folder, ...names)
  mkdirSync(at('from', 'sub'), { recursive: true })
  for (let index = 0; index < 100; index++) writeFileSync(at('from', 'sub', `${index}`), `${index}`)
  writeFileSync(at('from', 'large'), pattern(10_000_000), { mode: 0o600 })
  writeFileSync(at('environments.toml'), `[[environments]]\nid = "devbox"\nurl = "${url}"\n`)
  const env = { ...process.env, CODEX_HOME: folder }
  const rsync = (shell: readonly string[], from: string, to: string) =>
    execute('rsync', ['-a', '--stats', '-e', serverCommand(shell).flat().map(quoteForShell).join(' '), from, to], {
      env,
    })
  const inEnv = ['run', '--url', url]
  await rsync(inEnv, `${at('from')}/`, `env:${at('up')}/`)
  assert.equal(listing(at('up'), true), listing(at('from'), true))
  await rsync(['run', '--env'], `devbox:${at('up')}/`, at('down'))
  assert.equal(listing(at('down'), true), listing(at('from'), true))
  writeFileSync(at('from', 'sub', '5'), 'changed')
  const { stdout } = await rsync(inEnv, `${at('from')}/`, `env:${at('up')}/`)
  assert.match(stdout, /files transferred: 1\n/)
  assert.equal(listing(at('up'), true), listing(at('from'), true))
})

test.run()
