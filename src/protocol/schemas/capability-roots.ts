/**
 * capabilityRoots/discoverV1: plugins and skills below folders that the user has chosen. capabilities/discoverV2: those that
 * are installed.
 */
import * as v from 'valibot'
import { pathToUri } from './path-uri.ts'
import { SandboxContext } from './sandbox-context.ts'
import { decode, FOREIGN, path, pathMapOf, pathOrForeign } from './schema-primitives.ts'

/** A folder on another machine is an error of that root, not of the call. */
const root = v.pipe(
  v.string('expected a path string'),
  v.rawTransform(({ dataset, config, addIssue, NEVER }) => {
    const { success, output, issues } = decode(pathOrForeign, dataset.value)
    const map = pathMapOf(config)
    if (success) {
      const uri = spelled(dataset.value, output)
      return { uri: map?.uriToOwn(uri, output) ?? uri, isForeign: output === FOREIGN }
    }
    addIssue({ message: issues[0].message })
    return NEVER
  }),
)

/** A file URI with only the characters that clients leave unescaped. */
const USUAL = /^file:\/\/\/[\w\-.~!$&'()*+,;=:@%/[\]^|]*$/

/** The URI as sent, so that the client recognises its folder; spellings that no client uses are normalised. */
function spelled(text: string, path: string): string {
  const names = (uri: string): number => uri.split('/').findLastIndex((name) => name !== '')
  const isUsual = path === FOREIGN || (USUAL.test(text) && names(text) === names(pathToUri(path)))
  return isUsual ? text : pathToUri(path)
}

/** Params of capabilityRoots/discoverV1. */
export const CapabilityRootsDiscoverParams = v.object({
  roots: v.array(v.object({ id: v.string(), path: root, sandbox: SandboxContext })),
})

/** A whole file. `path` is a URI. */
export type CapabilityFile = { path: string; contents: string }

/** A skill: its instructions and, if present, its metadata file. */
export type CapabilitySkill = { instructions: CapabilityFile; metadata: CapabilityFile | null }

/** A plugin: its manifest and, if present, its MCP and apps configuration. */
export type CapabilityPlugin = {
  manifest: CapabilityFile
  mcpConfig: CapabilityFile | null
  appsConfig: CapabilityFile | null
}

/** What was found in one root. */
export type Capabilities = {
  /** Null unless the root itself is a plugin. */
  plugin: CapabilityPlugin | null
  skills: CapabilitySkill[]
  /** Manifests of the plugins in the root, itself included, and of the nearest enclosing plugin if it is not one. */
  namespaceManifests: CapabilityFile[]
  /** What was left out and why. */
  warnings: string[]
}

/** The result for one root. `path` is a URI; `error` is set if nothing could be read. */
export type CapabilityRoot = Capabilities & { id: string; path: string; error: string | null }

/** Limits on the walk and the bytes of one root. */
const CapabilityBounds = v.object({
  walk: v.object({ maxDepth: v.number(), maxDirectories: v.number(), maxEntries: v.number() }),
  fileBytes: v.number(),
  rootBytes: v.number(),
  /** Bytes of JSON left in the response for files and for warnings. */
  left: v.object({ files: v.number(), warnings: v.number() }),
})
/** Limits on the walk and the bytes of one root. */
export type CapabilityBounds = v.InferOutput<typeof CapabilityBounds>

/** What one root contains, and the bytes of JSON left in the response after it. */
export type Discovery = { found: Capabilities; left: CapabilityBounds['left'] }

/** A request to the sandboxed helper. `root` is a URI. */
export const DiscoverInRoot = v.object({ root: v.string(), bounds: CapabilityBounds })

/** Params of capabilities/discoverV2. `cwd` is ignored: what is in projects is found by other means. */
export const DiscoverInstalledParams = v.object({ cwd: path, sandbox: SandboxContext })

/** A tool that a skill needs. */
export type SkillTool = {
  type: string
  value: string
  description: string | null
  transport: string | null
  command: string | null
  url: string | null
  oauthCallbackPort: number | null
}

/** What a skill's agents/openai.yaml says to clients. */
export type SkillMetadata = {
  dependencies: { tools: SkillTool[] } | null
  policy: { allowImplicitInvocation: boolean | null; products: string[] } | null
}

/** A skill, without its instructions. */
export type InstalledSkill = SkillMetadata & {
  /** With the name of the plugin around it: `PLUGIN:NAME`. */
  name: string
  description: string
  shortDescription: string | null
  /** URI of its SKILL.md. */
  path: string
}

/** A folder of skills. `path` is a URI. */
export type SkillFolder = { id: 'codex-home-skills' | 'user-agent-skills' | 'system-skills'; path: string }

/** An installed plugin. `root` is a URI. */
export type InstalledPlugin = {
  /** `NAME@MARKETPLACE`. */
  id: string
  displayName: string
  remotePluginId: string | null
  version: string
  root: string
  files: CapabilityPlugin
  skills: InstalledSkill[]
}

/** Result of capabilities/discoverV2. */
export type Inventory = {
  plugins: InstalledPlugin[]
  /** Skills outside of plugins. */
  skills: (InstalledSkill & { discoveryRoot: SkillFolder })[]
  warnings: string[]
}
