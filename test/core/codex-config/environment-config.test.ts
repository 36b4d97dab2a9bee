/** environmentConfig/read over a disk that is a table of texts. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { readEnvironmentConfig } from '../../../src/core/codex-config/environment-config.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { fakeConfigFiles } from '../../support/fakes/fake-config-files.ts'
import type { FakeDisk } from '../../support/fakes/fake-config-files.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const SYSTEM = '/etc/codex/config.toml'
const MANAGED = '/etc/codex/managed_config.toml'
const REQUIREMENTS = '/etc/codex/requirements.toml'
const USER = '/home/user/.codex/config.toml'

type Asked = { cwd?: string; config?: string[][]; requirements?: string[][] }

const read = (disk: FakeDisk, { cwd = '/work', config = [['a']], requirements = config }: Asked = {}) =>
  readEnvironmentConfig({ cwd, configPaths: config, requirementsPaths: requirements }, fakeConfigFiles(disk))

const trust = (path: string, level = 'trusted'): string => `[projects."${path}"]\ntrust_level = "${level}"\n`

/** The layers of the configuration, in short. */
async function layers(disk: FakeDisk, asked: Asked = {}): Promise<Record<string, string>> {
  const { config } = await read(disk, { requirements: [], ...asked })
  return Object.fromEntries(
    config.layers.map(({ source, toml }) => [/\((.*)\/config.toml\)/.exec(source)?.[1] ?? source, toml.trim()]),
  )
}

/** The directories whose projects have a say. */
const projects = async (disk: FakeDisk, cwd: string): Promise<string[]> =>
  Object.keys(await layers(disk, { cwd }))
    .filter((name) => name.endsWith('/.codex') && !name.startsWith('/home'))
    .map((name) => name.slice(0, -'/.codex'.length))

async function failure(disk: FakeDisk, asked: Asked = {}): Promise<string> {
  try {
    await read(disk, asked)
  } catch (error) {
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, -32603)
    return (error as RpcError).message
  }
  throw new Error('it was answered')
}

// ---- the answer ----

test('a machine without any configuration has two empty stacks', async () => {
  assert.equal(await read({}), {
    userHomeDir: 'file:///home/user',
    codexHomeDir: 'file:///home/user/.codex',
    hostname: 'box',
    config: { layers: [], cloudInsertionIndex: 0 },
    requirements: { layers: [], cloudInsertionIndex: 0 },
  })
})

test('every layer has words for its source, its directory, and what was asked for', async () => {
  const texts = {
    [SYSTEM]: 'a = 1\nb = 1',
    [USER]: `a = 2\n${trust('/work')}`,
    '/work/.git/HEAD': '',
    '/work/.codex/config.toml': 'a = 3',
    '/work/ü b/.codex/config.toml': 'a = 4',
    [MANAGED]: 'a = 5\nsandbox_mode = "read-only"',
    [REQUIREMENTS]: 'a = 6',
  }
  const { config, requirements } = await read(
    { texts },
    { cwd: '/work/ü b', requirements: [['a'], ['allowed_sandbox_modes']] },
  )
  assert.equal(config, {
    layers: [
      { source: 'system (/etc/codex/config.toml)', baseDir: 'file:///etc/codex', toml: '"a" = 1\n' },
      { source: 'user (/home/user/.codex/config.toml)', baseDir: 'file:///home/user/.codex', toml: '"a" = 2\n' },
      { source: 'project (/work/.codex/config.toml)', baseDir: 'file:///work/.codex', toml: '"a" = 3\n' },
      {
        source: 'project (/work/ü b/.codex/config.toml)',
        baseDir: 'file:///work/%C3%BC%20b/.codex',
        toml: '"a" = 4\n',
      },
      {
        source: 'legacy managed_config.toml (/etc/codex/managed_config.toml)',
        baseDir: 'file:///etc/codex',
        toml: '"a" = 5\n',
      },
    ],
    cloudInsertionIndex: 1,
  })
  assert.equal(requirements, {
    layers: [
      { source: '/etc/codex/requirements.toml', baseDir: 'file:///etc/codex', toml: '"a" = 6\n' },
      {
        source: '/etc/codex/managed_config.toml',
        baseDir: 'file:///etc/codex',
        toml: '"allowed_sandbox_modes" = ["read-only"]\n',
      },
    ],
    cloudInsertionIndex: 1,
  })
})

