/**
 * Makes dist/client: the client library as a package has it, bundled for Node and Deno and for browsers, with its types.
 * `--output DIR` puts it elsewhere: what DIR holds is deleted. `--no-types` leaves the types out, which take the longest.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'

const root = join(import.meta.dirname, '..')
const client = join(root, 'src', 'client')
const { values: given } = parseArgs({ options: { output: { type: 'string' }, 'no-types': { type: 'boolean' } } })
const output = resolve(given.output ?? join(root, 'dist', 'client'))

rmSync(output, { recursive: true, force: true })

const common: BuildOptions = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  outdir: output,
  legalComments: 'none',
  logLevel: 'warning',
}
await build({
  ...common,
  entryPoints: { index: join(client, 'index.ts'), mcp: join(client, 'mcp', 'index.ts') },
  platform: 'node',
  // The entries share their classes, so that an error of one is known by the other.
  splitting: true,
  // What the package depends on is installed with it.
  packages: 'external',
})
// A page can load it as it is.
await build({ ...common, entryPoints: { browser: join(client, 'browser.ts') }, platform: 'browser' })

if (given['no-types'] !== true) emitTypes()
console.log(output)

function emitTypes(): void {
  const types = ['index.ts', 'browser.ts', join('mcp', 'index.ts')].map((file) => join(client, file))
  const options = [
    '--ignoreConfig',
    '--declaration',
    '--emitDeclarationOnly',
    '--rootDir',
    join(root, 'src'),
    '--outDir',
    join(output, 'types'),
  ]
  const language = ['--target', 'esnext', '--module', 'nodenext', '--lib', 'esnext,dom', '--types', 'node']
  const rules = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--rewriteRelativeImportExtensions']
  execFileSync(join(root, 'node_modules', '.bin', 'tsc'), [...options, ...language, ...rules, ...types], {
    stdio: 'inherit',
  })
}
