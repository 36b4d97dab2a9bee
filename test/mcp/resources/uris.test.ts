import * as assert from 'uvu/assert'
import { isWithin } from '../../../src/base/paths.ts'
import { parseResourceUri, pathsOf, runUri } from '../../../src/mcp/resources/uris.ts'
import { test } from '../../support/suite.ts'

test('a URI names a file or a run, or nothing', () => {
  assert.equal(parseResourceUri('file:///a/b%20c'), { kind: 'file', path: '/a/b c' })
  assert.equal(parseResourceUri('file:///a/../b'), { kind: 'file', path: '/b' })
  assert.equal(parseResourceUri(runUri('run-12')), { kind: 'run', id: 'run-12' })
  for (const uri of ['', 'file://elsewhere/a', 'http://x/', 'run:///run-', 'run:///run-1/x', '/a', 'file:a'])
    assert.is(parseResourceUri(uri), undefined, uri)
  assert.equal(pathsOf(['file:///a', 'http://x/', 'file:///b']), ['/a', '/b'])
})

test('only what is below a directory is within it', () => {
  assert.equal(
    ['/w', '/w/a', '/wa', '/', '/v'].map((path) => isWithin(path, '/w')),
    [true, true, false, false, false],
  )
  assert.ok(isWithin('/a', '/'))
})

test.run()
