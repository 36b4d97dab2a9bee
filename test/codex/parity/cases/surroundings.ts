/** What a server tells of its machine: environment/*, environmentConfig/read, capability discovery. */
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { context, deny, literal, managed, MINIMAL, read, ROOT } from '../../matrix/shapes.ts'
import type { Entry } from '../../matrix/shapes.ts'
import { NEW } from '../reference.ts'

const newer = { release: NEW }

const environment: Case[] = [
  ...requests(
    'environment/info',
    { 'without params': undefined, 'with null': null, 'with an empty list': [], 'with text': 'text' },
    newer,
  ),
  ...requests(
    'environment/status',
    {
      'without params': undefined,
      'with null': null,
      'with an empty object': {},
      'with unknown members': { a: 1 },
      'with a list': [1],
    },
    newer,
  ),
]

const config: Case[] = [
  ...malformed(
    'environmentConfig/read',
    { cwd: '$/ws', configPaths: [['mcp_servers']], requirementsPaths: [['mcp_servers']] },
    { cwd: 'string', configPaths: 'list', requirementsPaths: 'list' },
    newer,
  ),
  ...requests(
    'environmentConfig/read',
    {
      'in a missing folder': { cwd: '$/nowhere', configPaths: [['mcp_servers']], requirementsPaths: [] },
      'in a file': { cwd: '$/file.txt', configPaths: [['mcp_servers']], requirementsPaths: [] },
      'no paths': { cwd: '$/ws', configPaths: [], requirementsPaths: [] },
      'an empty path': { cwd: '$/ws', configPaths: [[]], requirementsPaths: [[]] },
      'a plain cwd': { cwd: '$T/ws', configPaths: [['mcp_servers']], requirementsPaths: [] },
    },
    newer,
  ),
]

const discovery: Case[] = [
  ...malformed('capabilityRoots/discoverV1', { roots: [{ id: 'a', path: '$/ws' }] }, { roots: 'list' }, newer),
  ...requests(
    'capabilityRoots/discoverV1',
    {
      'no roots': { roots: [] },
      'a missing folder': { roots: [{ id: 'a', path: '$/nowhere' }] },
      'a file': { roots: [{ id: 'a', path: '$/file.txt' }] },
      'two roots': {
        roots: [
          { id: 'a', path: '$/ws' },
          { id: 'b', path: '$/folder' },
        ],
      },
      'two roots of one name': {
        roots: [
          { id: 'a', path: '$/ws' },
          { id: 'a', path: '$/folder' },
        ],
      },
      'a root without a path': { roots: [{ id: 'a' }] },
      'a root without an id': { roots: [{ path: '$/ws' }] },
      'a root that is text': { roots: ['a'] },
      'a plain path': { roots: [{ id: 'a', path: '$T/ws' }] },
    },
    newer,
  ),
  ...malformed('capabilities/discoverV2', { cwd: '$/ws' }, { cwd: 'string' }, newer),
  ...requests(
    'capabilities/discoverV2',
    {
      'in a missing folder': { cwd: '$/nowhere' },
      'in a file': { cwd: '$/file.txt' },
      'a plain cwd': { cwd: '$T/ws' },
    },
    newer,
  ),
]

const SKILL = '---\nname: hello\ndescription: Says hello.\n---\n\nSay hello.\n'

/** What is found in files that are there for it; those that begin with a tilde in the user's home. */
function finds(name: string, files: Record<string, string>, method: string, params: object): Case {
  return script(
    `${method} ${name}`,
    async (scene) => {
      for (const [file, content] of Object.entries(files)) {
        if (file.startsWith('~/')) scene.makeInHome(file.slice(2), content)
        else scene.tree.makeFile(file, content)
      }
      await (await scene.connect()).ask(method, params)
    },
    NEW,
  )
}

const CONFIG = '[mcp_servers.own]\ncommand = "true"\nargs = ["a"]\n\n[other]\nkey = 1\n'
const readConfig = {
  cwd: '$/project/sub',
  configPaths: [['mcp_servers'], ['other', 'key']],
  requirementsPaths: [['mcp_servers']],
}
const roots = { roots: [{ id: 'a', path: '$/root' }] }

