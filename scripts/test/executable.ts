/** The executable that the suites start: made once, and again only when what it is made of has changed. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** How many are kept in any case; each is 120 MB. */
const KEPT = 8
/** Another checkout that shares node_modules may still run with one that it has asked for so recently. */
const IN_USE_MS = 30 * 60_000

/** Its path; undefined where servers are to be started from source: on Deno, or because it is asked for. */
export async function testExecutable(
  root: string,
  { fromSource }: { fromSource: boolean },
): Promise<string | undefined> {
  const given = process.env['EXEC_SERVER_BINARY']
  if (given !== undefined) return given
  if (fromSource || 'Deno' in globalThis) return undefined
  const cache = join(root, 'node_modules', '.cache', 'exec-server-test-executable')
  const folder = join(cache, digest(root))
  const executable = join(folder, 'exec-server')
  if (existsSync(executable)) {
    const now = new Date()
    utimesSync(folder, now, now)
    return executable
  }
  removeOld(cache)
  console.log('building the executable that the tests start')
  const partial = `${folder}.partial-${process.pid}`
  try {
    const build = join(root, 'scripts', 'build.ts')
    const child = spawn(process.execPath, [build, '--output', join(partial, 'exec-server')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    if (code !== 0) throw new Error(`the executable cannot be built: the build ended with ${code ?? signal}`)
    renameSync(partial, folder)
  } catch (error) {
    // Another run may have built the same at the same time.
    if (!existsSync(executable)) throw error
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return executable
}

function removeOld(cache: string): void {
  mkdirSync(cache, { recursive: true })
  const byAge = readdirSync(cache)
    .map((name) => ({ path: join(cache, name), time: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time)
  const unused = byAge.slice(KEPT).filter(({ time }) => Date.now() - time > IN_USE_MS)
  for (const { path } of unused) rmSync(path, { recursive: true, force: true })
}

function digest(root: string): string {
  const hash = createHash('sha256').update(process.version)
  const files = globSync(['src/**/*.ts', 'scripts/build.ts', 'scripts/build/**/*.{ts,txt}', 'package-lock.json'], {
    cwd: root,
  }).sort()
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex').slice(0, 16)
}
