/** Bundles the sources of the executable into one file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Writes the bundle of src/main.ts to `output`. Returns the paths of the files in it. */
export async function bundleMain(root: string, output: string): Promise<string[]> {
  const { metafile } = await build({
    metafile: true,
    absWorkingDir: root,
    entryPoints: [join(root, 'src', 'main.ts')],
    outfile: output,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    // Names stay: they cost nothing, and make the stack of an internal error readable.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    // Only read when run from source; the executable has its addon as an asset.
    define: { 'import.meta.url': '""' },
  })
  refuseWideCharacters(readFileSync(output, 'utf8'))
  return Object.keys(metafile.inputs)
}

/** One character beyond ASCII, and Node keeps the whole bundle with two bytes a character: 3 MB more of memory. */
function refuseWideCharacters(bundle: string): void {
  const found = /.{0,40}[^\0-\x7f].{0,20}/.exec(bundle)
  if (found !== null) throw new Error(`write this with an escape (\\u), so that the bundle is ASCII: ${found[0]}`)
}
