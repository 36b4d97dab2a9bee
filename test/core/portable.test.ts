import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../support/suite.ts'

const src = join(dirname(dirname(import.meta.dirname)), 'src')

/** The rooms, and the rooms below each, which are all that it may know. */
const MAY_KNOW: Record<string, readonly string[]> = {
  protocol: [],
  core: ['protocol'],
  sandbox: ['protocol'],
  host: ['protocol', 'core', 'sandbox'],
  server: ['protocol', 'core', 'sandbox', 'host'],
  client: ['protocol', 'core', 'sandbox', 'host', 'server'],
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"]+)['"]/g

type Import = { file: string; room: string; target: string }

/** Every import of every file of a room, its target as a path below src where it is a file of ours. */
function importsOf(room: string): Import[] {
  if (!existsSync(join(src, room))) return []
  const files = readdirSync(join(src, room), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  return files.flatMap((name) => {
    const file = join(src, room, name)
    return Array.from(readFileSync(file, 'utf8').matchAll(IMPORT), ([, target = '']) => ({
      file: relative(src, file),
      room,
      target: target.startsWith('.') ? relative(src, join(dirname(file), target)) : target,
    }))
  })
}

const rooms = Object.keys(MAY_KNOW)
const offenders = (imports: readonly Import[]): string[] =>
  imports.map(({ file, target }) => `${file} imports ${target}`)
const isOurs = ({ target }: Import): boolean => existsSync(join(src, target))

test('imports are found, so that the rules below are of something', () => {
  for (const room of ['protocol', 'core', 'host', 'server']) assert.ok(importsOf(room).length > 5, room)
  assert.ok(importsOf('core').some(({ target }) => target === join('protocol', 'json.ts')))
  assert.ok(importsOf('host').some(({ target }) => target.startsWith('node:')))
})

test('protocol, core and sandbox run anywhere: they import nothing of a runtime', () => {
  const imports = ['protocol', 'core', 'sandbox'].flatMap(importsOf).filter((each) => !isOurs(each))
  assert.equal(offenders(imports.filter(({ target }) => !['valibot', 'smol-toml'].includes(target))), [])
})

test('protocol, core and sandbox use no global that only one runtime has', () => {
  const found = ['protocol', 'core', 'sandbox']
    .filter((room) => existsSync(join(src, room)))
    .flatMap((room) =>
      readdirSync(join(src, room), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .filter((name) =>
          /\b(?:Buffer|Deno|process\.(?:env|argv|pid|exit|cwd|platform|nextTick)|setImmediate|setTimeout|__dirname)\b/.test(
            readFileSync(join(src, room, name), 'utf8'),
          ),
        )
        .map((name) => join(room, name)),
    )
  assert.equal(found, [])
})

test('each room knows only the rooms below it', () => {
  const upward = rooms.flatMap(importsOf).filter(({ room, target }) => {
    const other = target.split(sep)[0] ?? ''
    return isOurs({ file: '', room, target }) && other !== room && !MAY_KNOW[room]?.includes(other)
  })
  assert.equal(offenders(upward), [])
})

test('there are no rooms without a rule', () => {
  const found = readdirSync(src, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  assert.equal(
    found.filter((name) => !rooms.includes(name)),
    [],
  )
})

test('only the server knows hono', () => {
  const hono = rooms.flatMap(importsOf).filter(({ target }) => /^(?:hono|@hono\/)/.test(target))
  assert.ok(hono.length > 0)
  assert.equal(offenders(hono.filter(({ room }) => room !== 'server')), [])
})

test.run()