const confined = (entries: Entry[]): object => ({
  roots: [{ id: 'a', path: '$/root', sandbox: context(managed(entries), { cwd: '$/ws', workspaceRoots: ['$/ws'] }) }],
})

const found: Case[] = [
  finds('a skill, sandboxed', { 'root/SKILL.md': SKILL }, 'capabilityRoots/discoverV1', confined([read(ROOT)])),
  finds(
    'a skill that is denied',
    { 'root/SKILL.md': SKILL },
    'capabilityRoots/discoverV1',
    confined([read(ROOT), deny(literal('$/root'))]),
  ),
  finds(
    'a skill that is not granted',
    { 'root/SKILL.md': SKILL },
    'capabilityRoots/discoverV1',
    confined([read(MINIMAL)]),
  ),
  ...requests(
    'capabilityRoots/discoverV1',
    {
      'sandbox null': { roots: [{ id: 'a', path: '$/ws', sandbox: null }] },
      'sandbox text': { roots: [{ id: 'a', path: '$/ws', sandbox: 'x' }] },
      'sandbox empty': { roots: [{ id: 'a', path: '$/ws', sandbox: {} }] },
    },
    newer,
  ),
  finds(
    'a configuration in the folder',
    { 'project/sub/.codex/config.toml': CONFIG },
    'environmentConfig/read',
    readConfig,
  ),
  finds(
    'a configuration in the project',
    { 'project/.git/HEAD': '', 'project/.codex/config.toml': CONFIG, 'project/sub/x': '' },
    'environmentConfig/read',
    readConfig,
  ),
  finds(
    'a malformed configuration',
    { 'project/sub/.codex/config.toml': 'not = [toml' },
    'environmentConfig/read',
    readConfig,
  ),
  finds("a configuration in the user's home", { '~/config.toml': CONFIG }, 'environmentConfig/read', readConfig),
  finds("a configuration in the user's home, all of it", { '~/config.toml': CONFIG }, 'environmentConfig/read', {
    ...readConfig,
    configPaths: [['mcp_servers', 'own'], ['none']],
  }),
  finds(
    "a malformed configuration in the user's home",
    { '~/config.toml': 'not = [toml' },
    'environmentConfig/read',
    readConfig,
  ),
  finds(
    "requirements in the user's home",
    { '~/requirements.toml': '[mcp_servers.own]\ncommand = "x"\n' },
    'environmentConfig/read',
    readConfig,
  ),
  finds('a skill', { 'root/SKILL.md': SKILL }, 'capabilityRoots/discoverV1', roots),
  finds(
    'skills',
    { 'root/skills/one/SKILL.md': SKILL, 'root/skills/two/SKILL.md': SKILL.replaceAll('hello', 'bye') },
    'capabilityRoots/discoverV1',
    roots,
  ),
  finds(
    'a skill without a description',
    { 'root/one/SKILL.md': '---\nname: one\n---\n' },
    'capabilityRoots/discoverV1',
    roots,
  ),
  finds('a skill without a head', { 'root/one/SKILL.md': 'text\n' }, 'capabilityRoots/discoverV1', roots),
  finds(
    'a plugin',
    {
      'root/.codex-plugin/plugin.json': '{"name":"p","version":"1","description":"d"}',
      'root/skills/one/SKILL.md': SKILL,
    },
    'capabilityRoots/discoverV1',
    roots,
  ),
  finds('a malformed plugin', { 'root/.codex-plugin/plugin.json': '{' }, 'capabilityRoots/discoverV1', roots),
]

export const surroundings: readonly Case[] = [
  ...environment,
  ...config,
  ...discovery,
  ...found,
  script(
    'environment/info is what initialize tells',
    async (scene) => {
      const talk = await scene.open()
      const { environmentInfo } = await talk.quietly('initialize', { clientName: 'x' })
      await talk.tell('initialized')
      const info = await talk.quietly('environment/info')
      scene.note('environment/info', JSON.stringify(info) === JSON.stringify(environmentInfo))
    },
    NEW,
  ),
]
