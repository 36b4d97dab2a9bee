/** The executable alone: built as the README says, copied to an empty folder, run where nothing helps it. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Elf } from '../../scripts/build/elf.ts'
import { packagedAddon } from '../../src/host/process/pty-addon.ts'
import { endWithTest } from '../support/child.ts'
import { Client } from '../support/client.ts'
import { atEnd } from '../support/scope.ts'
import { root } from '../support/server.ts'
import { skip, suite } from '../support/suite.ts'
import { temporaryFolder } from '../support/temporary.ts'

const test = suite('executable')
let folder: string
let binary: string

test.before(() => {
  folder = temporaryFolder('exec-server-alone-')
  binary = join(folder, 'exec-server')
  const built = process.env['EXEC_SERVER_BINARY']
  if (built !== undefined) return copyFileSync(built, binary)
  const node = join(root, 'node_modules', '.bin', 'node')
  execFileSync(node, [join(root, 'scripts', 'build.ts'), '--output', binary], { cwd: root, stdio: 'ignore' })
})

/** Runs the executable without a HOME and without a Node on PATH. */
function start(args: readonly string[], before: readonly string[] = []): ChildProcess {
  const [command, ...rest] = [...before, binary, ...args]
  return endWithTest(
    spawn(command as string, rest, {
      cwd: folder,
      env: { PATH: '/nowhere', NODE_OPTIONS: '--no-such-option' },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
}

async function checkTerminal(server: ChildProcess): Promise<void> {
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  let stderr = ''
  server.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const client = await Client.connect(line.toString().trim())
  const sh = ['/bin/sh', '-c', 'test -t 0 && echo terminal; stty size; exit 3']
  const env = { PATH: '/usr/bin:/bin' }
  assert.equal(await client.run('t', sh, { tty: true, env }), { code: 3, output: 'terminal\r\n24 80\r\n' })
  assert.equal(
    await client.run('a', ['/bin/sh', '-c', 'tr "\\0" " " < /proc/$$/cmdline | cut -c1-6'], {
      tty: true,
      arg0: 'custom',
      env,
    }),
    { code: 0, output: 'custom\r\n' },
  )
  assert.equal(await client.run('p', ['/bin/sh', '-c', 'echo x > /dev/stdout'], { env }), { code: 0, output: 'x\n' })
  await client.close()
  process.kill(server.pid as number)
  assert.equal(await once(server, 'exit'), [0, null])
  assert.is(stderr, '')
  assert.equal(readdirSync(folder), ['exec-server'])
}

test('it serves and runs a terminal without Node, HOME or a word on stderr', () => checkTerminal(start([])))

test('--licenses prints the notices of what is inside, also to a reader that stops early', () => {
  const { stdout, stderr, status } = spawnSync(binary, ['--licenses'], { encoding: 'utf8', maxBuffer: 1 << 24 })
  assert.equal({ stderr, status }, { stderr: '', status: 0 })
  const own = ['exec-server', '@hono/node-server', '@hono/node-ws', 'hono', 'jose', 'node-pty', 'smol-toml', 'valibot']
  for (const title of own) assert.match(stdout, `\n${title}\n====`)
  for (const inside of ['Node.js is licensed', 'OpenSSL', 'V8', 'ICU']) assert.match(stdout, inside)
  const head = spawnSync('/bin/sh', ['-c', '"$0" --licenses | head -n 1', binary], { encoding: 'utf8' })
  assert.equal([head.stdout, head.stderr], [`${'='.repeat(80)}\n`, ''])
})

const isLinux = process.platform === 'linux'

/** What every Linux with the GNU C library has. */
const USUAL_LIBRARIES = /^(?:libc|libm|libdl|libpthread|librt|libutil|libstdc\+\+|libgcc_s|ld-linux-[\w-]+)\.so\.\d$/
/** Those of Debian 10 and RHEL 8. */
const NEWEST = { GLIBC: [2, 28], GLIBCXX: [3, 4, 22] }

if (isLinux) {
  test('it and its addon need only the C library, libstdc++ and libgcc_s, in versions from 2018', () => {
    for (const file of [binary, packagedAddon()]) {
      const elf = new Elf(readFileSync(file))
      assert.equal(
        elf.needed().filter((library) => !USUAL_LIBRARIES.test(library)),
        [],
        file,
      )
      const versions = elf.versionNeeds().flatMap((need) => need.versions.map(({ name }) => name))
      assert.ok(versions.length > 0)
      assert.equal(versions.filter(isTooNew), [], file)
    }
  })
} else test.skip('it needs only usual libraries (not shown here: ELF files are of Linux)')

function isTooNew(name: string): boolean {
  const [family, version] = name.split('_') as [string, string | undefined]
  const newest = NEWEST[family as keyof typeof NEWEST]
  if (newest === undefined || version === undefined) return false
  const parts = version.split('.').map(Number)
  const at = newest.findIndex((part, index) => part !== (parts[index] ?? 0))
  return at >= 0 ? (parts[at] ?? 0) > (newest[at] as number) : parts.length > newest.length
}

/** A mount namespace of its own, where the machine lets us make one: as root, else in a user namespace. */
const unshare = [['-m'], ['-rm']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0)

for (const mounts of [
  'mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /dev/shm; mount -t tmpfs -o ro none /var/tmp',
  'mount -o bind,noexec /tmp /tmp; mount -t tmpfs -o noexec none /tmp; mount -t tmpfs -o noexec none /dev/shm; mount -t tmpfs -o noexec none /var/tmp',
]) {
  test.full(
    `it serves a terminal where temporary folders are ${mounts.includes('noexec') ? 'noexec' : 'read-only'}`,
    async () => {
      if (unshare === undefined) skip('this machine makes no mount namespaces')
      const elsewhere = mkdtempSync('/var/exec-server-alone-')
      atEnd(() => rmSync(elsewhere, { recursive: true }))
      copyFileSync(binary, join(elsewhere, 'exec-server'))
      const child = endWithTest(
        spawn(
          '/usr/bin/unshare',
          [...unshare, '/bin/sh', '-c', `PATH=/usr/bin:/bin; ${mounts}; PATH=/nowhere; exec ${elsewhere}/exec-server`],
          {
            cwd: elsewhere,
            env: {},
            stdio: ['ignore', 'pipe', 'pipe'],
          },
        ),
      )
      await checkTerminal(child)
      assert.equal(readdirSync(elsewhere), ['exec-server'])
    },
  )
}

test.run()
