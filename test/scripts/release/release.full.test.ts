/** `npm run release` and what it publishes, with the real executable. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { buildExecutable } from '../../../scripts/build/executable.ts'
import { findTarget } from '../../../scripts/build/targets.ts'
import { npmEnvironment } from '../../../scripts/release/npm-environment.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { atEnd } from '../../support/scope.ts'
import { isDeno, root } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { olderNode, pathOf } from './older-node.ts'

/** For compressing and unpacking 118 MB some times, and a run of the compiler, on a busy machine. */
const LIMIT_MS = 300_000
const test = suite('release', { limitMs: LIMIT_MS })

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
let release: string
let executable: string

const target = `${process.platform}-${process.arch}`

test.before(async () => {
  if (isDeno || process.platform !== 'linux') return
  const folder = temporaryFolder()
  release = join(folder, 'release')
  executable = process.env['EXEC_SERVER_BINARY'] ?? join(folder, 'exec-server')
  if (process.env['EXEC_SERVER_BINARY'] === undefined) await buildExecutable(findTarget(), executable, root)
  const script = join(root, 'scripts', 'release', 'run.ts')
  const options = ['--target', target, '--executable', `${target}=${executable}`, '--level', '0', '--output', release]
  execFileSync(process.execPath, [script, ...options], { stdio: ['ignore', 'ignore', 'inherit'] })
})

/** Skips the test where no release was made. */
const needsRelease = (): void => void (release === undefined && skip('releases are made with Node, here on Linux'))

test('a release has archives, npm packages, the bill of materials, install.sh and sums that are right', () => {
  needsRelease()
  assert.equal(
    readdirSync(release).sort(),
    [
      'SHA256SUMS',
      `exec-server-${target}-${version}.tgz`,
      `exec-server-${version}-${target}.tar.gz`,
      `exec-server-${version}-${target}.tar.xz`,
      `exec-server-${version}.cdx.json`,
      `exec-server-${version}.tgz`,
      'install.sh',
    ].sort(),
  )
  execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: release })
})

test('the notices in the archive are those that the executable prints', () => {
  needsRelease()
  const name = `exec-server-${version}-${target}`
  const notices = execFileSync('tar', ['-xzOf', join(release, `${name}.tar.gz`), `${name}/NOTICES`])
  const printed = execFileSync(executable, ['--licenses'])
  assert.is(notices.toString().trim(), printed.toString().trim())
  for (const each of ['Node.js is licensed', 'OpenSSL', 'V8', 'hono', 'ws', 'jose', 'valibot', 'smol-toml', 'node-pty'])
    assert.ok(notices.includes(each), each)
})

test('the server goes on while it is replaced, and the new one starts', async () => {
  needsRelease()
  const prefix = temporaryFolder()
  const install = (): void =>
    void execFileSync(join(release, 'install.sh'), ['--from', release, '--prefix', prefix], { stdio: 'ignore' })
  install()
  const start = async (): Promise<Client> => {
    const child = spawn(join(prefix, 'bin', 'exec-server'), { stdio: ['ignore', 'pipe', 'ignore'] })
    return Client.connect(await firstLine(endWithTest(child)))
  }
  const env = { PATH: '/usr/bin:/bin' }
  const client = await start()
  install()
  // A terminal and an argv[0] need the executable again.
  for (const more of [{}, { tty: true }, { arg0: 'other' }, { tty: true, arg0: 'other' }]) {
    const { code } = await client.run(JSON.stringify(more), ['/bin/true'], { env, ...more })
    assert.is(code, 0, JSON.stringify(more))
  }
  await client.close()
  const next = await start()
  assert.is((await next.run('p', ['/bin/true'], { env })).code, 0)
  await next.close()
})

/** A project that has installed the packages, from files alone. */
function project(): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const packages = readdirSync(release).filter((name) => name.endsWith('.tgz'))
  const args = ['install', '--offline', '--no-audit', '--no-fund', ...packages.map((name) => join(release, name))]
  execFileSync('npm', args, { cwd: folder, env: npmEnvironment(), stdio: ['ignore', 'ignore', 'inherit'] })
  return folder
}

test('npx of Node 20 serves from the packages, and the library of the package is a client of it', async () => {
  needsRelease()
  const node = olderNode() ?? skip('no older Node')
  const folder = project()
  assert.equal(
    readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['exec-server', `exec-server-${target}`],
  )
  const env = { ...npmEnvironment(), PATH: pathOf(node) }
  const told = spawnSync('npx', ['exec-server', '--version'], { cwd: folder, env, encoding: 'utf8' })
  assert.equal([told.stdout, told.stderr], [`exec-server ${version}\n`, ''])
  const server = spawn('npx', ['exec-server'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  // npx, the launcher and the executable are a process group.
  atEnd(async () => {
    process.kill(-(server.pid as number), 'SIGKILL')
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  })
  const url = await firstLine(server)
  writeFileSync(
    join(folder, 'program.ts'),
    `import { connect } from 'exec-server/client'
    await using devbox = await connect(process.argv[2]!)
    const { stdout } = await devbox.run({ argv: ['/bin/echo', 'through npx'] })
    console.log(new TextDecoder().decode(stdout))`,
  )
  const { stdout, stderr } = spawnSync(process.execPath, ['program.ts', url], { cwd: folder, encoding: 'utf8' })
  assert.match(stdout, 'through npx', stderr)
})

test('the library has what it needs inside: it loads where no other package is installed', () => {
  needsRelease()
  const folder = temporaryFolder()
  const modules = join(folder, 'node_modules', 'exec-server')
  mkdirSync(modules, { recursive: true })
  execFileSync('tar', ['-xzf', join(release, `exec-server-${version}.tgz`), '-C', modules, '--strip-components=1'])
  const program = "await import('exec-server/client'); await import('exec-server/client/mcp'); console.log('loaded')"
  writeFileSync(join(folder, 'program.mjs'), program)
  assert.is(execFileSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' }), 'loaded\n')
  assert.match(readFileSync(join(modules, 'dist', 'client', 'NOTICES'), 'utf8'), /\nws\n=+\n/)
})

test('the types of the library need no other package', () => {
  needsRelease()
  const folder = temporaryFolder()
  const modules = join(folder, 'node_modules', 'exec-server')
  mkdirSync(modules, { recursive: true })
  execFileSync('tar', ['-xzf', join(release, `exec-server-${version}.tgz`), '-C', modules, '--strip-components=1'])
  const types = join(modules, 'dist', 'client', 'types')
  const imported = readdirSync(types, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.d.ts'))
    .flatMap((path) => [
      ...readFileSync(join(types, path), 'utf8').matchAll(/(?:from|import)\s*\(?['"]([^.'"][^'"]*)['"]/g),
    ])
    .map(([, name]) => name as string)
    // Examples in comments.
    .filter((name) => !name.startsWith('exec-server/'))
  assert.equal([...new Set(imported.filter((name) => !name.startsWith('node:')))], [])
})

test.run()
