/** What the operator says about sandboxes: doctor, --bwrap, --require-sandbox. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { isDeno, serverCommand, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-')))
test.after(() => rmSync(folder, { recursive: true }))

function doctor(args: readonly string[] = [], env: NodeJS.ProcessEnv = process.env) {
  const [command, rest] = serverCommand(['doctor', ...args])
  return spawnSync(command, rest, { encoding: 'utf8', timeout: 20_000, env })
}

const bwrap = spawnSync('sh', ['-c', 'command -v bwrap'], { encoding: 'utf8' }).stdout.trim()
const here = doctor()
const canConfine = process.platform === 'linux' && bwrap !== '' && here.status === 0
const skipHere = (title: string, _: () => unknown): void => test.skip(`${title} (no sandbox on this machine)`)
const confining = canConfine ? test : skipHere
const confiningInFull = canConfine ? test.full : skipHere

const managed = (network = 'restricted') => ({
  permissions: {
    type: 'managed',
    file_system: {
      type: 'restricted',
      entries: [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }],
    },
    network,
  },
  cwd: null,
})
const start = (processId: string, more: object = {}) => ({
  processId,
  argv: ['/bin/echo', 'hello'],
  cwd: '/',
  env: {},
  tty: false,
  ...more,
})

confining('the doctor says yes where commands can be confined', () => {
  const { status, stdout, stderr } = here
  assert.equal([status, stderr], [0, ''])
  assert.match(stdout, /Sandboxes can be enforced here\.\n$/)
  assert.match(stdout, bwrap)
})

test('without bubblewrap the doctor says no, why, and what to do', () => {
  if (process.platform !== 'linux') return
  for (const [args, env] of [
    [[], { ...process.env, PATH: folder }],
    [['--bwrap', join(folder, 'no-bwrap')], process.env],
  ] as const) {
    const { status, stdout } = doctor(args, env)
    assert.is(status, 1)
    assert.match(stdout, /Sandboxes cannot be enforced here/)
    assert.match(stdout, /--bwrap/)
  }
})

test.full('a bubblewrap that does not work is reported with its own message and a remedy', () => {
  if (process.platform !== 'linux') return
  const broken = join(folder, 'bwrap')
  writeFileSync(broken, '#!/bin/sh\necho "bwrap: No permissions to create a new namespace" >&2\nexit 1\n', {
    mode: 0o755,
  })
  const { status, stdout } = doctor(['--bwrap', broken])
  assert.is(status, 1)
  assert.match(stdout, 'No permissions to create a new namespace')
  assert.match(stdout, 'user namespaces')
})

test('a relative --bwrap is a usage error', () => {
  const [command, args] = serverCommand(['--bwrap', 'bwrap'])
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.is(status, 2)
  assert.match(stderr, '--bwrap takes an absolute path')
})

test('with --require-sandbox nothing runs and no file is touched without one', async () => {
  const server = await startServer(['--require-sandbox'])
  const client = await Client.connect(server.url)
  for (const sandbox of [
    undefined,
    null,
    { permissions: { type: 'disabled' } },
    { permissions: { type: 'external', network: 'enabled' } },
    { sandboxPolicy: { type: 'danger-full-access' } },
  ]) {
    assert.is((await client.ask('process/start', start('p', { sandbox }))).error?.code, -32602, JSON.stringify(sandbox))
    for (const [method, params] of [
      ['fs/readFile', { path: '/etc/hostname' }],
      ['fs/getMetadata', { path: '/' }],
      ['fs/writeFile', { path: join(folder, 'f'), dataBase64: '' }],
    ] as const) {
      const { error } = await client.ask(method, { ...params, sandbox })
      assert.is(error?.code, -32600, `${method} ${JSON.stringify(sandbox)}`)
      assert.match(error?.message as string, '--require-sandbox')
    }
  }
  assert.ok((await client.ask('fs/getMetadata', { path: '/', sandbox: managed() })).result)
  if (canConfine)
    assert.is(
      (await client.ask('process/start', start('q', { sandbox: managed() }))).result.sandboxType,
      'linuxSeccomp',
    )
  await client.close()
  await server.stop()
})

confiningInFull(
  'many sandboxed file calls at once are all answered, by a few helpers that end with the server',
  async () => {
    const server = await startServer()
    const clients = await Promise.all([1, 2, 3].map(() => Client.connect(server.url)))
    const sandboxes = Array.from({ length: 6 }, (_, index) => ({
      ...managed(),
      permissions: {
        ...managed().permissions,
        file_system: {
          type: 'restricted',
          entries: [
            ...managed().permissions.file_system.entries,
            { path: { type: 'path', path: `${folder}/${index}` }, access: 'deny' },
            { path: { type: 'path', path: folder }, access: 'write' },
          ],
        },
      },
    }))
    const answers = await Promise.all(
      clients.flatMap((client, who) =>
        sandboxes.flatMap((sandbox, index) => [
          client.ask('fs/writeFile', { path: join(folder, `f-${who}-${index}`), dataBase64: btoa(`${who}`), sandbox }),
          client.ask('fs/readFile', { path: join(folder, `f-${who}-${index}`), sandbox }),
        ]),
      ),
    )
    assert.equal(
      answers.filter(({ error }) => error !== undefined),
      [],
    )
    const helpers = (): number =>
      Number(
        spawnSync('sh', ['-c', `ps -o args= --ppid ${server.child.pid} | grep -c bwrap`], { encoding: 'utf8' }).stdout,
      )
    assert.ok(helpers() <= 4, `${helpers()} helpers`)
    for (const client of clients) await client.close()
    await server.stop()
    assert.is(helpers(), 0)
  },
)

/** A file is written, copied and read in a sandbox. */
async function copyConfined(megabytes: number): Promise<void> {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const sandbox = {
    permissions: {
      type: 'managed',
      file_system: {
        type: 'restricted',
        entries: [
          { path: { type: 'special', value: { kind: 'minimal' } }, access: 'read' },
          { path: { type: 'path', path: folder }, access: 'write' },
        ],
      },
      network: 'restricted',
    },
  }
  const data = Buffer.alloc(megabytes * 1024 * 1024, 'exec-server')
  const path = join(folder, 'large')
  assert.equal((await client.ask('fs/writeFile', { path, dataBase64: data.toString('base64'), sandbox })).result, {})
  assert.equal(
    (await client.ask('fs/copy', { sourcePath: path, destinationPath: `${path}-copy`, recursive: false, sandbox }))
      .result,
    {},
  )
  const { result } = await client.ask('fs/readFile', { path: `${path}-copy`, sandbox })
  assert.ok(Buffer.from(result.dataBase64, 'base64').equals(data))
  await client.close()
  await server.stop()
}

