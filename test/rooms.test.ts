/** The house: which folders there are, and that each uses only those before it. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from './support/suite.ts'

const src = join(dirname(import.meta.dirname), 'src')

/**
 * The rooms and their folders, in an order in which each uses only itself and those before it. A file that stands for
 * itself has a rank of its own: it joins what its room has, or all of the room uses it.
 */
const FOLDERS = [
  'base',
  'protocol/limits.ts',
  'protocol/wire',
  'protocol/schemas',
  'protocol/mapping',
  'core/codex-config',
  'core/net/net-host.ts',
  'core/base',
  'core/fs',
  'core/streams',
  'core/http',
  'core/output',
  'core/process',
  'core/net',
  'core/shell-snapshot',
  'core/session',
  'core/capabilities',
  'core/rpc',
  'sandbox/policy',
  'sandbox/linux',
  'sandbox/macos',
  'host/node-internals.ts',
  'host/ffi',
  'host/process-tree',
  'host/peer',
  'host',
  'host/tools',
  'host/environment-info.ts',
  'host/http',
  'host/net',
  'host/fs',
  'host/copy/copy-mode.ts',
  'host/copy',
  'host/copy/read',
  'host/copy/write',
  'host/copy/agent',
  'host/process',
  'host/runs',
  'host/recording',
  'host/sandbox',
  'host/index.ts',
  'server/limits.ts',
  'server/auth',
  'server/telemetry',
  'server/http',
  'server/tls',
  'server/link',
  'server/preview',
  'server/transports',
  'server/accept',
  'server',
  'client/base',
  'client/transports',
  'client/session',
  'client/fs',
  'client/streams',
  'client/http',
  'client/net',
  'client/process',
  'client/mcp',
  'client',
  'client/environments',
  'client/browser.ts',
  'client/index.ts',
  'mcp/limits.ts',
  'mcp/tool.ts',
  'mcp/text',
  'mcp/runs',
  'mcp/policy.ts',
  'mcp/path-locks.ts',
  'mcp/workspace.ts',
  'mcp/tools',
  'mcp/resources',
  'mcp',
  'mcp/http',
  'cli/base',
  'cli/manual',
  'cli/config',
  'cli/connect',
  'cli/serve',
  'cli/accept',
  'cli/devbox/base',
  'cli/devbox/io',
  'cli/devbox',
  'cli/devbox/cp',
  'cli/devbox/cp/plain',
  'cli/devbox/cp/cp.ts',
  'cli/devbox/http',
  'cli/devbox/forward',
  'cli/devbox/run',
  'cli/devbox/runs',
  'cli/devbox/codex',
  'cli/doctor',
  'cli',
  'embed',
  'main.ts',
]

/** What runs on any runtime, and so imports nothing of Node. */
const PORTABLE = ['protocol', 'core', 'sandbox']
const PORTABLE_PACKAGES = ['valibot', 'smol-toml', 'yaml']
const MAX_FILES = 20

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/g

/** A file below src, and what it imports: a path below src, or a module's name. */
type File = { path: string; text: string; imports: string[] }

const files: File[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const targets = Array.from(text.matchAll(IMPORT), ([, target = '']) => target)
    const imports = targets.map((target) =>
      target.startsWith('.') ? relative(src, join(src, dirname(path), target)) : target,
    )
    return { path, text, imports }
  })
const paths = new Set(files.map(({ path }) => path))
const edges = files.flatMap(({ path, imports }) => imports.map((target) => ({ path, target })))
const ours = edges.filter(({ target }) => paths.has(target))

const roomOf = (path: string): string => path.split('/')[0] as string
const folderOf = (path: string): string => (FOLDERS.includes(path) ? path : dirname(path))
const shown = (list: readonly { path: string; target: string }[]): string[] =>
  list.map(({ path, target }) => `${path} imports ${target}`)

test('imports are found, so that the rules below are of something', () => {
  assert.ok(ours.length > 500, `${ours.length}`)
  assert.ok(edges.some(({ path, target }) => roomOf(path) === 'host' && target.startsWith('node:')))
})

test('every folder is named here, and every name is a folder', () => {
  assert.equal([...new Set(files.map(({ path }) => folderOf(path)))].sort(), [...FOLDERS].sort())
})

test('each folder uses only those before it', () => {
  const rank = (path: string): number => FOLDERS.indexOf(folderOf(path))
  assert.equal(shown(ours.filter(({ path, target }) => rank(target) > rank(path))), [])
})

test('no file imports itself by way of others, types included', () => {
  assert.equal(circles(), [])
})

test('protocol, core and sandbox import nothing of a runtime', () => {
  const foreign = edges.filter(
    ({ path, target }) => PORTABLE.includes(roomOf(path)) && !paths.has(target) && !PORTABLE_PACKAGES.includes(target),
  )
  assert.equal(shown(foreign), [])
})

test('protocol, core and sandbox use no global that only one runtime has', () => {
  const runtimes =
    /\b(?:Buffer|Deno|process\.(?:env|argv|pid|exit|cwd|platform|nextTick)|setImmediate|setTimeout|__dirname)\b/
  const found = files.filter(({ path, text }) => PORTABLE.includes(roomOf(path)) && runtimes.test(text))
  assert.equal(
    found.map(({ path }) => path),
    [],
  )
})

test('the client library uses neither the server nor the command line', () => {
  const wrong = ours.filter(({ path, target }) => roomOf(path) === 'client' && /^(?:server|cli)\//.test(target))
  assert.equal(shown(wrong), [])
})

test('of the client library only what runs a server itself, or reads files, uses the host', () => {
  const users = ours.filter(({ path, target }) => roomOf(path) === 'client' && roomOf(target) === 'host')
  assert.equal([...new Set(users.map(({ path }) => path))].sort(), ['client/environments/load.ts', 'client/local.ts'])
})

test('only the server uses hono', () => {
  const hono = edges.filter(({ target }) => /^(?:hono|@hono\/)/.test(target))
  assert.ok(hono.length > 0)
  assert.equal(shown(hono.filter(({ path }) => roomOf(path) !== 'server')), [])
})

test(`no folder has more than ${MAX_FILES} files`, () => {
  const counts = Map.groupBy(files, ({ path }) => dirname(path))
  assert.equal(
    [...counts].filter(([, inside]) => inside.length > MAX_FILES).map(([folder]) => folder),
    [],
  )
})

/** The sets of files that reach each other, by Tarjan's algorithm. */
function circles(): string[][] {
  const targets = Map.groupBy(ours, ({ path }) => path)
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (path: string): void => {
    order.set(path, order.size)
    lowest.set(path, order.get(path) as number)
    stack.push(path)
    for (const { target } of targets.get(path) ?? []) {
      if (!order.has(target)) visit(target)
      if (stack.includes(target)) {
        lowest.set(path, Math.min(lowest.get(path) as number, lowest.get(target) as number))
      }
    }
    if (lowest.get(path) !== order.get(path)) return
    const circle = stack.splice(stack.indexOf(path))
    if (circle.length > 1) found.push(circle)
  }
  for (const { path } of files) if (!order.has(path)) visit(path)
  return found
}

test.run()
