/** Codex's configuration on a real disk, the administrator's in a folder of the test. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { readEnvironmentConfig } from '../../../src/core/codex-config/environment-config.ts'
import { configFiles } from '../../../src/host/fs/config-files.ts'
import type { EnvironmentConfig } from '../../../src/protocol/schemas/environment-config.ts'
import { test } from '../../support/suite.ts'

const MAX_BYTES = 10_000

type Scene = {
  root: string
  put(path: string, text: string | Uint8Array): string
  read(cwd?: string, environment?: NodeJS.ProcessEnv): Promise<EnvironmentConfig>
  failure(environment?: NodeJS.ProcessEnv): Promise<string>
}

async function inScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-config-')))
  const own = { HOME: join(root, 'home'), CODEX_HOME: join(root, 'codex') }
  mkdirSync(own.CODEX_HOME)
  const read = (cwd = root, environment: NodeJS.ProcessEnv = own): Promise<EnvironmentConfig> =>
    readEnvironmentConfig(
      { cwd, configPaths: [['a']], requirementsPaths: [['a']] },
      configFiles(MAX_BYTES, join(root, 'etc'), environment),
    )
  try {
    await run({
      root,
      put: (path, text) => {
        mkdirSync(dirname(join(root, path)), { recursive: true })
        writeFileSync(join(root, path), text)
        return join(root, path)
      },
      read,
      failure: async (environment) => {
        const answer = await read(root, environment).catch((error: Error) => error.message)
        return typeof answer === 'string' ? answer : 'it was answered'
      },
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

test("the files are read where they lie, the administrator's in the folder that is given", () =>
  inScene(async ({ root, put, read }) => {
    put('etc/config.toml', 'a = 1')
    put('etc/managed_config.toml', 'a = 2')
    put('etc/requirements.toml', '\ufeffa = 3')
    put('codex/config.toml', `a = 4\n[projects."${root}/work"]\ntrust_level = "trusted"`)
    put('work/.codex/config.toml', 'a = 5')
    execFileSync('git', ['init', '-q', join(root, 'work')])
    const { config, requirements, ...homes } = await read(join(root, 'work/not/there'))
    assert.equal(homes, {
      userHomeDir: `file://${root}/home`,
      codexHomeDir: `file://${root}/codex`,
      hostname: hostname(),
    })
    assert.equal(
      config.layers.map(({ baseDir, toml }) => [baseDir.slice(`file://${root}`.length), toml.trim()]),
      [
        ['/etc', '"a" = 1'],
        ['/codex', '"a" = 4'],
        ['/work/.codex', '"a" = 5'],
        ['/etc', '"a" = 2'],
      ],
    )
    assert.equal(requirements.layers, [
      { source: `${root}/etc/requirements.toml`, baseDir: `file://${root}/etc`, toml: '"a" = 3\n' },
    ])
  }))

test('a worktree that git has made is known as one', () =>
  inScene(async ({ root, put, read }) => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', join(root, 'main'), '-c', 'user.name=n', '-c', 'user.email=e', ...args], {
        stdio: 'ignore',
      })
    put('main/.codex/config.toml', 'a = 1')
    put('codex/config.toml', `[projects."${root}/main"]\ntrust_level = "trusted"`)
    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'm')
    git('worktree', 'add', '-q', join(root, 'linked'))
    const { config } = await read(join(root, 'linked'))
    assert.equal(
      config.layers.map(({ baseDir }) => baseDir),
      [`file://${root}/linked/.codex`],
    )
  }))

test('what is not there, or leads nowhere, is no error', () =>
  inScene(async ({ root, read }) => {
    mkdirSync(join(root, 'etc'))
    for (const name of ['etc/config.toml', 'etc/requirements.toml', 'codex/config.toml'])
      symlinkSync('nowhere', join(root, name))
    const { config, requirements } = await read()
    assert.equal([config.layers, requirements.layers], [[], []])
  }))

const UNREADABLE: [string, (path: string) => void][] = [
  ['is not a file', (path) => mkdirSync(path)],
  ['is not a file', (path) => execFileSync('mkfifo', [path])],
  ['is not a file', (path) => symlinkSync('/dev/zero', path)],
  ['Too many levels of symbolic links', (path) => symlinkSync(path, path)],
  ['not UTF-8', (path) => writeFileSync(path, new Uint8Array([0x61, 0x3d, 0x22, 0xff, 0x22]))],
  ['too large', (path) => writeFileSync(path, ' '.repeat(MAX_BYTES + 1))],
  [':1:5: ', (path) => writeFileSync(path, 'a = = 1')],
]
for (const [words, make] of UNREADABLE) {
  test(`what cannot be read is an error that names it: ${words}`, async () => {
    for (const name of ['etc/config.toml', 'etc/managed_config.toml', 'etc/requirements.toml', 'codex/config.toml']) {
      await inScene(async ({ root, failure }) => {
        mkdirSync(join(root, 'etc'))
        make(join(root, name))
        const message = await failure()
        assert.match(message, words)
        assert.match(message, join(root, name))
      })
    }
  })
}

test("a file in the place of the administrator's folder is an error", () =>
  inScene(async ({ put, failure }) => {
    put('etc', '')
    assert.match(await failure(), 'Not a directory')
  }))

test('the largest file is read', () =>
  inScene(async ({ put, read }) => {
    put('codex/config.toml', 'a = 1'.padEnd(MAX_BYTES))
    assert.is((await read()).config.layers.length, 1)
  }))

test('without CODEX_HOME the configuration is in the home directory, whether it exists or not', () =>
  inScene(async ({ root, put, read }) => {
    const homes = async (environment: NodeJS.ProcessEnv) => {
      const { userHomeDir, codexHomeDir, config } = await read(root, environment)
      return [userHomeDir, codexHomeDir, config.layers.length]
    }
    assert.equal(await homes({ HOME: `${root}/x/../home/` }), [`file://${root}/home`, `file://${root}/home/.codex`, 0])
    put('home/.codex/config.toml', 'a = 1')
    assert.equal(await homes({ HOME: join(root, 'home'), CODEX_HOME: '' }), [
      `file://${root}/home`,
      `file://${root}/home/.codex`,
      1,
    ])
    assert.equal((await homes({ HOME: 'relative', CODEX_HOME: root })).slice(0, 2), [null, `file://${root}`])
  }))

test('without HOME the user database says where it is', () =>
  inScene(async ({ root, read }) => {
    const { userHomeDir } = await read(root, { CODEX_HOME: join(root, 'codex') })
    assert.match(userHomeDir ?? '', /^file:\/\/\//)
    assert.is((await read(root, { HOME: '', CODEX_HOME: join(root, 'codex') })).userHomeDir, userHomeDir)
  }))

test('CODEX_HOME is reported with its links resolved, and must be a directory', () =>
  inScene(async ({ root, put, read, failure }) => {
    symlinkSync('codex', join(root, 'link'))
    assert.is((await read(root, { HOME: root, CODEX_HOME: join(root, 'link') })).codexHomeDir, `file://${root}/codex`)
    assert.match(await failure({ HOME: root, CODEX_HOME: join(root, 'missing') }), 'does not exist')
    assert.match(await failure({ HOME: root, CODEX_HOME: put('file', '') }), 'not a directory')
  }))

test.run()
