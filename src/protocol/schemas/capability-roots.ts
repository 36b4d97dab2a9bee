/** capabilityRoots/discoverV1: the plugins and skills below folders that the user has chosen. */
import * as v from 'valibot'
import { pathToUri } from './path-uri.ts'
import { SandboxContext } from './sandbox.ts'
import { FOREIGN, pathOrForeign } from './schema-primitives.ts'

/** A folder of another machine is that root's error, and not the call's. */
const root = v.pipe(
  v.string('expected a path string'),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const { success, output, issues } = v.safeParse(pathOrForeign, dataset.value, { abortEarly: true })
    if (success) return { uri: spelled(dataset.value, output), isForeign: output === FOREIGN }
    addIssue({ message: issues[0].message })
    return NEVER
  }),
)

/** What may stand in a file URI, as clients write it. */
const USUAL = /^file:\/\/\/[\w\-.~!$&'()*+,;=:@%/[\]^|]*$/

/** As it was sent, so that the client knows its own folder again, unless that was in a way that no client has. */
function spelled(text: string, path: string): string {
  const names = (uri: string): number => uri.replace(/\/+$/, '').split('/').length
  const isUsual = path === FOREIGN || (USUAL.test(text) && names(text) === names(pathToUri(path)))
  return isUsual ? text : pathToUri(path)
}

export const CapabilityRootsDiscoverParams = v.object({
  roots: v.array(v.object({ id: v.string(), path: root, sandbox: SandboxContext })),
})

/** A file, whole. Its path is a URI. */
export type CapabilityFile = { path: string; contents: string }

export type CapabilitySkill = { instructions: CapabilityFile; metadata: CapabilityFile | null }

export type CapabilityPlugin = {
  manifest: CapabilityFile
  mcpConfig: CapabilityFile | null
  appsConfig: CapabilityFile | null
}

export type Capabilities = {
  /** If the root itself is one. */
  plugin: CapabilityPlugin | null
  skills: CapabilitySkill[]
  /** Of the plugins in the root, itself included; if it is none, of the nearest one around it, too. */
  namespaceManifests: CapabilityFile[]
  /** What was left out, and why. */
  warnings: string[]
}

/** `error` says why there is nothing at all. */
export type CapabilityRoot = Capabilities & { id: string; path: string; error: string | null }

/** How far one root is looked through, and how many bytes that may give. */
const CapabilityBounds = v.object({
  walk: v.object({ maxDepth: v.number(), maxDirectories: v.number(), maxEntries: v.number() }),
  fileBytes: v.number(),
  rootBytes: v.number(),
  /** Bytes of JSON that the answer still has room for: files, and warnings. */
  left: v.object({ files: v.number(), warnings: v.number() }),
})
export type CapabilityBounds = v.InferOutput<typeof CapabilityBounds>

/** What is in one root, and what room that has left in the answer. */
export type Discovery = { found: Capabilities; left: CapabilityBounds['left'] }

/** What a helper in a sandbox is asked; the root is a URI. */
export const DiscoverInRoot = v.object({ root: v.string(), bounds: CapabilityBounds })