test("the place for what the account requires is after the machine's own file, if that says anything", async () => {
  const texts = { [SYSTEM]: 'a = 1', [USER]: 'a = 1\nb = 1', [REQUIREMENTS]: 'a = 1' }
  for (const [key, index] of [
    ['a', 1],
    ['b', 0],
    ['c', 0],
  ] as const) {
    const { config, requirements } = await read({ texts }, { config: [[key]] })
    assert.equal([config.cloudInsertionIndex, requirements.cloudInsertionIndex], [index, index], key)
  }
})

test('no key is returned that was not asked for', async () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const file = fc.array(key).map((keys) => [...new Set(keys)].map((each) => `${each} = "secret of ${each}"`).join('\n'))
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(file, file, file, file),
      fc.uniqueArray(key, { minLength: 1 }),
      async ([system, user, managed, required], asked) => {
        const texts = { [SYSTEM]: system, [USER]: user, [MANAGED]: managed, [REQUIREMENTS]: required }
        const answer = JSON.stringify(await read({ texts }, { config: asked.map((each) => [each]) }))
        for (const each of ['a', 'b', 'c', 'd']) {
          const isThere =
            (asked as string[]).includes(each) && Object.values(texts).some((text) => text.includes(`${each} =`))
          assert.is(answer.includes(`secret of ${each}`), isThere, each)
        }
      },
    ),
  )
})

// ---- projects ----

const nested = {
  '/work/.git/HEAD': '',
  '/work/.codex/config.toml': 'a = "work"',
  '/work/sub/.codex/config.toml': 'a = "sub"',
  '/work/sub/deep/.codex/config.toml': 'a = "deep"',
}
const deep = '/work/sub/deep'
const all = ['/work', '/work/sub', '/work/sub/deep']

const TRUST: [string, string, string[]][] = [
  ['nothing is trusted unless the user says so', '', []],
  ['a trusted root goes for the whole project', trust('/work'), all],
  [
    'an entry of its own goes before that of the root',
    trust('/work') + trust(deep, 'untrusted'),
    ['/work', '/work/sub'],
  ],
  [
    'a trusted directory in an untrusted project is alone',
    trust('/work', 'untrusted') + trust('/work/sub'),
    ['/work/sub'],
  ],
  ['an entry for a directory above the project means nothing', trust('/'), []],
  ['an entry without a level means nothing', `[projects."${deep}"]\n${trust('/work')}`, all],
  ['an entry is the very path', trust('/work/') + trust('/work/../work') + trust('work'), []],
]
for (const [title, user, expected] of TRUST) {
  test(title, async () => assert.equal(await projects({ texts: { ...nested, [USER]: user } }, deep), expected))
}

test('what is trusted in a project is trusted because the root, the repository or the directory itself is', async () => {
  const places = ['/', '/work', '/work/sub', deep, '/other']
  const levels = fc.array(fc.tuple(fc.constantFrom(...places), fc.boolean())).map((entries) => new Map(entries))
  await fc.assert(
    fc.asyncProperty(levels, async (entries) => {
      const user = Array.from(entries, ([path, isTrusted]) => trust(path, isTrusted ? 'trusted' : 'untrusted')).join('')
      const found = await projects({ texts: { ...nested, [USER]: user } }, deep)
      assert.equal(
        found,
        all.filter((directory) => entries.get(directory) ?? entries.get('/work') ?? false),
      )
    }),
  )
})

test("the user's word goes before the system's, and the administrator's managed file before both", async () => {
  const [yes, no] = [trust('/work'), trust('/work', 'untrusted')]
  const said = (system: string, user: string, managed: string) =>
    projects({ texts: { ...nested, [SYSTEM]: system, [USER]: user, [MANAGED]: managed } }, '/work')
  assert.equal(await said(yes, '', ''), ['/work'])
  assert.equal(await said(yes, no, ''), [])
  assert.equal(await said(no, yes, ''), ['/work'])
  assert.equal(await said(yes, yes, no), [])
})

test("the files' entries for different directories go together", async () => {
  const texts = {
    ...nested,
    [SYSTEM]: trust('/work'),
    [USER]: trust('/work/sub', 'untrusted'),
    [MANAGED]: trust(deep, 'untrusted'),
  }
  assert.equal(await projects({ texts }, deep), ['/work'])
})

test('a project has no say in what is a project, nor in whom to trust', async () => {
  const texts = {
    ...nested,
    '/work/.codex/config.toml': `a = 1\nproject_root_markers = ["sub"]\n${trust(deep)}`,
    [USER]: trust('/work') + trust(deep, 'untrusted'),
  }
  assert.equal(await projects({ texts }, deep), ['/work', '/work/sub'])
})

