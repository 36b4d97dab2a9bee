import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { EnvironmentConfigError } from '../../../../src/client/environments/errors.ts'
import { loadEnvironmentManager, readEnvironmentSettings } from '../../../../src/client/environments/load.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import { serverCommand } from '../../../support/server.ts'
import { test } from '../../../support/suite.ts'
import { withServer } from '../../../support/with-server.ts'

const local = { id: 'local', local: true as const }
const ALONE = { environments: [local], defaultId: 'local' }

async function inHome(body: (home: string) => Promise<void>): Promise<void> {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'environments-')))
  try {
    await body(home)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function fault(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    assert.instance(error, EnvironmentConfigError)
    return (error as Error).message
  }
  throw new Error('it was expected to fail')
}

async function outputOf(client: ExecClient, ...argv: string[]): Promise<string> {
  return new TextDecoder().decode((await client.run({ argv })).stdout)
}

test('without environments.toml, CODEX_EXEC_SERVER_URL says what there is', async () => {
  await inHome(async (CODEX_HOME) => {
    assert.equal(await readEnvironmentSettings({ env: { CODEX_HOME } }), ALONE)
    const CODEX_EXEC_SERVER_URL = ' ws://h:1/c/T '
    assert.equal(await readEnvironmentSettings({ env: { CODEX_HOME, CODEX_EXEC_SERVER_URL } }), {
      environments: [{ id: 'remote', url: 'ws://h:1/c/T' }],
      defaultId: 'remote',
    })
    await symlink('/nowhere/at/all', join(CODEX_HOME, 'environments.toml'))
    assert.is((await readEnvironmentSettings({ env: { CODEX_HOME, CODEX_EXEC_SERVER_URL } })).defaultId, 'remote')
  })
})

test('environments.toml takes the place of CODEX_EXEC_SERVER_URL, be it empty', async () => {
  await inHome(async (codexHome) => {
    await writeFile(join(codexHome, 'environments.toml'), '')
    assert.equal(await readEnvironmentSettings({ codexHome, env: { CODEX_EXEC_SERVER_URL: 'ws://h:1' } }), ALONE)
    assert.equal(await readEnvironmentSettings({ codexHome, env: { CODEX_EXEC_SERVER_URL: 'none' } }), ALONE)
  })
})

test('CODEX_HOME is the argument, else the variable, else .codex in the home directory', async () => {
  await inHome(async (HOME) => {
    const named = async (directory: string): Promise<string> => {
      const path = join(HOME, directory)
      await mkdir(path)
      const id = directory.replace('.', '')
      await writeFile(join(path, 'environments.toml'), `[[environments]]\nid = "${id}"\nprogram = "x"\ncwd = "w"`)
      return path
    }
    const [codexHome, CODEX_HOME, inside] = [await named('argument'), await named('variable'), await named('.codex')]
    const found = async (source: Parameters<typeof readEnvironmentSettings>[0]): Promise<unknown> =>
      (await readEnvironmentSettings(source)).environments[1]
    assert.equal(await found({ codexHome, env: { CODEX_HOME, HOME } }), {
      id: 'argument',
      command: ['x'],
      cwd: `${codexHome}/w`,
    })
    assert.equal(await found({ env: { CODEX_HOME, HOME } }), { id: 'variable', command: ['x'], cwd: `${CODEX_HOME}/w` })
    assert.equal(await found({ env: { HOME } }), { id: 'codex', command: ['x'], cwd: `${inside}/w` })
  })
})

test('a home without .codex in it has no environments.toml', async () => {
  await inHome(async (HOME) => assert.equal(await readEnvironmentSettings({ env: { HOME } }), ALONE))
})

test('a CODEX_HOME that is not there is an error, and no reason to run things here', async () => {
  assert.ok(
    (await fault(readEnvironmentSettings({ env: { CODEX_HOME: '/nowhere/at/all' } }))).includes('/nowhere/at/all'),
  )
})

test('a file that cannot be read or understood is an error that names it', async () => {
  await inHome(async (codexHome) => {
    const file = join(codexHome, 'environments.toml')
    const error = async (): Promise<string> => {
      const message = await fault(loadEnvironmentManager({ codexHome, env: {} }))
      assert.ok(message.startsWith(file), message)
      return message.slice(file.length)
    }
    await mkdir(file)
    await error()
    await rm(file, { recursive: true })
    await writeFile(file, Uint8Array.of(0x23, 0xff))
    assert.is(await error(), ': not UTF-8')
    await writeFile(file, 'default = "box"')
    assert.ok((await error()).startsWith(': `default` must be the id of an environment'))
    await writeFile(file, '# '.padEnd(2 * 1024 * 1024, 'x'))
    await error()
  })
})

test('the server that environments.toml names is started and used, in its directory and with its variables', async () => {
  await inHome(async (CODEX_HOME) => {
    const [program, args] = serverCommand(['--listen', 'stdio'])
    await mkdir(join(CODEX_HOME, 'work'))
    const lines = [
      'default = "box"',
      'include_local = false',
      '[[environments]]',
      'id = "box"',
      `program = ${JSON.stringify(program)}`,
      `args = ${JSON.stringify(args)}`,
      'cwd = "work"',
      'env = {MARK = "it"}',
    ]
    await writeFile(join(CODEX_HOME, 'environments.toml'), lines.join('\n'))
    await using manager = await loadEnvironmentManager({
      env: { ...process.env, CODEX_HOME, CODEX_EXEC_SERVER_URL: 'none' },
    })
    assert.equal(manager.ids, ['box'])
    const client = await manager.default()?.client()
    assert.ok(client)
    assert.is(
      await outputOf(client, 'sh', '-c', 'pwd; echo $MARK; test -n "$PATH" && echo more'),
      `${CODEX_HOME}/work\nit\nmore\n`,
    )
  })
})

test('a capability URL in CODEX_EXEC_SERVER_URL lets in', async () => {
  await inHome(async (codexHome) => {
    await withServer(['--capability-url'], async ({ url }) => {
      await using manager = await loadEnvironmentManager({ codexHome, env: { CODEX_EXEC_SERVER_URL: url } })
      assert.equal(manager.ids, ['remote'])
      const client = await manager.default()?.client()
      assert.ok(client)
      assert.is(await outputOf(client, 'echo', 'in'), 'in\n')
    })
  })
})

test('a token of environments.toml lets in, and the URL may have a fragment', async () => {
  await inHome(async (codexHome) => {
    const token = 'correct-horse-battery-staple'
    const file = join(codexHome, 'token')
    await writeFile(file, token, { mode: 0o600 })
    await withServer(['--ws-auth', 'capability-token', '--ws-token-file', file], async ({ url }) => {
      const entry = (id: string, secret: string): string =>
        `[[environments]]\nid = "${id}"\nurl = "${url}#fragment"\nauth_bearer_token = "${secret}"\n`
      await writeFile(join(codexHome, 'environments.toml'), entry('good', token) + entry('bad', 'wrong'))
      await using manager = await loadEnvironmentManager({ codexHome, env: {} })
      assert.is(manager.default()?.id, 'local')
      const client = await manager.get('good')?.client()
      assert.ok(client)
      assert.is(await outputOf(client, 'echo', 'in'), 'in\n')
      await manager.prepare()
      assert.ok(manager.get('bad')?.lastError?.message.includes('401'), manager.get('bad')?.lastError?.message)
    })
  })
})

test.run()
