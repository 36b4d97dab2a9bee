/** Builds the executable for one target: the bundle, node-pty's addon and a Node in one file. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packagedAddon, PTY_ASSET } from '../../src/host/process/pty-addon.ts'
import { bundleMain } from './bundle.ts'
import { dropLibatomic } from './drop-libatomic.ts'
import { Elf } from './elf.ts'
import { runtimeOf } from './runtime.ts'
import { stripSymbols } from './strip.ts'
import { runsHere } from './targets.ts'
import type { Target } from './targets.ts'

/** Most memory is outside the heap. A larger young generation would only retain up to 25 MiB more of it. */
const ENGINE_FLAGS = ['--max-semi-space-size=4']

/** Writes the executable to `output`. `root`: the checkout. */
export async function buildExecutable(target: Target, output: string, root: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-build-'))
  mkdirSync(dirname(output), { recursive: true })
  try {
    const main = join(work, 'main.cjs')
    await bundleMain(root, main)
    const node = join(work, 'node')
    prepareRuntime(runtimeOf(target, root), node, target)
    const config = join(work, 'sea.json')
    writeFileSync(config, JSON.stringify(seaConfig(target, { main, executable: node, output })))
    rmSync(output, { force: true })
    // With the same engine flags as at run time: otherwise V8 rejects the code cache, which costs 10 ms at each start.
    execFileSync(process.execPath, [...ENGINE_FLAGS, '--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Copies the runtime without its symbols, and without libatomic. This must come first: neither works afterwards. */
function prepareRuntime(from: string, to: string, target: Target): void {
  copyFileSync(from, to)
  chmodSync(to, 0o755)
  if (!stripSymbols(to, target)) console.log(`no strip for ${target.name} here: the executable keeps its symbols`)
  if (target.platform !== 'linux') return
  const elf = new Elf(readFileSync(to))
  if (dropLibatomic(elf)) writeFileSync(to, elf.bytes)
}

function seaConfig(target: Target, paths: { main: string; executable: string; output: string }): object {
  return {
    ...paths,
    mainFormat: 'commonjs',
    disableExperimentalSEAWarning: true,
    useCodeCache: runsHere(target),
    // A NODE_OPTIONS of the devbox must not change the server.
    execArgvExtension: 'none',
    // Warnings of the runtime are not for the user. SIGUSR1 must not open a debugger port, which would let others in.
    execArgv: ['--no-warnings', '--disable-sigusr1', ...ENGINE_FLAGS],
    assets: { [PTY_ASSET]: packagedAddon() },
  }
}
