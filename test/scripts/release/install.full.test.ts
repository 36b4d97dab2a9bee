/** install.sh, with stand-ins for the executable and for what tells of the machine. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { atEnd } from '../../support/scope.ts'
import { root } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { addArchive } from './artefacts.ts'

const test = suite('install.sh')
const script = join(root, 'scripts', 'release', 'install.sh')

/** Programs that install.sh uses. */
const NAMES = 'cat chmod cp curl dash dirname env find gzip id ln mkdir mktemp mv rm sed sh sha256sum sleep tar xz'
const TOOLS = spawnSync('sh', ['-c', `for name in ${NAMES} busybox; do command -v $name; done`], { encoding: 'utf8' })
  .stdout.trim()
  .split('\n')

/** The shells that there are here. */
const SHELLS = [['sh'], ['dash'], ['busybox', 'sh']].filter(([name]) => TOOLS.some((path) => basename(path) === name))

/** An empty machine: a folder to install to, and a PATH with these programs alone. */
function machine({
  os = 'Linux',
  processor = 'x86_64',
  libc = 'glibc 2.36' as string | undefined,
  without = [] as string[],
} = {}) {
  const folder = temporaryFolder()
  const [bin, temporary, prefix] = [join(folder, 'bin'), join(folder, 'tmp'), join(folder, 'prefix')]
  for (const each of [bin, temporary]) mkdirSync(each)
  for (const path of TOOLS) if (!without.includes(basename(path))) symlinkSync(path, join(bin, basename(path)))
  const program = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  program('uname', `case $1 in -s) echo ${os};; -m) echo ${processor};; esac`)
  program('getconf', libc === undefined ? 'exit 1' : `echo ${libc}`)
  const install = (args: readonly string[], shell: readonly string[] = ['sh'], file = script) => {
    const [command, ...before] = shell
    const path = TOOLS.find((each) => basename(each) === command) ?? ''
    const env = { PATH: bin, HOME: join(folder, 'home'), TMPDIR: temporary }
    const options = { env, cwd: folder, encoding: 'utf8' } as const
    const { status, stdout, stderr } = spawnSync(path, [...before, file, ...args], options)
    // Whatever happens, it cleans up after itself.
    assert.equal(readdirSync(temporary), [])
    return { status, stdout, stderr }
  }
  return { folder, prefix, bin, install }
}