confiningInFull('a file of 11 MB goes in and out of a sandbox whole', () => copyConfined(11))

confiningInFull('a Node below a Node keeps its output in a sandbox', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const script =
    "require('child_process').spawn(process.execPath,['-e','console.log(\"inner\")'],{stdio:['pipe','pipe','pipe']}).stdout.on('data',d=>process.stdout.write('outer '+d))"
  const node = spawnSync('sh', ['-c', 'command -v node'], { encoding: 'utf8' }).stdout.trim()
  assert.equal(await client.run('n', [node, '-e', script], { sandbox: managed() }), {
    code: 0,
    output: 'outer inner\n',
  })
  await client.close()
  await server.stop()
})

confiningInFull('a protected folder that is removed and made anew is protected from the very next call', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const work = mkdtempSync(join(folder, 'anew-'))
  const sandbox = {
    ...managed(),
    permissions: {
      ...managed().permissions,
      file_system: {
        type: 'restricted',
        entries: [
          ...managed().permissions.file_system.entries,
          { path: { type: 'path', path: work }, access: 'write' },
        ],
      },
    },
  }
  for (let round = 0; round < 5; round++) {
    rmSync(join(work, '.git'), { recursive: true, force: true })
    mkdirSync(join(work, '.git'))
    const { error } = await client.ask('fs/writeFile', { path: join(work, '.git/config'), dataBase64: '', sandbox })
    assert.match(error?.message as string, /os error 30/)
    assert.equal((await client.ask('fs/writeFile', { path: join(work, 'file'), dataBase64: '', sandbox })).result, {})
  }
  await client.close()
  await server.stop()
})

