/** Plugins and skills that are installed on the server's machine: capabilities/discoverV2. */
import { script } from '../case.ts'
import type { Case } from '../case.ts'
import { context, deny, literal, managed, read, ROOT } from '../../matrix/shapes.ts'
import { NEW } from '../reference.ts'

const METHOD = 'capabilities/discoverV2'

/** Of files in the user's home, which is Codex's, too. */
function finds(name: string, files: Record<string, string>, more: object = {}): Case {
  return script(
    `${METHOD} ${name}`,
    async (scene) => {
      for (const [file, content] of Object.entries(files)) scene.makeInHome(file, content)
      // The reference keeps what it has found for a while.
      await scene.restart()
      await (await scene.connect()).ask(METHOD, { cwd: '$/ws', ...more })
    },
    NEW,
  )
}

const D = '\ndescription: d'

/** Heads of a SKILL.md. */
const HEADS: Record<string, string> = {
  plain: `name: a b${D}`,
  'no name': 'description: d',
  'blank name': `name: "  "${D}`,
  'null name': `name: ~${D}`,
  'no description': 'name: x',
  'null description': 'name: x\ndescription:',
  number: 'name: 1\ndescription: 2.50',
  block: 'name: x\ndescription: |\n  one\n  two\n',
  colon: 'name: x\ndescription: Build for AWS: ECS # comment',
  'open list': 'name: x\ndescription: [a, b',
  list: 'name: x\ndescription: [a, b]',
  reserved: 'name: x\ndescription: `code` does',
  map: 'name: x\ndescription: {a: b}',
  hint: `name: x${D}\nargument-hint: <duration: e.g. 7d>`,
  'name twice': `name: x\nname: y${D}`,
  'other twice': `name: x${D}\no: 1\no: 2`,
  short: `name: x${D}\nmetadata:\n  short-description: "s  t"`,
  'metadata text': `name: x${D}\nmetadata: text`,
  'metadata null': `name: x${D}\nmetadata:`,
  'no map': '- a',
  empty: '',
  alias: 'name: &n x\ndescription: *n',
  tag: 'name: !foo x\ndescription: !!int 5',
  '64': `name: ${'n'.repeat(64)}${D}`,
  '65': `name: ${'n'.repeat(65)}${D}`,
  'open quote': 'name: x\ndescription: "abc',
  'two documents': `name: x${D}\n--- x`,
  control: 'name: x\ndescription: a\u0007b',
}

const asSkill = (head: string): string => `---\n${head}\n---\nbody\n`
const SKILL = asSkill(`name: s${D}`)

/** Files agents/openai.yaml of a skill. */
const METADATA: Record<string, string> = {
  whole:
    'interface: {display_name: Nice}\ndependencies:\n  tools:\n    - {type: mcp, value: gh, url: "https://x", oauth: {callback_port: 80}}\n    - {type: mcp}\npolicy:\n  allow_implicit_invocation: false\n  products: [codex, CHATGPT]\n',
  nulls: 'dependencies:\npolicy:\n',
  'no tools': 'dependencies: {tools: []}\npolicy: {}',
  'no product': 'policy: {products: [web]}',
  capitals: 'policy: {products: [Codex]}',
  yes: 'policy: {allow_implicit_invocation: yes}',
  quoted: 'policy: {allow_implicit_invocation: "true"}',
  'bad interface': 'interface: {icon_small: [a]}\npolicy: {}',
  'bad tool': 'dependencies: {tools: [text]}\npolicy: {}',
  'big port': 'dependencies: {tools: [{type: mcp, value: x, oauth: {callback_port: 70000}}]}\npolicy: {}',
  'two documents': 'policy: {}\n---\npolicy: {}\n',
  'no YAML': 'not: [yaml',
}

const MANIFESTS: Record<string, string> = {
  plain: '{"name":"n","version":"1","description":"d"}',
  nameless: '{}',
  blank: '{"name":" "}',
  number: '{"name":5}',
  list: '[]',
  malformed: '{',
  display: '{"name":"n","interface":{"displayName":" a  b "}}',
  blankdisplay: '{"name":"n","interface":{"displayName":" "}}',
  numberdisplay: '{"name":"n","interface":{"displayName":5}}',
  nointerface: '{"name":"n","interface":null}',
  badinterface: '{"name":"n","interface":5}',
  apps: '{"name":"n","apps":5}',
  servers: '{"name":"n","mcpServers":5}',
}

