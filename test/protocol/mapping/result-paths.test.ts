import * as assert from 'uvu/assert'
import { mapResult } from '../../../src/protocol/mapping/result-paths.ts'
import { PathMap } from '../../../src/protocol/schemas/path-map.ts'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { test } from '../../support/suite.ts'

const map = new PathMap([{ client: '/Users/me/app', own: '/srv/app' }])

test('paths, URIs and messages of a result are translated, and nothing else', () => {
  const walk = {
    entries: [{ path: 'file:///srv/app/x', kind: 'file' }],
    errors: [{ path: 'file:///srv/app/y', message: 'cannot read /srv/app/y' }],
    truncated: false,
  }
  assert.equal(mapResult(Method.FsWalk, walk, map), {
    entries: [{ path: 'file:///Users/me/app/x', kind: 'file' }],
    errors: [{ path: 'file:///Users/me/app/y', message: 'cannot read /Users/me/app/y' }],
    truncated: false,
  })
})

test('members that may be null, absent or unknown stay as they are', () => {
  const file = { path: 'file:///srv/app/SKILL.md', contents: 'see /srv/app' }
  const found = {
    id: '/srv/app',
    path: 'file:///srv/app',
    plugin: null,
    skills: [{ instructions: file, metadata: null }],
  }
  const root = { ...found, namespaceManifests: [], warnings: ['in file:///srv/app/x'], error: null, more: ['/srv/app'] }
  const theirs = { ...file, path: 'file:///Users/me/app/SKILL.md' }
  assert.equal(mapResult(Method.CapabilityRootsDiscover, { roots: [root] }, map), {
    roots: [
      {
        ...root,
        path: 'file:///Users/me/app',
        skills: [{ instructions: theirs, metadata: null }],
        warnings: ['in file:///Users/me/app/x'],
      },
    ],
  })
  assert.equal(mapResult(Method.ProcessListChanged, { process: null }, map), { process: null })
})

test('the command of a run is shown as it was started, its folder as the client names it', () => {
  const process = { run: 1, argv: ['ls', '/srv/app'], cwd: '/srv/app/x', exitCode: null }
  assert.equal(mapResult(Method.ProcessStarted, { process }, map), { process: { ...process, cwd: '/Users/me/app/x' } })
})

test('a result without paths is not even copied', () => {
  const result = { entries: [{ fileName: '/srv/app' }] }
  assert.is(mapResult(Method.FsReadDirectory, result, map), result)
  assert.is(mapResult('unknown', result, map), result)
})

test.run()
