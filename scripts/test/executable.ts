/** The executable that the suites start: made once, and again only when what it is made of has changed. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** Its path; undefined where servers are to be started from source: on Deno, or because it is asked for. */
export function testExecutable(root: string, { fromSource }: { fromSource: boolean }): string | undefined {
  const given = process.env['EXEC_SERVER_BINARY']
  if (given !== undefined) return given
  if (fromSource || 'Deno' in globalThis) return undefined
  const cache = join(root, 'node_modules', '.cache', 'exec-server-test-executable')
  const name = digest(root)
  const executable = join(cache, name, 'exec-server')
  if (existsSync(executable)) return executable
  mkdirSync(cache, { recursive: true })
  for (const old of readdirSync(cache)) rmSync(join(cache, old), { recursive: true, force: true })
  console.log('building the executable that the tests start')
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--output', executable], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return executable
}

function digest(root: string): string {
  const hash = createHash('sha256').update(process.version)
  const files = globSync(['src/**/*.ts', 'scripts/build.ts', 'package-lock.json'], { cwd: root }).sort()
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex').slice(0, 16)
}
