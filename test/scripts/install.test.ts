/** install.sh, with artefacts that are made here: the executable is a script. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { endWithTest } from '../support/child.ts'
import { atEnd } from '../support/scope.ts'
import { root } from '../support/server.ts'
import { test } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

const ARCHIVE = `exec-server-${process.platform}-${process.arch}.tar.gz`

/** A folder with artefacts. `script`: what the executable does. */
function artefacts(script: string): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'exec-server'))
  writeFileSync(join(folder, 'exec-server', 'exec-server'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  execFileSync('tar', ['-czf', ARCHIVE, 'exec-server'], { cwd: folder })
  const sum = createHash('sha256')
    .update(readFileSync(join(folder, ARCHIVE)))
    .digest('hex')
  writeFileSync(join(folder, 'SHA256SUMS'), `${sum}  ${ARCHIVE}\n`)
  return folder
}

async function install(from: string, to: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const args = [join(root, 'scripts', 'install.sh'), '--from', from, '--to', to]
  const child = endWithTest(spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

test('it installs from a folder, and says where and which version', async () => {
  const to = join(temporaryFolder(), 'new', 'bin')
  const { code, stdout, stderr } = await install(artefacts('echo exec-server 9.9.9'), to)
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
  assert.ok(stdout.startsWith(`exec-server 9.9.9 is in ${to}/exec-server\n${to} is not on PATH\n`), stdout)
  assert.equal(readdirSync(to), ['exec-server'])
})

test('it installs from a URL', async () => {
  const folder = artefacts('echo exec-server 9.9.9')
  const server = createServer((request, response) => response.end(readFileSync(join(folder, request.url as string))))
  atEnd(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const to = temporaryFolder()
  const { code, stderr } = await install(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, to)
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(readdirSync(to), ['exec-server'])
})

test('an older version is replaced by rename, so that what runs of it goes on', async () => {
  const to = temporaryFolder()
  await install(artefacts('echo exec-server 1.0.0'), to)
  const older = statSync(join(to, 'exec-server')).ino
  const { code } = await install(artefacts('echo exec-server 2.0.0'), to)
  assert.is(code, 0)
  assert.is.not(statSync(join(to, 'exec-server')).ino, older)
  assert.is(execFileSync(join(to, 'exec-server'), { encoding: 'utf8' }), 'exec-server 2.0.0\n')
})

test('a wrong checksum, a missing archive and an executable that does not start leave the older version', async () => {
  const to = temporaryFolder()
  await install(artefacts('echo exec-server 1.0.0'), to)
  const changed = artefacts('echo exec-server 2.0.0')
  writeFileSync(join(changed, ARCHIVE), readFileSync(join(artefacts('echo exec-server 3.0.0'), ARCHIVE)))
  const other = artefacts('')
  writeFileSync(join(other, 'SHA256SUMS'), `${'0'.repeat(64)}  exec-server-plan9-x64.tar.gz\n`)
  for (const [from, expected] of [
    [changed, /another checksum than SHA256SUMS says\n$/],
    [other, /has no archive for \S+ that can be unpacked here\n$/],
    [artefacts('exit 1'), /the executable does not start here\n$/],
    [artefacts('echo "error while loading shared libraries: libstdc++.so.6" >&2; exit 127'), /install libstdc\+\+6/],
    [temporaryFolder(), /cannot get SHA256SUMS from/],
  ] as const) {
    const { code, stdout, stderr } = await install(from, to)
    assert.equal({ code, stdout }, { code: 1, stdout: '' })
    assert.match(stderr, expected)
    assert.equal(readdirSync(to), ['exec-server'])
    assert.is(execFileSync(join(to, 'exec-server'), { encoding: 'utf8' }), 'exec-server 1.0.0\n')
  }
})

test('an unknown argument is refused', async () => {
  const child = endWithTest(spawn('/bin/sh', [join(root, 'scripts', 'install.sh'), '--form', 'x']))
  assert.equal(
    [await text(child.stderr), (await once(child, 'close'))[0]],
    ['install.sh: unknown argument: --form\n', 1],
  )
})

test.run()
