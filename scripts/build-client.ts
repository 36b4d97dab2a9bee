/**
 * Makes dist/client: the client library as a package has it, and the server for programs, bundled with what they use, for
 * Node and Deno and, of the client, for browsers, with their types and with the notices of what is inside.
 * `--output DIR` puts it elsewhere: what DIR holds is deleted. `--no-types` leaves the types out, which take the longest.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import type { BuildOptions } from 'esbuild'
import { bundleNotices } from './build/notices.ts'

const root = join(import.meta.dirname, '..')
const client = join(root, 'src', 'client')
const { values: given } = parseArgs({ options: { output: { type: 'string' }, 'no-types': { type: 'boolean' } } })
const output = resolve(given.output ?? join(root, 'dist', 'client'))

rmSync(output, { recursive: true, force: true })

const common = {
  bundle: true,
  format: 'esm',
  target: 'es2024',
  outdir: output,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  absWorkingDir: root,
} satisfies BuildOptions
const { metafile } = await build({
  ...common,
  entryPoints: {
    index: join(client, 'index.ts'),
    mcp: join(client, 'mcp', 'index.ts'),
    server: join(root, 'src', 'embed', 'index.ts'),
  },
  platform: 'node',
  // The entries share their classes, so that an error of one is known by the other, and nothing that only one needs.
  splitting: true,
  // Optional: for MCP over HTTP, and for terminals of a server in the program itself.
  external: ['@modelcontextprotocol/sdk', 'node-pty'],
  // For what the bundled CommonJS modules require of Node.
  banner: {
    js: "import { createRequire as nodeRequire } from 'node:module'\nconst require = nodeRequire(import.meta.url)",
  },
})
// A page can load it as it is.
const browser = await build({
  ...common,
  entryPoints: { browser: join(client, 'browser.ts') },
  platform: 'browser',
})
const bundled = [metafile, browser.metafile].flatMap(({ inputs }) => Object.keys(inputs))
writeFileSync(join(output, 'NOTICES'), bundleNotices(root, bundled))

if (given['no-types'] !== true) emitTypes()
console.log(output)

function emitTypes(): void {
  const types = ['index.ts', 'browser.ts', join('mcp', 'index.ts'), join('..', 'embed', 'index.ts')].map((file) =>
    join(client, file),
  )
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
  includeValibot(join(output, 'types'))
}

/** The types of parameters follow from schemas. valibot's declarations, which import nothing, come along for them. */
function includeValibot(folder: string): void {
  for (const path of globSync('**/*.d.ts', { cwd: folder })) {
    const file = join(folder, path)
    const module = relative(dirname(file), join(folder, 'valibot.js'))
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll("from 'valibot'", `from './${module}'`))
  }
  copyFileSync(join(root, 'node_modules', 'valibot', 'dist', 'index.d.mts'), join(folder, 'valibot.d.ts'))
}
