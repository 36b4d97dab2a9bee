/** Bundles the sources of the executable into parts. */
import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'esbuild'
import type { BuildOptions, Metafile, OnResolveResult, Plugin } from 'esbuild'
import { divide, moduleGraph } from './module-graph.ts'
import type { Division } from './module-graph.ts'
import { COPIED, PARTS } from './parts.ts'

/** The paths of all files in the bundle. */
export const bundledFiles = async (root: string): Promise<string[]> => Object.keys((await bundleWhole(root)).inputs)

/** A part that was written. */
export type WrittenPart = { name: string; file: string }

/** A bundle in a folder. `main`: the part that is run first, a CommonJS module. `files`: what is in them. */
export type Bundle = { main: string; others: WrittenPart[]; files: string[] }

/** Writes the bundle of src/main.ts to `folder`. */
export async function writeBundle(root: string, folder: string): Promise<Bundle> {
  const whole = await bundleWhole(root)
  const division = divide(moduleGraph(whole), PARTS, COPIED)
  const written = await Promise.all(
    PARTS.map(async ({ name }, index) => {
      const file = join(folder, `${name}.js`)
      const source = await bundlePart(root, name, index === 0, division)
      refuseWideCharacters(source)
      writeFileSync(file, source)
      return { name, file }
    }),
  )
  const [main, ...others] = written as [WrittenPart, ...WrittenPart[]]
  return { main: main.file, others, files: Object.keys(whole.inputs) }
}

const OPTIONS = {
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'cjs',
  target: 'node26',
  // Names stay: they cost nothing, and make the stack of an internal error readable.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // Only read when run from source; the executable has its addon as an asset.
  define: { 'import.meta.url': '""' },
  // A script that is no module has no import().
  supported: { 'dynamic-import': false },
} as const satisfies BuildOptions

async function bundleWhole(root: string): Promise<Metafile> {
  const { supported: _, ...options } = OPTIONS
  const entryPoints = [join(root, 'src', 'main.ts')]
  return (await build({ ...options, absWorkingDir: root, entryPoints, outfile: 'main.cjs' })).metafile
}

/** The source of one part. `isFirst`: it is run, with the loader of the others in it. Else it is an expression. */
async function bundlePart(root: string, part: string, isFirst: boolean, division: Division): Promise<string> {
  const uses = (division.usedByOthers.get(part) ?? []).map(
    (path) => `${JSON.stringify(path)}: () => require(${JSON.stringify(join(root, path))})`,
  )
  const modules = `{ ${uses.join(', ')} }`
  const main = JSON.stringify(join(root, 'src', 'main.ts'))
  const loader = JSON.stringify(LOADER)
  const contents = isFirst
    ? `require(${loader}).addPart(${JSON.stringify(part)}, ${modules}); require(${main})`
    : `module.exports = ${modules}`
  const { outputFiles } = await build({
    ...OPTIONS,
    absWorkingDir: root,
    stdin: { contents, resolveDir: root, sourcefile: `${part}.cjs` },
    plugins: [otherParts(root, part, isFirst, division)],
  })
  const source = (outputFiles[0] as { text: string }).text
  return isFirst ? source : `(function(require,requireFromPart){var module={};${source}\nreturn module.exports})`
}

const LOADER = 'part-loader'
const ELSEWHERE = 'other-part'
/** Makes esbuild take what stands in for a module as CommonJS, whatever the module is. */
const STAND_IN = '.cjs'

/** Replaces each module of another part by its exports, which the loader gets. */
const otherParts = (root: string, part: string, isFirst: boolean, { partOf }: Division): Plugin => ({
  name: ELSEWHERE,
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: new RegExp(`^${LOADER}$`) }, () =>
      isFirst
        ? { path: join(import.meta.dirname, 'part-loader.ts') }
        : { path: `${LOADER}${STAND_IN}`, namespace: LOADER },
    )
    onLoad({ filter: /./, namespace: LOADER }, () => ({ contents: 'module.exports = { requireFromPart }' }))
    onResolve({ filter: /./ }, async ({ path, pluginData, ...from }): Promise<OnResolveResult | undefined> => {
      if (pluginData === ELSEWHERE || from.namespace === ELSEWHERE) return undefined
      const resolved = await resolve(path, { ...from, pluginData: ELSEWHERE })
      const owner = partOf.get(relative(root, resolved.path))
      // esbuild's to resolve, as it then knows the package's kind. So is an optional package that is missing.
      if (resolved.errors.length > 0 || resolved.external || owner === undefined || owner === part) return undefined
      return { path: `${relative(root, resolved.path)}${STAND_IN}`, namespace: ELSEWHERE, pluginData: owner }
    })
    onLoad({ filter: /./, namespace: ELSEWHERE }, ({ path, pluginData: owner }) => {
      const args = [owner, path.slice(0, -STAND_IN.length)].map((text) => JSON.stringify(text))
      return { contents: `module.exports = require(${JSON.stringify(LOADER)}).requireFromPart(${args.join(', ')})` }
    })
  },
})

/** One character beyond ASCII, and Node keeps a part with two bytes a character: twice the memory. */
function refuseWideCharacters(source: string): void {
  const found = /.{0,40}[^\0-\x7f].{0,20}/.exec(source)
  if (found !== null) throw new Error(`write this with an escape (\\u), so that the bundle is ASCII: ${found[0]}`)
}
