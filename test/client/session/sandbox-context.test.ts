import * as assert from 'uvu/assert'
import { parse } from 'valibot'
import { createPathEncoder } from '../../../src/client/session/path-codec.ts'
import { toSandboxContext } from '../../../src/client/session/sandbox-context.ts'
import { SandboxContext } from '../../../src/protocol/schemas/sandbox-context.ts'
import type { Sandbox } from '../../../src/protocol/schemas/sandbox.ts'
import { test } from '../../support/suite.ts'

const full: Sandbox = {
  files: {
    unrestricted: false,
    globScanMaxDepth: 3,
    entries: [
      { at: { type: 'root' }, access: 'read' },
      { at: { type: 'minimal' }, access: 'read' },
      { at: { type: 'tmpdir' }, access: 'write' },
      { at: { type: 'slash_tmp' }, access: 'write' },
      { at: { type: 'project_roots' }, access: 'write' },
      { at: { type: 'project_roots', subpath: '.git' }, access: 'read' },
      { at: { type: 'path', path: '/x y' }, access: 'deny' },
      { at: { type: 'glob', pattern: '**/*.env' }, access: 'deny' },
    ],
  },
  network: 'restricted',
  cwd: '/w/a',
  workspaceRoots: ['/w/a', '/w b'],
}

/** As a server reads it. */
const read = (sandbox: Sandbox, uris: boolean): unknown => {
  const text = JSON.stringify(toSandboxContext(sandbox, createPathEncoder(uris)))
  return parse(SandboxContext, JSON.parse(text))
}

test('a server reads the sandbox that the client was given', () => {
  assert.equal(read(full, true), full)
  const open: Sandbox = { files: { unrestricted: true }, network: 'enabled' }
  for (const uris of [true, false]) assert.equal(read(open, uris), open)
})

test('servers that know one workspace root only get each root as a path', () => {
  const { files } = read(full, false) as { files: { entries: unknown[] } }
  assert.equal(files.entries.slice(4, 8), [
    { at: { type: 'path', path: '/w/a' }, access: 'write' },
    { at: { type: 'path', path: '/w b' }, access: 'write' },
    { at: { type: 'path', path: '/w/a/.git' }, access: 'read' },
    { at: { type: 'path', path: '/w b/.git' }, access: 'read' },
  ])
})

test('without workspace roots the cwd is the only one, for every server', () => {
  const { workspaceRoots: _, ...one } = full
  assert.equal(read(one, true), { ...one, workspaceRoots: ['/w/a'] })
})

test('a denial is encoded as the oldest servers know it', () => {
  assert.match(
    JSON.stringify(toSandboxContext(full, createPathEncoder(false))),
    '"path":{"type":"path","path":"/x y"},"access":"none"',
  )
})

test.run()