test('a path may be taken by a link, and an entry may name either, the real path first', async () => {
  const links = { '/link': '/work' }
  assert.equal(await projects({ texts: { ...nested, [USER]: trust('/work') }, links }, '/link/sub'), [
    '/link',
    '/link/sub',
  ])
  assert.equal(await projects({ texts: { ...nested, [USER]: trust('/link') }, links }, '/link/sub'), [
    '/link',
    '/link/sub',
  ])
  assert.equal(await projects({ texts: { ...nested, [USER]: trust('/link') }, links }, '/work/sub'), [])
  assert.equal(
    await projects({ texts: { ...nested, [USER]: trust('/link') + trust('/work', 'untrusted') }, links }, '/link/sub'),
    [],
  )
})

const MARKERS: [string, string, string[]][] = [
  ['no marker: the directory alone', '[]', [deep]],
  ['a marker that is nowhere: the directory alone', '["nowhere"]', [deep]],
  ['the nearest of several', '["nowhere", "sub", ".git"]', all],
  ['a marker nearer than the repository', '["deep"]', ['/work/sub', deep]],
  ['a file as a marker', '[".codex/config.toml"]', [deep]],
]
for (const [title, markers, expected] of MARKERS) {
  test(`the root of a project is where a marker is; ${title}`, async () => {
    const user = `project_root_markers = ${markers}\n${trust('/work')}`
    assert.equal(await projects({ texts: { ...nested, [USER]: user } }, deep), expected)
  })
}

test('a name that is not UTF-8 is shown as well as can be, and whole in the URI', async () => {
  const texts = { ...nested, '/work/\udcff/.codex/config.toml': 'a = 1', [USER]: trust('/work') }
  const { config } = await read({ texts }, { cwd: '/work/\udcff' })
  assert.is(config.layers.at(-1)?.source, 'project (/work/\ufffd/.codex/config.toml)')
  assert.is(config.layers.at(-1)?.baseDir, 'file:///work/%FF/.codex')
})

test('a .git directory without a HEAD is none', async () => {
  const { '/work/.git/HEAD': _, ...texts } = nested
  assert.equal(await projects({ texts: { ...texts, '/work/.git/config': '', [USER]: trust('/work') } }, deep), [])
})

test("the user's own directory is no project's", async () => {
  const texts = {
    [USER]: `a = 1\n${trust('/home/user')}`,
    '/home/user/.git/HEAD': '',
    '/home/user/sub/.codex/config.toml': 'a = 2',
  }
  assert.equal(Object.keys(await layers({ texts }, { cwd: '/home/user/sub' })), [
    '/home/user/.codex',
    '/home/user/sub/.codex',
  ])
  const linked = {
    texts: { ...texts, '/work/.git/HEAD': '', [USER]: `a = 1\n${trust('/work')}` },
    links: { '/work/.codex': '/home/user/.codex' },
  }
  assert.equal(Object.keys(await layers(linked, { cwd: '/work' })), ['/home/user/.codex'])
})

test('a project does not say whom the user talks to', async () => {
  const keys = [
    'model_provider',
    'model_providers',
    'notify',
    'profile',
    'profiles',
    'chatgpt_base_url',
    'openai_base_url',
    'otel',
    'mcp_servers',
  ]
  const text = keys.map((key) => `${key} = "x"`).join('\n')
  const texts = { [SYSTEM]: text, [USER]: trust('/work'), '/work/.git/HEAD': '', '/work/.codex/config.toml': text }
  const found = await layers({ texts }, { config: keys.map((key) => [key]) })
  assert.equal(found, {
    '/etc/codex': keys.map((key) => `"${key}" = "x"`).join('\n'),
    '/work/.codex': '"mcp_servers" = "x"',
  })
})

test('what is not trusted is not even read', async () => {
  assert.equal(
    await layers({ texts: { [USER]: 'a = 1', '/work/.git/HEAD': '', '/work/.codex/config.toml': 'a = = 1' } }),
    {
      '/home/user/.codex': '"a" = 1',
    },
  )
})

// ---- worktrees ----

const worktree = {
  '/main/.git/HEAD': '',
  '/main/.git/worktrees/w/gitdir': '/work/.git\n',
  '/main/.git/worktrees/w/commondir': '../..\n',
  '/main/.codex/config.toml': 'a = "main"\nhooks = "of main"',
  '/work/.git': 'gitdir: /main/.git/worktrees/w\n',
  '/work/.codex/config.toml': 'a = "work"\nhooks = "of work"',
}
const inWorktree = (texts: Record<string, string>, links: Record<string, string> = {}) =>
  layers({ texts: { ...worktree, [USER]: trust('/main'), ...texts }, links }, { config: [['a'], ['hooks']] })