const VERSIONS: Record<string, readonly string[]> = {
  local: ['local', '9.0.0'],
  numbers: ['1.9.0', '1.10.0'],
  pre: ['1.0.0-alpha', '1.0.0'],
  build: ['1.0.0+2', '1.0.0+10', '1.0.0'],
  words: ['abc', '1.0.0'],
  spaces: ['1 0'],
}

const CACHE = 'plugins/cache'
const manifestIn = (folder: string): string => `${CACHE}/${folder}/.codex-plugin/plugin.json`

/** One file each, below a folder that is named after the case. */
const each = (table: Record<string, string>, place: (name: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(table).map(([name, content]) => [place(name), content]))

const heads = each(HEADS, (name) => `skills/${name}/SKILL.md`)
const one = { 'skills/one/SKILL.md': SKILL, [manifestIn('team/p/1')]: '{"name":"p"}' }
const confined = (...entries: Parameters<typeof managed>[0]): object => ({
  sandbox: context(managed(entries), { cwd: '$/ws', workspaceRoots: ['$/ws'] }),
})

export const installed: readonly Case[] = [
  finds('heads of skills', Object.fromEntries(Object.entries(heads).map(([file, head]) => [file, asSkill(head)]))),
  finds('heads in other places', {
    'skills/spaced/SKILL.md': ' --- \r\nname: x\r\ndescription: d\r\n\t---\r\n',
    'skills/endless/SKILL.md': '---\nname: x\ndescription: d\n',
    'skills/none/SKILL.md': 'text',
    'skills/SKILL.md': asSkill('description: in the folder itself'),
    'skills/.hidden/one/SKILL.md': SKILL,
    'skills/two  words/SKILL.md': asSkill('description: d'),
  }),
  finds('what skills say to clients', {
    ...each(METADATA, (name) => `skills/${name}/agents/openai.yaml`),
    ...Object.fromEntries(Object.keys(METADATA).map((name) => [`skills/${name}/SKILL.md`, SKILL])),
  }),
  finds('skills in plugins that are not installed', {
    'skills/team/.codex-plugin/plugin.json': '{"name":" team "}',
    'skills/team/a/SKILL.md': SKILL,
    'skills/blank/.codex-plugin/plugin.json': '{"name":" "}',
    'skills/blank/a/SKILL.md': SKILL,
    'skills/bad/.codex-plugin/plugin.json': '{',
    'skills/bad/a/SKILL.md': SKILL,
    'skills/long/.codex-plugin/plugin.json': JSON.stringify({ name: 'p'.repeat(127) }),
    'skills/long/a/SKILL.md': SKILL,
    'skills/longer/.codex-plugin/plugin.json': JSON.stringify({ name: 'p'.repeat(128) }),
    'skills/longer/a/SKILL.md': SKILL,
  }),
  finds('manifests of plugins', {
    ...each(MANIFESTS, (name) => manifestIn(`team/${name}/1`)),
    ...Object.fromEntries(Object.keys(MANIFESTS).map((name) => [`${CACHE}/team/${name}/1/skills/s/SKILL.md`, SKILL])),
  }),
  finds(
    'versions of plugins',
    Object.fromEntries(
      Object.entries(VERSIONS).flatMap(([name, versions]) =>
        versions.map((version) => [manifestIn(`team/${name}/${version}`), '{"name":"n"}']),
      ),
    ),
  ),
  finds(
    'names of plugins and marketplaces',
    Object.fromEntries(
      ['team/a.b', 'team/a..b', 'team/.a', 'team/a+b', 'team/-a', 'te.am/a', '_team/A', 'team/é'].map((name) => [
        manifestIn(`${name}/1`),
        '{"name":"n"}',
      ]),
    ),
  ),
  finds('where plugins come from', {
    ...each(
      {
        good: '{"schema_version":1,"remote_plugin_id":" plugins~x ","more":1}',
        bad: '{',
        newer: '{"schema_version":2,"remote_plugin_id":"x"}',
        blank: '{"schema_version":1,"remote_plugin_id":" "}',
      },
      (name) => `${CACHE}/remote/${name}/.codex-remote-plugin-install.json`,
    ),
    ...Object.fromEntries(
      ['good', 'bad', 'newer', 'blank'].map((name) => [manifestIn(`remote/${name}/1`), '{"name":"n"}']),
    ),
  }),
  finds("a skill of agents in the user's home", { '.agents/skills/one/SKILL.md': SKILL }),
  finds('nothing', {}),
  finds('sandboxed', one, confined(read(ROOT))),
  finds('sandboxed, where the skills are denied', one, confined(read(ROOT), deny(literal('file://$HOME/skills')))),
]
