/** Devboxes that lack what others have. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { eventually, isAlive, isDeno } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { canSandbox, checkCommands, connectTo, forgetUsers, isExecutable, oddDevbox, only, PATH } from './odd-devbox.ts'

const defined = suite('devboxes that lack something')
const test = process.platform === 'linux' && !isDeno ? defined : defined.skip

const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('without /proc commands, terminals and files work, and what is left behind is killed by its group', async () => {
  const folder = temporaryFolder()
  const { client, stop } = await oddDevbox('mount -t tmpfs none /proc')
  await checkCommands(client)
  assert.equal(await client.run('arg0', ['/bin/sh', '-c', 'echo $0'], { tty: true, arg0: 'name', env: { PATH } }), {
    code: 0,
    output: 'name\r\n',
  })
  const path = join(folder, 'file')
  await client.request('fs/writeFile', { path, dataBase64: base64('content') })
  assert.is((await client.request('fs/readFile', { path })).dataBase64, base64('content'))
  const { error } = await client.ask('process/start', {
    ...{ processId: 's', argv: ['/bin/true'], cwd: folder, env: {}, tty: false, sandbox: only(folder) },
  })
  assert.match(error?.message ?? 'it was started', /this executor cannot enforce the process sandbox/)
  const background = ['/bin/sh', '-c', 'sleep 600 >/dev/null 2>&1 & echo $!']
  const { output } = await client.run('background', background, { env: { PATH } })
  await stop()
  await eventually(() => !isAlive(Number(output)), 30_000, 'the end of the background process')
})

test('without HOME and an entry in the user database it serves, sandboxes included', async () => {
  const folder = temporaryFolder()
  const { HOME: _, ...env } = process.env
  const { client, stop } = await oddDevbox(forgetUsers(), { env })
  await checkCommands(client)
  assert.is('userHomeDir' in (await client.request('environment/info', {})), false)
  if (canSandbox) {
    const path = join(folder, 'file')
    await client.request('fs/writeFile', { path, dataBase64: base64('content'), sandbox: only(folder) })
    assert.is(readFileSync(path, 'utf8'), 'content')
    const cat = ['/bin/cat', path]
    assert.equal(await client.run('s', cat, { sandbox: only(folder), cwd: folder }), { code: 0, output: 'content' })
  }
  await stop()
})

/** A root with the system's programs and libraries, and what else bubblewrap is told to add. */
function rootWith(...more: string[]): [string, string[]] {
  if (!canSandbox || !isExecutable) skip('it needs the executable, and bubblewrap that works')
  const root = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc'].flatMap((path) => ['--ro-bind-try', path, path])
  const binary = process.env['EXEC_SERVER_BINARY'] as string
  const command = ['--ro-bind', binary, '/exec-server', ...more, '--die-with-parent', '/exec-server']
  return ['bwrap', [...root, ...command]]
}

test('without /tmp commands, terminals and files work', async () => {
  const { client, stop } = await connectTo(...rootWith('--dev', '/dev', '--proc', '/proc', '--dir', '/work'))
  await checkCommands(client)
  await client.request('fs/writeFile', { path: '/work/file', dataBase64: base64('content') })
  assert.is((await client.request('fs/readFile', { path: '/work/file' })).dataBase64, base64('content'))
  await stop()
})

test('without /dev/null a start is refused with its name', async () => {
  const { client, stop } = await connectTo(...rootWith('--tmpfs', '/dev', '--proc', '/proc'))
  const { error } = await client.ask('process/start', {
    ...{ processId: 'p', argv: ['/bin/true'], cwd: '/', env: {}, tty: false },
  })
  assert.match(
    error?.message ?? 'it was started',
    /^cannot start a command: \/dev\/null cannot be opened: No such file/,
  )
  await client.request('fs/readDirectory', { path: '/' })
  await stop()
})

test('without a shell programs run', async () => {
  const libraries = ['/usr/lib', '/usr/lib64', '/lib', '/lib64'].flatMap((path) => ['--ro-bind-try', path, path])
  const binary = process.env['EXEC_SERVER_BINARY'] ?? ''
  if (!canSandbox || !isExecutable) skip('it needs the executable, and bubblewrap that works')
  const root = [...libraries, '--ro-bind', binary, '/exec-server', '--dev', '/dev', '--proc', '/proc']
  const { client, stop } = await connectTo('bwrap', [...root, '--die-with-parent', '/exec-server'])
  assert.equal((await client.request('environment/info', {})).shell, { name: 'sh', path: '/bin/sh' })
  for (const tty of [false, true]) {
    const { code, output } = await client.run(`tty ${tty}`, ['/exec-server', '--version'], { tty })
    assert.is(code, 0)
    assert.match(output, /^exec-server \d/)
  }
  await stop()
})

/** The passwd file of a devbox whose user has this shell. */
function withShell(shell: string): string {
  const file = join(temporaryFolder(), 'passwd')
  writeFileSync(file, `root:x:0:0:root:/root:${shell}\n`)
  return `mount --bind ${file} /etc/passwd`
}

async function shellOf(login: string, SHELL: string): Promise<{ name: string; path: string }> {
  const { client, stop } = await oddDevbox(withShell(login), { env: { ...process.env, SHELL } })
  const { shell } = await client.request('environment/info', {})
  const terminal = await client.run('t', ['/bin/sh', '-c', 'echo $SHELL'], { tty: true, env: {} })
  assert.is(terminal.output.trim(), shell.path)
  await stop()
  return shell
}

test('an account whose login shell is none gets $SHELL if that is one, else bash or sh', async () => {
  const bin = temporaryFolder()
  const mine = join(bin, 'mine')
  symlinkSync('/bin/sh', mine)
  assert.equal(await shellOf('/usr/sbin/nologin', mine), { name: 'mine', path: mine })
  const { path } = await shellOf('/usr/bin/git-shell', '/bin/false')
  assert.match(path, /^\/bin\/(?:ba)?sh$/)
  assert.is((await shellOf(mine, '/bin/false')).path, mine)
})

test('a relative TMPDIR is below the directory that it was started in', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'relative'))
  const { client, stop } = await oddDevbox(':', { cwd: folder, env: { ...process.env, TMPDIR: 'relative' } })
  const { tempDir, temporaryDirectories } = await client.request('environment/info', {})
  assert.is(tempDir, `file://${folder}/relative`)
  assert.equal(temporaryDirectories, [tempDir])
  await stop()
})

defined.run()