confiningInFull(
  'a directory that a link leads to can be where a command is, and one that cannot be made says why',
  async () => {
    const server = await startServer()
    const client = await Client.connect(server.url)
    const work = mkdtempSync(join(folder, 'linked-'))
    symlinkSync(work, join(folder, 'link'))
    const sandbox = {
      permissions: {
        type: 'managed',
        file_system: {
          type: 'restricted',
          entries: [
            { path: { type: 'special', value: { kind: 'minimal' } }, access: 'read' },
            { path: { type: 'path', path: work }, access: 'write' },
          ],
        },
        network: 'restricted',
      },
    }
    assert.equal(await client.run('p', ['/bin/sh', '-c', 'pwd -P'], { sandbox, cwd: join(folder, 'link') }), {
      code: 0,
      output: `${work}\n`,
    })
    assert.is((await client.ask('process/start', start('q', { sandbox, cwd: folder }))).error?.code, -32602)
    const { error } = await client.ask('fs/createDirectory', { path: join(folder, 'a/b'), sandbox: managed() })
    assert.match(error?.message as string, /os error 30/)
    await client.close()
    await server.stop()
  },
)

/** What containers do to /proc: something is mounted in it, and the kernel makes no whole one below. */
const hideProc = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc/irq && exec "$@"', 'sh']
const canHide = canConfine && spawnSync('unshare', [...hideProc.slice(1), 'true']).status === 0

// From source Deno itself needs one.
;(canHide && !isDeno ? confiningInFull : test.skip)(
  'where no /proc can be mounted commands see none, and files are written and protected all the same',
  async () => {
    const [command, args] = serverCommand([])
    const child = spawn('unshare', [...hideProc.slice(1), command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = once(child, 'exit')
    try {
      const client = await Client.connect(await firstLine(child))
      const work = mkdtempSync(join(folder, 'work-'))
      const sandbox = {
        ...managed(),
        permissions: {
          ...managed().permissions,
          file_system: {
            type: 'restricted',
            entries: [
              ...managed().permissions.file_system.entries,
              { path: { type: 'path', path: work }, access: 'write' },
            ],
          },
        },
      }
      // Of one stream, as the order of two is not certain.
      const script = 'exec 2>&1; ls -A /proc; echo x > file; mkdir .git; echo end'
      assert.match(
        (await client.run('p', ['/bin/sh', '-c', `cd '${work}'; ${script}`], { sandbox })).output,
        /^launcher\n(mkdir: .*\n)?end\n$/,
      )
      assert.equal(
        (await client.ask('fs/writeFile', { path: join(work, 'other'), dataBase64: btoa('other'), sandbox })).result,
        {},
      )
      for (const [method, params] of [
        ['fs/createDirectory', { path: join(work, '.git') }],
        ['fs/writeFile', { path: join(work, '.codex'), dataBase64: '' }],
        ['fs/copy', { sourcePath: join(work, 'other'), destinationPath: join(work, '.aws'), recursive: false }],
      ] as const)
        assert.match((await client.ask(method, { ...params, sandbox })).error?.message as string, /os error (30|21)/)
      assert.equal(
        (
          await client.ask('fs/copy', {
            sourcePath: join(work, 'other'),
            destinationPath: join(work, 'copy'),
            recursive: false,
            sandbox,
          })
        ).result,
        {},
      )
      assert.equal(readdirSync(work).sort(), ['copy', 'file', 'other'])
      await client.close()
    } finally {
      child.kill('SIGTERM')
      await exit
    }
  },
)

test.run()
