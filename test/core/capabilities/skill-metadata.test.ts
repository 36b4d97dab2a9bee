/** What a skill's agents/openai.yaml says. Every case was compared with the reference. */
import * as assert from 'uvu/assert'
import { readSkillMetadata } from '../../../src/core/capabilities/skill-metadata.ts'
import { test } from '../../support/suite.ts'

const NOTHING = { dependencies: null, policy: null }
const DEFAULTS = { allowImplicitInvocation: null, products: [] }
const EMPTY_TOOL = { description: null, transport: null, command: null, url: null, oauthCallbackPort: null }

const tools = async (yaml: string): Promise<unknown> =>
  (await readSkillMetadata(`dependencies:\n  tools: [${yaml}]`)).dependencies?.tools ?? null

test('tools and policy are read, other members are passed over', async () => {
  const yaml = `interface:
  display_name: Nice
  other: [a]
dependencies:
  tools:
    - {type: mcp, value: " a  b ", description: "", url: https://x, extra: 1, oauth: {callback_port: 80}}
policy:
  allow_implicit_invocation: false
  products: [codex, CHATGPT, codex]
`
  assert.equal(await readSkillMetadata(yaml), {
    dependencies: { tools: [{ ...EMPTY_TOOL, type: 'mcp', value: 'a b', url: 'https://x', oauthCallbackPort: 80 }] },
    policy: { allowImplicitInvocation: false, products: ['codex', 'chatgpt', 'codex'] },
  })
})

test('without a file, or with null members, there is nothing; an empty policy is one', async () => {
  assert.equal(await readSkillMetadata(undefined), NOTHING)
  assert.equal(await readSkillMetadata('dependencies:\npolicy:\n'), NOTHING)
  assert.equal(await readSkillMetadata('policy: {products: ~}\n...\n'), { dependencies: null, policy: DEFAULTS })
})

test('a tool without a type or a value, or with one that is too long, is left out; a long text of another is null', async () => {
  const long = 'x'.repeat(1025)
  assert.is(await tools('{type: mcp}, {value: x}, {type: " ", value: x}, {type: mcp, value: ~}'), null)
  assert.is(await tools(`{type: mcp, value: ${long}}, {type: ${'t'.repeat(65)}, value: x}`), null)
  assert.equal(await tools(`{type: 1, value: 2, command: ${long}, transport: ${'t'.repeat(65)}}`), [
    { ...EMPTY_TOOL, type: '1', value: '2' },
  ])
})

test('a port is a number without quotes, in any notation of YAML', async () => {
  const port = async (value: string): Promise<unknown> =>
    ((await tools(`{type: mcp, value: x, oauth: ${value}}`)) as [{ oauthCallbackPort: unknown }] | null)?.[0]
      .oauthCallbackPort
  const ports = [
    '{callbackPort: +80}',
    '{callback_port: 0x50}',
    '{callback_port: 0o17}',
    '{callback_port: 0}',
    '{}',
    '~',
  ]
  assert.equal(await Promise.all(ports.map(port)), [80, 80, 15, 0, null, null])
  for (const value of [
    '{callback_port: "80"}',
    '{callback_port: 65536}',
    '{callback_port: -1}',
    '{callback_port: 080}',
    '{callback_port: 1.0}',
    'x',
    '{callback_port: 1, callbackPort: 1}',
  ])
    assert.is(await port(value), undefined, value)
})

test('whatever is not valid makes all of it void', async () => {
  const bad = [
    'policy: [a]',
    'policy: x',
    'policy: {products: [Codex]}',
    'policy: {products: [web]}',
    'policy: {products: codex}',
    'policy: {allow_implicit_invocation: yes}',
    'policy: {allow_implicit_invocation: "true"}',
    'policy: {}\npolicy: {}',
    'policy: {}\n---\npolicy: {}',
    'policy: {}\ninterface: [a]',
    'policy: {}\ninterface: {icon_large: [a]}',
    'policy: {}\ninterface: {display_name: a: b}',
    'policy: {}\ndependencies: {tools: text}',
    'policy: {}\ndependencies: {tools: [text]}',
    '- a',
    '',
    'policy:\n\tproducts: []',
  ]
  for (const yaml of bad) assert.equal(await readSkillMetadata(yaml), NOTHING, yaml)
})

test.run()
