import * as assert from 'uvu/assert'
import { PathMap } from '../../../src/protocol/schemas/path-map.ts'
import { mapPattern, mapSandbox } from '../../../src/protocol/schemas/sandbox-map.ts'
import type { Entry, Sandbox } from '../../../src/protocol/schemas/sandbox.ts'
import { test } from '../../support/suite.ts'

const map = new PathMap([{ client: '/Users/me/app', own: '/srv/app' }])

test('a glob in the folder is one of this machine; one that can match there is both', () => {
  const patterns: Record<string, string[]> = {
    '/Users/me/app/**/*.env': ['/srv/app/**/*.env'],
    '/Users/me/app/{.env,.env.*}': ['/srv/app/{.env,.env.*}'],
    '/Users//me/./app/*': ['/srv/app/*'],
    '/Users/me/app': ['/srv/app'],
    '/Users/me/*': ['/Users/me/*', '/srv/app'],
    '/Users/me': ['/Users/me', '/srv/app'],
    '/Users/*/app/.env': ['/Users/*/app/.env', '/srv/app/.env'],
    '/Users/{me,you}/*/x': ['/Users/{me,you}/*/x', '/srv/app/x'],
    '/Users/**/.env': ['/Users/**/.env', '/srv/app/**/.env'],
    '/**/.env': ['/**/.env'],
    '/**/app/.env': ['/**/app/.env', '/srv/app/.env'],
    '/Users/you/**': ['/Users/you/**'],
    '/etc/*': ['/etc/*'],
    '/srv/app/*': ['/srv/app/*'],
  }
  for (const [pattern, expected] of Object.entries(patterns)) assert.equal(mapPattern(pattern, map), expected, pattern)
})

test('a glob whose alternatives hold a slash is refused where it could reach the folder', () => {
  assert.throws(() => mapPattern('/Users/{me/app,you}/x', map), /cannot be carried over by --map/)
  assert.equal(mapPattern('/Users/me/app/{a/b,c}', map), ['/srv/app/{a/b,c}'])
})

const glob = (pattern: string): Entry => ({ at: { type: 'glob', pattern }, access: 'deny' })
const entry = (path: string, access: Entry['access']): Entry => ({ at: { type: 'path', path }, access })
const mapped = (entries: Entry[], more: Partial<Sandbox> = {}): Entry[] => {
  const { files } = mapSandbox({ files: { unrestricted: false, entries }, network: 'restricted', ...more }, map)
  return files.unrestricted ? [] : files.entries
}

test('a glob below the home of the client reaches the folder that lies there; a relative one stays', () => {
  assert.equal(mapped([glob('~/**/.env'), glob('**/*.key')], { home: '/Users/me' }), [
    glob('~/**/.env'),
    glob('/srv/app/**/.env'),
    glob('**/*.key'),
  ])
  assert.equal(mapped([glob('~/app/.env')], { home: '/Users/me' }), [glob('~/app/.env'), glob('/srv/app/.env')])
})

test('what is said of the nearest folder above holds for the mapped one', () => {
  const above = [entry('/', 'read'), entry('/Users', 'write'), entry('/Users/me', 'deny')]
  assert.equal(mapped(above), [...above, entry('/srv/app', 'deny')])
  assert.equal(mapped([entry('/', 'deny')]), [entry('/', 'deny')])
})

test('what is said of the mapped folder itself wins over a folder above', () => {
  const above = entry('/Users/me', 'deny')
  const itself: [Entry, Partial<Sandbox>][] = [
    [entry('/srv/app', 'write'), {}],
    [{ at: { type: 'project_roots' }, access: 'write' }, { cwd: '/srv/app' }],
    [
      { at: { type: 'project_roots' }, access: 'write' },
      { cwd: '/x', workspaceRoots: ['/x', '/srv/app'] },
    ],
    [{ at: { type: 'project_roots' }, access: 'write' }, { cwdImplied: true }],
  ]
  for (const [own, more] of itself) assert.equal(mapped([above, own], more), [above, own])
  const elsewhere: Entry = { at: { type: 'project_roots' }, access: 'write' }
  assert.equal(mapped([above, elsewhere], { cwd: '/x' }), [above, elsewhere, entry('/srv/app', 'deny')])
})

test('a sandbox without restrictions on files stays', () => {
  const sandbox: Sandbox = { files: { unrestricted: true }, network: 'restricted' }
  assert.equal(mapSandbox(sandbox, map), sandbox)
})

test.run()