test('a linked worktree is trusted with its main checkout, whose hooks it has', async () => {
  const expected = { '/work/.codex': '"a" = "work"', '/main/.codex': '"hooks" = "of main"' }
  assert.equal(await inWorktree({}), expected)
  const relative = {
    '/work/.git': 'gitdir: ../main/.git/worktrees/w',
    '/main/.git/worktrees/w/gitdir': '../../../../work/.git',
  }
  assert.equal(await inWorktree(relative), expected)
  assert.equal(await inWorktree({ [USER]: trust('/main', 'untrusted') + trust('/work') }), expected)
  assert.equal(await inWorktree({ [USER]: trust('/main') + trust('/work', 'untrusted') }), {})
})

const FORGED: [string, Record<string, string>, Record<string, string>?][] = [
  ['another worktree', { '/main/.git/worktrees/w/gitdir': '/elsewhere/.git' }],
  ['none', { '/work/.git': 'gitdir: /main/.git/worktrees/none' }],
  [
    'a folder of its own',
    { '/work/.git': 'gitdir: /work/g', '/work/g/gitdir': '/work/.git', '/work/g/commondir': '/main/.git' },
  ],
  [
    'worktrees of its own',
    {
      '/work/.git': 'gitdir: /work/worktrees/g',
      '/work/worktrees/g/gitdir': '/work/.git',
      '/work/worktrees/g/commondir': '/main/.git',
    },
  ],
  ['the repository itself', { '/work/.git': 'gitdir: /main/.git' }],
  ['nothing', { '/work/.git': 'junk' }],
]
for (const [what, texts] of FORGED) {
  test(`a .git file that claims to belong to a trusted repository is not believed: it names ${what}`, async () => {
    assert.equal(await inWorktree(texts), {})
  })
}

test('the folder around a bare repository is no checkout of it', async () => {
  const bare = Object.fromEntries(
    Object.entries(worktree).map(([path, text]) => [
      path.replace('/main/.git', '/main/bare'),
      text.replace('/main/.git', '/main/bare'),
    ]),
  )
  assert.equal(await layers({ texts: { ...bare, [USER]: trust('/main') } }), {})
  assert.equal(await layers({ texts: { ...bare, [USER]: trust('/work') } }), { '/work/.codex': '"a" = "work"' })
})

test("a .git that is a link to a worktree's is not believed", async () => {
  const { '/work/.git': git, ...others } = worktree
  const texts = { ...others, '/true/.git': git, '/main/.git/worktrees/w/gitdir': '/true/.git', [USER]: trust('/main') }
  assert.equal(await layers({ texts, links: { '/work/.git': '/true/.git' } }), {})
})

// ---- requirements ----

const required = async (managed: string): Promise<Record<string, unknown>> => {
  const { requirements } = await read(
    { texts: { [MANAGED]: managed } },
    {
      requirements: [['allowed_approval_policies'], ['allowed_approvals_reviewers'], ['allowed_sandbox_modes'], ['a']],
    },
  )
  return Object.fromEntries(
    (requirements.layers[0]?.toml ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' = ', 2)),
  )
}

const DERIVED: [string, Record<string, string>][] = [
  ['approval_policy = "never"', { '"allowed_approval_policies"': '["never"]' }],
  ['approval_policy = "on-failure"', { '"allowed_approval_policies"': '["on-request"]' }],
  ['approvals_reviewer = "guardian_subagent"', { '"allowed_approvals_reviewers"': '["auto_review", "user"]' }],
  ['sandbox_mode = "read-only"', { '"allowed_sandbox_modes"': '["read-only"]' }],
  ['sandbox_mode = "workspace-write"', { '"allowed_sandbox_modes"': '["read-only", "workspace-write"]' }],
  ['sandbox_mode = "danger-full-access"', { '"allowed_sandbox_modes"': '["read-only", "danger-full-access"]' }],
  ['a = 1\nallowed_sandbox_modes = ["x"]', {}],
]
for (const [managed, expected] of DERIVED) {
  test(`the managed file's settings are requirements, its other keys are not: ${managed.split('\n')[0]}`, async () =>
    assert.equal(await required(managed), expected))
}

test('a granular policy is required with all of its members', async () => {
  const { requirements } = await read(
    {
      texts: {
        [MANAGED]: 'approval_policy = {granular = {mcp_elicitations = true, rules = false, sandbox_approval = true}}',
      },
    },
    { requirements: [['allowed_approval_policies']] },
  )
  const granular =
    '"sandbox_approval" = true, "rules" = false, "skill_approval" = false, "request_permissions" = false, "mcp_elicitations" = true'
  assert.is(requirements.layers[0]?.toml, `"allowed_approval_policies" = [{"granular" = {${granular}}}]\n`)
})

