/**
 * capabilityRoots/discoverV1: finds the plugins and skills below directories that the user has chosen. Each root is
 * searched in its own sandbox and has its own error. capabilities/discoverV2: lists those that Codex has installed here.
 */
import { CapabilityRootsDiscoverParams, DiscoverInstalledParams } from '../../protocol/schemas/capability-roots.ts'
import type { CapabilityBounds, CapabilityRoot, Discovery } from '../../protocol/schemas/capability-roots.ts'
import { invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Limits } from '../base/limits.ts'
import { installedPlaces } from '../capabilities/installed-places.ts'
import { listInstalled } from '../capabilities/inventory.ts'
import { method } from './method.ts'
import { withWorkspace } from '../session/legacy-workspace.ts'

/** The capability methods, by name. */
export const capabilityMethods = {
  [Method.CapabilityRootsDiscover]: method(
    'capability discovery',
    CapabilityRootsDiscoverParams,
    ({ roots }, { session, host, caller, files, limits }, ticket) => {
      const { capabilityRoots, capabilityRootBytes: rootBytes, capabilityAnswerBytes: answerBytes } = limits
      if (roots.length > capabilityRoots)
        throw invalidRequest(`at most ${capabilityRoots} capability roots are looked through at once`)
      const bounds = boundsOf(limits)
      return files.read(async () => {
        await ticket.reserve(Math.min(roots.length * rootBytes, answerBytes))
        let { left } = bounds
        const results: CapabilityRoot[] = []
        // Sequentially, so that the roots left out for want of room are always the last ones requested.
        for (const { id, path: root, sandbox } of roots) {
          const outcome = await outcomeOf(async () => {
            if (root.isForeign) throw invalidRequest('it is not on this machine')
            return host
              .files(sandbox ? withWorkspace(sandbox, session.workspace) : undefined, caller)
              .discover(root.uri, { ...bounds, left })
          })
          const named = { id, path: root.uri }
          if (typeof outcome === 'string')
            results.push({ ...named, ...NOTHING, error: `capability root ${root.uri}: ${outcome}` })
          else {
            left = outcome.left
            results.push({ ...named, ...outcome.found, error: null })
          }
        }
        return { roots: results }
      })
    },
  ),
  [Method.DiscoverInstalled]: method(
    'capability discovery',
    DiscoverInstalledParams,
    ({ sandbox }, { session, host, caller, files, limits, clock }, ticket) =>
      files.read(async () => {
        // The files of one root at a time, and the answer.
        await ticket.reserve(limits.capabilityRootBytes + limits.inventoryAnswerBytes)
        const confined = host.files(sandbox ? withWorkspace(sandbox, session.workspace) : undefined, caller)
        const bounds = { ...limits, places: limits.inventoryPlaces, root: boundsOf(limits) }
        return listInstalled(await installedPlaces(host.configFiles), confined, clock, bounds)
      }),
  ),
}

const boundsOf = (limits: Limits): CapabilityBounds => ({
  walk: {
    maxDepth: limits.capabilityDepth,
    maxDirectories: limits.capabilityDirectories,
    maxEntries: limits.capabilityEntries,
  },
  fileBytes: limits.capabilityFileBytes,
  rootBytes: limits.capabilityRootBytes,
  left: { files: limits.capabilityAnswerBytes, warnings: limits.capabilityWarningBytes },
})

const NOTHING = { plugin: null, skills: [], namespaceManifests: [], warnings: [] }

/** What was found, or the error message, e.g. of a sandbox that cannot be enforced. */
async function outcomeOf(discover: () => Promise<Discovery>): Promise<Discovery | string> {
  try {
    return await discover()
  } catch (error) {
    if (error instanceof RpcError) return error.message
    throw error
  }
}
