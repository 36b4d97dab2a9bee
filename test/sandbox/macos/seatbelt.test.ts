/** macOS profiles as text: nothing here can run them. */
import * as assert from 'uvu/assert'
import { resolvePolicy } from '../../../src/sandbox/policy/policy.ts'
import { seatbeltProfile } from '../../../src/sandbox/macos/seatbelt.ts'
import type { Disk } from '../../../src/sandbox/policy/symlink-resolver.ts'
import type { Entry, Network } from '../../../src/protocol/schemas/sandbox.ts'
import { test } from '../../support/suite.ts'

/** A Mac's: /tmp is a link, /w a workspace with a .git. */
const disk: Disk = {
  kind: (path) =>
    path === '/tmp'
      ? 'link'
      : ['/', '/private', '/private/tmp', '/w', '/w/.git', '/w/a', '/w/a/b', '/secret', '/we"ird'].includes(path)
        ? 'directory'
        : 'missing',
  linkText: () => 'private/tmp',
  gitDirectory: () => undefined,
}

const at = (path: string, access: Entry['access']): Entry => ({ at: { type: 'path', path }, access })
const root: Entry = { at: { type: 'root' }, access: 'read' }

function profile(entries: Entry[], network: Network = 'restricted'): string {
  const policy = resolvePolicy({ files: { unrestricted: false, entries }, network, cwd: '/w' }, {})
  return seatbeltProfile(policy, network, disk)
}

/** What decides about writing or reading a path, going by the last rule that matches, as the system does. */
function decides(text: string, operation: 'file-read*' | 'file-write*', path: string): string {
  let decision = 'deny'
  for (const [, verdict, operations, filters] of text.matchAll(
    /\((allow|deny) ((?:[a-z-]+\*?)(?: [a-z-]+\*?)*) ?((?:\((?:subpath|literal|regex) (?:"(?:[^"\\]|\\.)*"\) ?)+)*)\)/g,
  )) {
    if (!operations?.split(' ').includes(operation)) continue
    const matched = [...(filters ?? '').matchAll(/\((subpath|literal|regex) ("(?:[^"\\]|\\.)*")\)/g)].some(
      ([, kind, quoted]) => {
        const value = JSON.parse(quoted as string) as string
        if (kind === 'literal') return path === value
        if (kind === 'regex') return new RegExp(value).test(path)
        return value === '/' || path === value || path.startsWith(`${value}/`)
      },
    )
    if (matched || filters === '') decision = verdict as string
  }
  return decision
}

test('everything is denied but what is allowed after it', () => {
  assert.match(profile([root]), /^\(version 1\)\n\(deny default\)\n/)
})

test('of the places that hold a path the deepest decides, whatever their order in the request', () => {
  const entries = [at('/w', 'write'), at('/w/a', 'read'), at('/w/a/b', 'write'), at('/secret', 'deny'), root]
  for (const order of [entries, [...entries].reverse()]) {
    const text = profile(order)
    for (const [path, read, write] of [
      ['/etc/hosts', 'allow', 'deny'],
      ['/w/x', 'allow', 'allow'],
      ['/w/a/x', 'allow', 'deny'],
      ['/w/a/b/x', 'allow', 'allow'],
      ['/secret/x', 'deny', 'deny'],
    ] as const) {
      assert.is(decides(text, 'file-read*', path), read, `read ${path}`)
      assert.is(decides(text, 'file-write*', path), write, `write ${path}`)
    }
  }
})

test('protected names are denied in every writable directory, before they exist too, and links are looked through', () => {
  const text = profile([root, at('/w', 'write'), at('/tmp', 'write')])
  for (const directory of ['/w', '/private/tmp']) {
    for (const name of ['.git', '.codex', '.agents', '.aws']) {
      assert.is(decides(text, 'file-write*', `${directory}/${name}/x`), 'deny')
      assert.is(decides(text, 'file-write*', `${directory}/a/${name}/x`), 'allow')
    }
  }
})

test('what holds a read-only place may not be renamed', () => {
  const text = profile([root, at('/w', 'write'), at('/w/a/b', 'read')])
  assert.match(text, '(deny file-write-unlink (literal "/w/a"))')
})

test('a glob denies what matches it, whatever allows it', () => {
  const text = profile([root, at('/w', 'write'), { at: { type: 'glob', pattern: '**/*.secret' }, access: 'deny' }])
  assert.is(decides(text, 'file-read*', '/w/a/b/x.secret'), 'deny')
  assert.is(decides(text, 'file-read*', '/w/x.secret.txt'), 'allow')
})

test('paths are quoted', () => {
  assert.match(profile([root, at('/we"ird', 'write')]), '(subpath "/we\\"ird")')
})

test('the network is all or nothing', () => {
  assert.not.match(profile([root]), /allow network/)
  assert.match(profile([root], 'enabled'), '(allow network*)')
})

test('where every file may be written only the network is kept', () => {
  const text = seatbeltProfile(undefined, 'restricted', disk)
  assert.is(decides(text, 'file-write*', '/anything'), 'allow')
  assert.not.match(text, /allow network/)
})

test.run()
