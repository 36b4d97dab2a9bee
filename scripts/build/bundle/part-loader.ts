/** Runs in the executable: loads the parts of the bundle, which are its assets, when they are first needed. */
import { Script } from 'node:vm'
import { getRawAsset, hasAsset } from '../../../src/base/sea.ts'
import { cacheAsset, partFile, sourceAsset } from './part-assets.ts'

/** The modules of a part that other parts use, by path. */
type Modules = Record<string, () => unknown>

type Wrapper = (require: NodeJS.Require, requireFrom: typeof requireFromPart) => Modules

declare const require: NodeJS.Require

const loaded = new Map<string, Modules>()

/** Adds a part that is loaded already. */
export const addPart = (part: string, modules: Modules): unknown => loaded.set(part, modules)

/** The exports of a module in another part. */
export function requireFromPart(part: string, path: string): unknown {
  let modules = loaded.get(part)
  if (modules === undefined) {
    modules = load(part)
    loaded.set(part, modules)
  }
  return modules[path]?.()
}

function load(part: string): Modules {
  // The bundle is ASCII. A long string keeps its characters outside of the heap.
  const source = Buffer.from(getRawAsset(sourceAsset(part))).toString('latin1')
  const cache = cacheAsset(part)
  const cachedData = hasAsset(cache) ? Buffer.from(getRawAsset(cache)) : undefined
  const run = new Script(source, { filename: partFile(part), cachedData }).runInThisContext() as Wrapper
  return run(require, requireFromPart)
}
