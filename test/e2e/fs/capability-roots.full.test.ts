/** capabilityRoots/discoverV1 through a real server, on a real disk, with and without sandboxes. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const MiB = 1024 * 1024
const METHOD = 'capabilityRoots/discoverV1'
const canConfine = process.platform === 'linux' && spawnSync(...serverCommand(['doctor'])).status === 0

type File = { path: string; contents: string }
type Root = {
  id: string
  path: string
  plugin: { manifest: File; mcpConfig: File | null; appsConfig: File | null } | null
  skills: { instructions: File; metadata: File | null }[]
  namespaceManifests: File[]
  warnings: string[]
  error: string | null
}

// The full tier has answers of a hundred MiB, which a loaded machine takes more than a minute to make.
const test = suite('capability roots', { limitMs: 240_000 })
const confining = (title: string, body: () => Promise<void>): void =>
  canConfine ? test(title, body) : test.skip(`${title} (no sandbox on this machine)`)

const confiningInFull = (title: string, body: () => Promise<void>): void =>
  canConfine ? test.full(title, body) : test.skip(`${title} (no sandbox on this machine)`)

let server: RunningServer
let client: Client
let folder: string

/** Writes files below the test's folder; each says its name if nothing else. */
function write(files: readonly string[], content?: string | Uint8Array): void {
  for (const name of files) {
    const at = join(folder, name)
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, content ?? name)
  }
}

const uri = (name: string): string => `file://${folder}/${name}`