for (const managed of [
  'approval_policy = "nver"',
  'approval_policy = 5',
  'approval_policy = "toString"',
  'approval_policy = {granular = {rules = true}}',
  'sandbox_mode = ["read-only"]',
  'approvals_reviewer = ""',
]) {
  test(`a requirement that is not understood is not passed over: ${managed}`, async () => {
    for (const asked of [{}, { requirements: [] }, { requirements: [['allowed_sandbox_modes']] }]) {
      assert.match(await failure({ texts: { [MANAGED]: managed } }, asked), managed.split(' ')[0] as string)
    }
  })
}

// ---- failures ----

for (const path of [SYSTEM, USER, MANAGED, REQUIREMENTS, '/work/.codex/config.toml']) {
  test(`a broken file fails the call, whatever is asked for, with its place: ${path}`, async () => {
    const disk = (broken: string) => ({ texts: { '/work/.git/HEAD': '', [SYSTEM]: trust('/work'), [path]: broken } })
    if (path !== SYSTEM) await read(disk('x = 1'))
    for (const asked of [{}, { requirements: [] }, { config: [], requirements: [['x']] }]) {
      assert.match(await failure(disk('x = 1\ny = = 1'), asked), `${path}:2:5: `)
    }
  })
}

for (const [title, text] of [
  ['project_root_markers', 'project_root_markers = 5'],
  ['project_root_markers', 'project_root_markers = [".git", 5]'],
  ['projects', 'projects = 5'],
  ['/p', '[projects]\n"/p" = 5'],
  ['/p', trust('/p', 'maybe')],
  ['/p', '[projects."/p"]\ntrust_level = true'],
] as const) {
  test(`what cannot be understood of projects fails the call: ${text.replaceAll('\n', ' ')}`, async () =>
    assert.match(await failure({ texts: { [USER]: text } }), title))
}

test("the types of other keys are the client's affair", async () => {
  assert.equal(await layers({ texts: { [USER]: 'a = 1\nmodel = 5\nsandbox_mode = []' } }), {
    '/home/user/.codex': '"a" = 1',
  })
  const { requirements } = await read({ texts: { [REQUIREMENTS]: 'a = 1\nallowed_sandbox_modes = 7' } })
  assert.is(requirements.layers.length, 1)
})

// ---- the method ----

const params = { cwd: 'file:///work', configPaths: [['a']], requirementsPaths: [['a']] }

test('a client asks for it by paths of keys', async () => {
  const { server, host } = fakeServer()
  host.configFiles = fakeConfigFiles({ texts: { [USER]: 'a = 1', [REQUIREMENTS]: 'a = 2' } })
  const client = await MemoryClient.ready(server)
  const { result } = await client.ask('environmentConfig/read', { ...params, more: 1 })
  assert.equal(result.config.layers.length + result.requirements.layers.length, 2)
  assert.equal((await client.ask('environmentConfig/read', { ...params, configPaths: [] })).result.config.layers, [])
  assert.is((await client.ask('environmentConfig/read', { ...params, configPaths: [['']] })).error, undefined)
})

test('it finds what the same client has written before', async () => {
  const { server, host } = fakeServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  host.serveFile = async () => {
    await promise
    host.configFiles = fakeConfigFiles({ texts: { [USER]: 'a = 1' } })
  }
  const client = await MemoryClient.ready(server)
  const written = client.ask('fs/writeFile', { path: USER, dataBase64: '' })
  const asked = client.ask('environmentConfig/read', params)
  resolve()
  await written
  assert.is((await asked).result.config.layers.length, 1)
})

test('params that ask for nothing, or for what is elsewhere, are errors', async () => {
  const client = await MemoryClient.ready(fakeServer().server)
  const { cwd: _, ...noCwd } = params
  const { configPaths: __, ...noPaths } = params
  for (const wrong of [
    null,
    {},
    noCwd,
    noPaths,
    { ...params, cwd: '' },
    { ...params, cwd: 'tmp' },
    { ...params, cwd: 'http://x/y' },
    { ...params, cwd: 'file:///C:/x' },
    { ...params, cwd: 'file://host/x' },
    { ...params, cwd: 'file:///a%00b' },
    { ...params, configPaths: ['a'] },
    { ...params, configPaths: [[1]] },
    { ...params, configPaths: [[]] },
    { ...params, requirementsPaths: [['a'], []] },
    { ...params, requirementsPaths: null },
    { ...params, configPaths: [], requirementsPaths: [] },
  ]) {
    assert.is((await client.ask('environmentConfig/read', wrong)).error?.code, -32602, JSON.stringify(wrong))
  }
})

test.run()
