/** Reads a skill's agents/openai.yaml: the tools that it needs, and when it may be used. */
import type { SkillMetadata, SkillTool } from '../../protocol/schemas/capability-roots.ts'
import { ifShaped, oneLine, parseYamlMap, YamlShapeError } from './yaml-map.ts'
import type { YamlMap } from './yaml-map.ts'

const NOTHING: SkillMetadata = { dependencies: null, policy: null }

/** Of texts, in characters. Same as the reference. */
const MAX_SHORT = 64
const MAX_LONG = 1024

const MAX_PORT = 65_535

/** What the skill's product interface holds. It is not passed on, but must be valid. */
const INTERFACE = ['display_name', 'short_description', 'icon_small', 'icon_large', 'brand_color', 'default_prompt']

const PRODUCTS: ReadonlyMap<string, string> = new Map(
  ['chatgpt', 'codex', 'atlas'].flatMap((name): [string, string][] => [
    [name, name],
    [name.toUpperCase(), name],
  ]),
)

/** What the file says. Nothing, if any of it is not valid. */
export async function readSkillMetadata(contents: string | undefined): Promise<SkillMetadata> {
  if (contents === undefined) return NOTHING
  const file = await parseYamlMap(contents)
  if (file === undefined) return NOTHING
  return ifShaped(() => metadataOf(file)) ?? NOTHING
}

function metadataOf(file: YamlMap): SkillMetadata {
  const product = file.map('interface')
  for (const key of INTERFACE) product?.text(key)
  const tools = (file.map('dependencies')?.maps('tools') ?? []).map(toolOf).filter((tool) => tool !== undefined)
  return { dependencies: tools.length === 0 ? null : { tools }, policy: policyOf(file.map('policy')) }
}

function policyOf(policy: YamlMap | undefined): SkillMetadata['policy'] {
  if (policy === undefined) return null
  const products = policy.texts('products').map((name) => PRODUCTS.get(name))
  if (products.includes(undefined)) throw new YamlShapeError('there is no such product')
  return {
    allowImplicitInvocation: policy.boolean('allow_implicit_invocation') ?? null,
    products: products.filter((name) => name !== undefined),
  }
}

/** Undefined if the type or the value is missing, or too long. */
function toolOf(tool: YamlMap): SkillTool | undefined {
  const short = (key: string): string | null => bounded(tool.text(key), MAX_SHORT)
  const long = (key: string): string | null => bounded(tool.text(key), MAX_LONG)
  const read = {
    type: short('type'),
    value: long('value'),
    description: long('description'),
    transport: short('transport'),
    command: long('command'),
    url: long('url'),
    oauthCallbackPort: portOf(tool.map('oauth')),
  }
  const { type, value } = read
  return type === null || value === null ? undefined : { ...read, type, value }
}

function bounded(text: string | undefined, max: number): string | null {
  const line = oneLine(text)
  return line === '' || [...line].length > max ? null : line
}

const PORT_KEYS = ['callback_port', 'callbackPort'] as const

function portOf(oauth: YamlMap | undefined): number | null {
  if (oauth === undefined) return null
  if (PORT_KEYS.every((key) => oauth.has(key))) throw new YamlShapeError('the port is there twice')
  const port = oauth.integer(PORT_KEYS[0]) ?? oauth.integer(PORT_KEYS[1])
  if (port !== undefined && port > MAX_PORT) throw new YamlShapeError('there is no such port')
  return port ?? null
}