test.before(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'exec-server-capabilities-')))
  write(['p/.codex-plugin/plugin.json', 'q/.claude-plugin/plugin.json', 'p/inner/.cursor-plugin/plugin.json'], '{}')
  write(['p/.mcp.json', 'p/.app.json', 'p/b/SKILL.md', 'p/a/SKILL.md', 'p/a/agents/openai.yaml', 'p/README.md'])
  write(['q/skills/s/SKILL.md', 'deep/1/2/3/4/5/6/SKILL.md', 'deep/1/2/3/4/5/6/7/SKILL.md'])
  symlinkSync('../q/skills', join(folder, 'p/linked'))
  symlinkSync('a/SKILL.md', join(folder, 'p/SKILL.md'))
  symlinkSync('.', join(folder, 'p/loop'))
  mkdirSync(join(folder, 'p/pipe'))
  execFileSync('mkfifo', [join(folder, 'p/pipe/SKILL.md')])
  server = await startServer()
  client = await Client.connect(server.url)
})
test.after(async () => {
  await client.close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

const ask = async (roots: object[]): Promise<Root[]> => (await client.request(METHOD, { roots })).roots
const discover = async (name: string, sandbox: object | null = null): Promise<Root> =>
  (await ask([{ id: name, path: uri(name), sandbox }]))[0] as Root

/** The paths of what was found, below the root; `+` is metadata. */
const short = ({ path, plugin, skills, namespaceManifests }: Root) => {
  const below = (file: File | null): string =>
    (file?.path ?? '').replace(`${path}/`, '').replace(`file://${folder}/`, '^')
  return {
    plugin: plugin && [plugin.manifest, plugin.mcpConfig, plugin.appsConfig].map(below).join(' '),
    skills: skills.map(({ instructions, metadata }) => below(instructions) + (metadata === null ? '' : '+')).join(' '),
    namespaces: namespaceManifests.map(below).join(' '),
  }
}

const WHOLE = {
  plugin: '.codex-plugin/plugin.json .mcp.json .app.json',
  skills: 'a/SKILL.md+ b/SKILL.md linked/s/SKILL.md',
  namespaces: '.codex-plugin/plugin.json inner/.cursor-plugin/plugin.json',
}

test('a plugin is found with its texts, by way of links too, but for linked instructions and pipes', async () => {
  const found = await discover('p')
  assert.equal(short(found), WHOLE)
  assert.equal([found.id, found.path, found.warnings, found.error], ['p', uri('p'), [], null])
  assert.equal(found.plugin?.mcpConfig, { path: uri('p/.mcp.json'), contents: 'p/.mcp.json' })
  assert.equal(found.skills[0], {
    instructions: { path: uri('p/a/SKILL.md'), contents: 'p/a/SKILL.md' },
    metadata: { path: uri('p/a/agents/openai.yaml'), contents: 'p/a/agents/openai.yaml' },
  })
})

test('a root inside a plugin has its namespace, and one six folders down is the last', async () => {
  assert.equal(short(await discover('q/skills')), {
    plugin: null,
    skills: 's/SKILL.md',
    namespaces: '^q/.claude-plugin/plugin.json',
  })
  assert.is(short(await discover('deep')).skills, '1/2/3/4/5/6/SKILL.md')
})

test('several roots are answered in order, what is no folder with its error', async () => {
  const roots = await ask([
    { id: '1', path: uri('none') },
    { id: '2', path: uri('p/README.md') },
    { id: '3', path: 'file:///C:/x' },
    { id: '4', path: uri('p/README.md/x') },
    { id: '5', path: uri('q/') },
  ])
  assert.equal(
    roots.map(({ error }) => error?.replaceAll(folder, '')),
    [
      'capability root file:///none: No such file or directory (os error 2)',
      'capability root file:///p/README.md: it is not a directory',
      'capability root file:///C:/x: it is not on this machine',
      'capability root file:///p/README.md/x: /p/README.md/x: /p/README.md is not a directory: Not a directory (os error 20)',
      undefined,
    ],
  )
  assert.equal(
    roots.map(({ id }) => id),
    ['1', '2', '3', '4', '5'],
  )
  assert.is(roots[4]?.skills[0]?.instructions.path, uri('q/skills/s/SKILL.md'))
})

test('the root of the disk is looked through as far as the bounds go', async () => {
  const [root] = await ask([{ id: '/', path: 'file:///' }])
  assert.is(root?.error, null)
  assert.is(root?.path, 'file:///')
})

test('files that are too large or no text are left out', async () => {
  write(['odd/fits/SKILL.md'], 'x'.repeat(MiB))
  write(['odd/large/SKILL.md'], 'x'.repeat(MiB + 1))
  write(['odd/latin/SKILL.md'], Uint8Array.of(0x61, 0xe9))
  const found = await discover('odd')
  assert.is(short(found).skills, 'fits/SKILL.md')
  assert.equal(found.warnings, [
    `left out ${uri('odd/large/SKILL.md')}: it has more than ${MiB} bytes`,
    `left out ${uri('odd/latin/SKILL.md')}: it is not UTF-8`,
  ])
})

test('more folders than are looked through are cut off, with a warning', async () => {
  write(
    Array.from({ length: 2001 }, (_, index) => `many/${index}/SKILL.md`),
    's',
  )
  const found = await discover('many')
  assert.is(found.skills.length, 1999)
  assert.equal(found.warnings, [`there is more below ${uri('many')} than is looked through`])
})

test('a root gives 16 MiB', async () => {
  write(
    Array.from({ length: 18 }, (_, index) => `full/${index + 10}/SKILL.md`),
    'x'.repeat(MiB),
  )
  const { skills, warnings } = await discover('full')
  assert.equal([skills.length, warnings.length], [16, 2])
})

/** Some 120 MiB if a text is as long in JSON as it can be. */
const HEAVY = Array.from({ length: 20 }, (_, index) => `heavy/${index + 10}/SKILL.md`)

test.full('an answer gives what a message holds', async () => {
  write(HEAVY, 'x'.repeat(MiB))
  const root = { id: 'h', path: uri('heavy') }
  const alone = await discover('heavy')
  assert.equal([alone.skills.length, alone.warnings.length], [16, 4])
  const roots = await ask(Array.from({ length: 8 }, () => root))
  assert.equal(
    roots.map(({ skills }) => skills.length),
    [16, 16, 15, 0, 0, 0, 0, 0],
  )
  assert.ok(roots.every(({ warnings, skills }) => warnings.length === 20 - skills.length))
  // The worst of texts, as JSON.
  write(HEAVY, '\u0001'.repeat(MiB))
  assert.is((await ask([root, root]))[0]?.skills.length, 7)
})

// ---- sandboxes ----

const entry = (name: string, access: string) => ({ path: { type: 'path', path: uri(name) }, access })
const special = (kind: string) => ({ path: { type: 'special', value: { kind } }, access: 'read' })
const sandboxOf = (...entries: object[]) => ({
  permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' },
  cwd: `file://${folder}`,
})

confining('in a sandbox that lets everything be read the same is found', async () => {
  assert.equal(await discover('p', sandboxOf(special('root'))), await discover('p'))
  assert.equal(await discover('p', sandboxOf(special('root'), entry('q', 'write'))), await discover('p'))
  assert.equal(
    await discover('p', sandboxOf(special('minimal'), entry('p', 'read'), entry('q', 'read'))),
    await discover('p'),
  )
})

confining('in a sandbox nothing is found that it does not let be read', async () => {
  const found = await discover('p', sandboxOf(special('minimal'), entry('p', 'read')))
  assert.equal(short(found), { ...WHOLE, skills: 'a/SKILL.md+ b/SKILL.md' })
  assert.equal([found.warnings, found.error], [[], null])
  const around = await discover('q/skills', sandboxOf(special('minimal'), entry('q/skills', 'read')))
  assert.equal(short(around), { plugin: null, skills: 's/SKILL.md', namespaces: '' })
  const hidden = await discover('p', sandboxOf(special('minimal'), entry('q', 'read')))
  assert.is(hidden.error, `capability root ${uri('p')}: No such file or directory (os error 2)`)
})

confining('paths that the sandbox denies are reported, and nothing of them is in the answer', async () => {
  const denied = await discover(
    'p',
    sandboxOf(special('root'), entry('p/a', 'deny'), entry('p/.mcp.json', 'deny'), entry('q', 'deny')),
  )
  assert.equal(short(denied), { ...WHOLE, plugin: '.codex-plugin/plugin.json  .app.json', skills: 'b/SKILL.md' })
  assert.match(denied.warnings.join('\n'), `cannot look through ${uri('p/a')}: Permission denied`)
  assert.match(
    denied.warnings.join('\n'),
    `left out ${uri('p/.mcp.json')}: it is no regular file, or the sandbox denies it`,
  )
})

confining('a root that is denied gives nothing, and those beside it what their own sandboxes let be read', async () => {
  const roots = await ask([
    { id: 'denied', path: uri('p'), sandbox: sandboxOf(special('root'), entry('p', 'deny')) },
    { id: 'open', path: uri('p') },
    { id: 'half', path: uri('p'), sandbox: sandboxOf(special('root'), entry('p/b', 'deny'), entry('q', 'deny')) },
  ])
  assert.equal(roots.map(short), [
    { plugin: null, skills: '', namespaces: '' },
    WHOLE,
    { ...WHOLE, skills: 'a/SKILL.md+' },
  ])
  assert.match(roots[0]?.warnings.join('\n') ?? '', `cannot look through ${uri('p')}: Permission denied`)
  assert.is(JSON.stringify(roots[0]).includes('contents'), false)
})

confiningInFull('what is too large for an answer is so in a sandbox as well', async () => {
  write(HEAVY, '\u0001'.repeat(MiB))
  const sandbox = sandboxOf(special('minimal'), entry('heavy', 'read'))
  const root = { id: 'h', path: uri('heavy'), sandbox }
  const [first, second] = await ask([root, root])
  assert.equal([first?.skills.length, second?.skills.length, second?.warnings.length], [7, 0, 20])
})

test('a sandbox that cannot be enforced is the error of its root, and nothing is read', async () => {
  const lame = await startServer(['--bwrap', join(folder, 'no-bwrap')])
  const other = await Client.connect(lame.url)
  const sandbox = sandboxOf(special('minimal'), entry('p', 'read'))
  const { roots } = await other.request(METHOD, {
    roots: [
      { id: 'p', path: uri('p'), sandbox },
      { id: 'q', path: uri('q') },
    ],
  })
  if (process.platform === 'linux') assert.match(roots[0].error, /cannot enforce/)
  if (process.platform === 'linux') assert.equal(short(roots[0]), { plugin: null, skills: '', namespaces: '' })
  assert.is(short(roots[1]).skills, 'skills/s/SKILL.md')
  await other.close()
  await lame.stop()
})

test('where every file call must have a sandbox, a root without one is refused', async () => {
  const strict = await startServer(['--require-sandbox'])
  const other = await Client.connect(strict.url)
  const { roots } = await other.request(METHOD, { roots: [{ id: 'p', path: uri('p') }] })
  assert.match(roots[0].error, '--require-sandbox')
  assert.equal(short(roots[0]), { plugin: null, skills: '', namespaces: '' })
  await other.close()
  await strict.stop()
})

test.run()