/** All files below a folder. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort()

test('every shell installs the executable, the man page, completions and units', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  for (const shell of SHELLS) {
    const { prefix, install } = machine()
    const { status, stdout, stderr } = install(['--from', artefacts, '--prefix', prefix], shell)
    assert.equal({ status, stderr }, { status: 0, stderr: '' }, shell.join(' '))
    assert.is(
      stdout,
      `exec-server 1.0.0 is installed: ${prefix}/bin/exec-server\n${prefix}/bin is not in PATH\n` +
        'bubblewrap is not installed: without it, requests for a sandbox are refused\n',
    )
    assert.equal(filesOf(prefix), [
      'bin/exec-server',
      'lib/systemd/system/exec-server@.service',
      'lib/systemd/user/exec-server.service',
      'share/bash-completion/completions/exec-server',
      'share/fish/vendor_completions.d/exec-server.fish',
      'share/man/man1/exec-server.1',
      'share/zsh/site-functions/_exec-server',
    ])
    const unit = readFileSync(join(prefix, 'lib/systemd/system/exec-server@.service'), 'utf8')
    assert.match(unit, `ExecStart=${prefix}/bin/exec-server --listen`)
  }
})

test.full('below HOME there is a unit for the user alone', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  const { folder, install } = machine()
  const prefix = join(folder, 'home', '.local')
  install(['--from', artefacts, '--prefix', prefix, '--bin-dir', join(folder, 'programs')])
  assert.ok(existsSync(join(folder, 'programs', 'exec-server')))
  const units = filesOf(prefix).filter((path) => path.endsWith('.service'))
  assert.equal(units, ['share/systemd/user/exec-server.service'])
})

test('an older version that is running goes on, and the next start is of the new one', async () => {
  const [older, newer] = [temporaryFolder(), temporaryFolder()]
  await addArchive(older)
  await addArchive(newer, { version: '2.0.0' })
  const { prefix, install } = machine()
  install(['--from', older, '--prefix', prefix])
  const executable = join(prefix, 'bin', 'exec-server')
  const running = endWithTest(spawn(executable, { stdio: ['pipe', 'pipe', 'inherit'] }))
  await once(running.stdout, 'data')
  assert.is(install(['--from', newer, '--prefix', prefix]).status, 0)
  assert.match(spawnSync(executable, ['--version']).stdout.toString(), '2.0.0')
  let output = ''
  running.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  running.stdin.end()
  await once(running, 'close')
  assert.is(output, '1.0.0 ends\n')
})

test('an archive with another checksum is not installed', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  appendFileSync(join(artefacts, 'exec-server-1.0.0-linux-x64.tar.gz'), 'x')
  const { prefix, install } = machine()
  const { status, stderr } = install(['--from', artefacts, '--prefix', prefix])
  assert.is(status, 1)
  assert.match(stderr, /has the checksum [0-9a-f]{64} instead of [0-9a-f]{64}: nothing was installed\n$/)
  assert.not.ok(existsSync(prefix))
})

test('an executable that does not start here replaces nothing', async () => {
  const [older, newer] = [temporaryFolder(), temporaryFolder()]
  await addArchive(older)
  const program = '#!/bin/sh\necho "error while loading shared libraries: libstdc++.so.6" >&2; exit 127\n'
  await addArchive(newer, { version: '2.0.0', program })
  const { prefix, install } = machine()
  install(['--from', older, '--prefix', prefix])
  const before = filesOf(prefix)
  const { status, stderr } = install(['--from', newer, '--prefix', prefix])
  assert.is(status, 1)
  assert.match(stderr, /libstdc\+\+ is missing: nothing was installed \(Debian: apt install libstdc\+\+6/)
  assert.match(spawnSync(join(prefix, 'bin', 'exec-server'), ['--version']).stdout.toString(), '1.0.0')
  assert.equal(filesOf(prefix), before)
})

test('the archive is that of the machine: processor, system and C library', async () => {
  const artefacts = temporaryFolder()
  for (const target of ['linux-x64', 'linux-arm64', 'darwin-arm64'])
    await addArchive(artefacts, { target, program: `#!/bin/sh\necho ${target}\n` })
  const told = (about: object): string => {
    const { prefix, install } = machine(about)
    const { stdout, stderr } = install(['--from', artefacts, '--prefix', prefix])
    return stderr === '' ? (stdout.split(' ')[0] as string) : stderr.replace(/^install.sh: /, '').trim()
  }
  assert.is(told({}), 'linux-x64')
  assert.is(told({ processor: 'aarch64' }), 'linux-arm64')
  assert.is(told({ os: 'Darwin', processor: 'arm64' }), 'darwin-arm64')
  assert.match(told({ os: 'Darwin', processor: 'x86_64' }), / has no exec-server for darwin-x64$/)
  assert.is(told({ processor: 'riscv64' }), 'there is no exec-server for riscv64, only for x86-64 and arm64')
  assert.match(told({ os: 'FreeBSD' }), /there is no exec-server for FreeBSD/)
  assert.is(told({ libc: 'glibc 2.27' }), 'the C library is glibc 2.27, and exec-server needs 2.28')
})

test.full('of several versions one must be chosen', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  await addArchive(artefacts, { version: '1.1.0' })
  const { prefix, install } = machine()
  assert.match(
    install(['--from', artefacts, '--prefix', prefix]).stderr,
    /has several versions: choose one with --version/,
  )
  const { stdout } = install(['--from', artefacts, '--prefix', prefix, '--version', 'v1.0.0'])
  assert.match(stdout, /^exec-server 1\.0\.0 is installed/)
  assert.match(
    install(['--from', artefacts, '--prefix', prefix, '--version', '1.0']).stderr,
    /has no exec-server 1\.0 for/,
  )
})

test.full('it takes .tar.xz where there is xz, and .tar.gz otherwise', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts, { formats: ['tar.gz', 'tar.xz'] })
  for (const without of [[], ['xz'], ['gzip']]) {
    const { prefix, install } = machine({ without })
    const { status, stderr } = install(['--from', artefacts, '--prefix', prefix])
    assert.equal({ status, stderr }, { status: 0, stderr: '' }, `without ${without}`)
  }
  const { install } = machine({ without: ['xz', 'gzip'] })
  assert.match(install(['--from', artefacts, '--prefix', '/nowhere']).stderr, /xz or gzip is needed/)
})

test.full('it says which program is missing', () => {
  for (const [name, message] of [
    ['sha256sum', 'sha256sum, shasum or openssl is needed'],
    ['tar', 'tar is missing'],
  ] as const) {
    const { install } = machine({ without: [name] })
    assert.match(install(['--from', '/tmp', '--prefix', '/nowhere']).stderr, message)
  }
  const { install } = machine({ without: ['curl'] })
  assert.match(install(['--from', 'https://localhost', '--prefix', '/nowhere']).stderr, 'curl or wget is needed')
})

test.full('without --from it takes the artefacts beside it, and says so if there are none', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  copyFileSync(script, join(artefacts, 'install.sh'))
  const { prefix, install } = machine()
  assert.is(install(['--prefix', prefix], ['sh'], join(artefacts, 'install.sh')).status, 0)
  assert.match(
    install(['--prefix', prefix]).stderr,
    /there is no SHA256SUMS beside this script: say where it is with --from/,
  )
})

test.full('a folder that cannot be written is named', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  const { folder, install } = machine()
  writeFileSync(join(folder, 'file'), '')
  const { status, stderr } = install(['--from', artefacts, '--prefix', join(folder, 'file')])
  assert.is(status, 1)
  assert.match(stderr, /file\/bin cannot be made: run this as root, or give another --prefix/)
})

test('wrong options are named, and --help lists the right ones', () => {
  const { install } = machine()
  assert.match(install(['--nonsense']).stderr, /there is no option --nonsense; see --help/)
  assert.match(install(['--from']).stderr, /--from takes a value/)
  assert.match(install(['--from', '/tmp', '--prefix', 'relative']).stderr, /take absolute paths, not relative/)
  assert.match(install(['--help']).stdout, /^Usage: install\.sh /)
})

test.full('it downloads the artefacts from a URL', async () => {
  const artefacts = temporaryFolder()
  await addArchive(artefacts)
  const web = createServer((request, response) =>
    response.end(readFileSync(join(artefacts, request.url?.slice(3) ?? ''))),
  )
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  atEnd(() => void web.close())
  const { folder, prefix, bin } = machine()
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/v1/`
  const env = { PATH: bin, HOME: folder, TMPDIR: folder }
  const child = endWithTest(
    spawn(join(bin, 'sh'), [script, '--from', url, '--prefix', prefix], { env, stdio: 'ignore' }),
  )
  assert.is((await once(child, 'close'))[0], 0)
  assert.ok(existsSync(join(prefix, 'bin', 'exec-server')))
})

test.full('the script is executable, as it is published', () => {
  const folder = temporaryFolder()
  copyFileSync(script, join(folder, 'install.sh'))
  chmodSync(join(folder, 'install.sh'), 0o755)
  assert.match(spawnSync(join(folder, 'install.sh'), ['--help']).stdout.toString(), /^Usage: /)
})

test('shellcheck finds nothing in it', () => {
  const { error, stdout } = spawnSync('shellcheck', ['--shell=sh', script], { encoding: 'utf8' })
  if (error !== undefined) skip('no shellcheck')
  assert.is(stdout, '')
})

test.run()
