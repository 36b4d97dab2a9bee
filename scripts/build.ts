/**
 * Makes dist/exec-server: one bundle of the sources, joined with the Node that runs this script and
 * node-pty's addon into one executable. `--output FILE` puts it elsewhere.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { packagedAddon, PTY_ASSET } from '../src/host/process/pty-addon.ts'

const root = dirname(import.meta.dirname)
const { values: options } = parseArgs({ options: { output: { type: 'string' } } })
const output = resolve(options.output ?? join(root, 'dist', 'exec-server'))
/** What matters here are bytes beside the heap. A larger nursery would hold 25 MiB more of them that nobody needs. */
const ENGINE_FLAGS = ['--max-semi-space-size=4']
const work = join(tmpdir(), `exec-server-build-${process.pid}`)

mkdirSync(dirname(output), { recursive: true })
mkdirSync(work)
try {
  await build({
    entryPoints: [join(root, 'src', 'main.ts')],
    outfile: join(work, 'main.cjs'),
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
  writeFileSync(join(work, 'sea.json'), JSON.stringify(seaConfig()))
  rmSync(output, { force: true })
  // With the engine's flags that it will run with: else the code cache is not taken, which is ten milliseconds.
  execFileSync(process.execPath, [...ENGINE_FLAGS, '--build-sea', join(work, 'sea.json')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  console.log(`${output} (${(statSync(output).size / 1e6).toFixed(1)} MB)`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function seaConfig() {
  return {
    main: join(work, 'main.cjs'),
    mainFormat: 'commonjs',
    executable: strippedNode(),
    output,
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    // A server must not change its ways by a stray NODE_OPTIONS of the devbox.
    execArgvExtension: 'none',
    // The runtime's own remarks are not for the user; stderr is for ours.
    // SIGUSR1 must not open a debugger's port, by which one gets in.
    execArgv: ['--no-warnings', '--disable-sigusr1', ...ENGINE_FLAGS],
    assets: { [PTY_ASSET]: packagedAddon() },
  }
}

/** The running Node without its symbols, which are a fifth of it. A system without `strip` gets them. */
function strippedNode(): string {
  const copy = join(work, 'node')
  copyFileSync(process.execPath, copy)
  try {
    if (process.platform === 'linux') execFileSync('strip', ['--strip-unneeded', copy], { stdio: 'ignore' })
  } catch {
    console.log('strip is not here or failed: the executable keeps its symbols')
    copyFileSync(process.execPath, copy)
  }
  return copy
}
