/** Builds the executable for one target: the bundle, node-pty's addon and a Node in one file. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { BUNDLED_LIBRARIES_ASSET, NOTICES_ASSET } from '../../src/base/sea.ts'
import { RIPGREP, RIPGREP_HASH_ASSET } from '../../src/host/tools/ripgrep.ts'
import { signAdHoc, verifySignature } from './ad-hoc-signature.ts'
import { terminalAssets } from './addon.ts'
import { writeBundle } from './bundle/bundle.ts'
import type { WrittenPart } from './bundle/bundle.ts'
import { writeCodeCache } from './bundle/code-cache.ts'
import { cacheAsset, sourceAsset } from './bundle/part-assets.ts'
import { MUSL_LIBRARIES, useBundledGlibc } from './bundled-glibc.ts'
import { dropLibatomic } from './drop-libatomic.ts'
import { Elf } from './elf.ts'
import { emulatedNode } from './emulator.ts'
import { addEntryCode } from './code/entry-code.ts'
import { glibcOf } from './glibc.ts'
import { ripgrepOf } from './ripgrep.ts'
import { collectNotices, packagesInside } from './notices.ts'
import { runtimeOf } from './runtime.ts'
import { stripSymbols } from './strip.ts'
import { runsHere } from './targets.ts'
import type { Target } from './targets.ts'

/**
 * Most memory is outside the heap: a larger young generation would only retain up to 25 MiB more of it. But it begins with
 * 4 MiB, as each collection during a start takes 4 to 14 ms, and nearly everything survives it. Not `--expose-gc`, with which
 * a start takes 17 ms more.
 */
const ENGINE_FLAGS = ['--min-semi-space-size=4', '--max-semi-space-size=4']

/** The npm packages inside, and the licence notices of everything. */
export type Contents = { packages: string[]; notices: string }

/** Writes the executable to `output`. `root`: the checkout. Returns what is inside. */
export async function buildExecutable(target: Target, output: string, root: string): Promise<Contents> {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-build-'))
  mkdirSync(dirname(output), { recursive: true })
  try {
    const { main, others, files } = await writeBundle(root, work)
    const packages = packagesInside(files)
    const notices = collectNotices(root, packages, target.isMusl ? glibcOf(target.arch, root) : undefined)
    const node = join(work, 'node')
    prepareRuntime(runtimeOf(target, root), node, target)
    // V8 takes a code cache only from the same version on the same architecture.
    const maker = runsHere(target) ? [process.execPath] : emulatedNode(target, node, root)
    if (maker === undefined) console.log(`without a code cache, as Node for ${target.name} does not run here`)
    const runtime = maker && [...maker, ...ENGINE_FLAGS]
    const assets = { ...writeAssets(target, notices, root, work), ...partAssets(others, runtime) }
    const executable = target.isMusl ? withBundledGlibc(node) : node
    const config = join(work, 'sea.json')
    const useCodeCache = runtime !== undefined
    writeFileSync(config, JSON.stringify({ ...seaConfig, main, executable, output, useCodeCache, assets }))
    rmSync(output, { force: true })
    const [command, ...args] = runtime ?? [process.execPath]
    // With the same engine flags as at run time: otherwise V8 rejects the code cache, which costs 10 ms at each start.
    execFileSync(command as string, [...args, '--build-sea', config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (target.platform === 'darwin') sign(output)
    return { packages, notices }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Writes the assets that are made here to `folder`. Returns the paths of all. */
function writeAssets(target: Target, notices: string, root: string, folder: string): Record<string, string> {
  const ripgrep = ripgrepOf(target, root)
  const made = {
    [NOTICES_ASSET]: notices,
    [RIPGREP_HASH_ASSET]: ripgrep.hash,
    ...(target.isMusl ? { [BUNDLED_LIBRARIES_ASSET]: MUSL_LIBRARIES } : {}),
  }
  const assets: Record<string, string> = { ...terminalAssets(target), [RIPGREP]: ripgrep.path }
  for (const [name, text] of Object.entries(made)) {
    assets[name] = join(folder, name)
    writeFileSync(assets[name], text)
  }
  return assets
}

/** The assets with the parts of the bundle that are loaded on demand, and their code caches. */
function partAssets(parts: readonly WrittenPart[], runtime: readonly string[] | undefined): Record<string, string> {
  const assets = parts.flatMap((part) => [
    [sourceAsset(part.name), part.file],
    ...(runtime === undefined ? [] : [[cacheAsset(part.name), writeCodeCache(part, runtime)]]),
  ])
  return Object.fromEntries(assets)
}

/** Writes a runtime for musl beside this one. Returns its path. */
function withBundledGlibc(node: string): string {
  const elf = new Elf(readFileSync(node))
  useBundledGlibc(elf)
  writeFileSync(`${node}-musl`, elf.bytes, { mode: 0o755 })
  return `${node}-musl`
}

const seaConfig = {
  mainFormat: 'commonjs',
  disableExperimentalSEAWarning: true,
  // A NODE_OPTIONS of the devbox must not change the server.
  execArgvExtension: 'none',
  // Warnings of the runtime are not for the user. SIGUSR1 must not open a debugger port, which would let others in.
  execArgv: ['--no-warnings', '--disable-sigusr1', ...ENGINE_FLAGS],
}

/** Copies the runtime without symbols and libatomic, and with our entry. This comes first: nothing works afterwards. */
function prepareRuntime(from: string, to: string, target: Target): void {
  copyFileSync(from, to)
  chmodSync(to, 0o755)
  if (!stripSymbols(to, target)) console.log(`no strip for ${target.name} here: the executable keeps its symbols`)
  if (target.platform !== 'linux') return
  const elf = new Elf(readFileSync(to))
  dropLibatomic(elf)
  addEntryCode(elf)
  writeFileSync(to, elf.bytes)
}

/** Injection makes the runtime's own signature invalid. */
function sign(file: string): void {
  const signed = signAdHoc(readFileSync(file), 'exec-server')
  verifySignature(signed)
  writeFileSync(file, signed, { mode: 0o755 })
}
