import * as assert from 'uvu/assert'
import { createPathEncoder, decodePath } from '../../../src/client/session/path-codec.ts'
import { ProtocolError } from '../../../src/client/base/errors.ts'
import { test } from '../../support/suite.ts'

const native = createPathEncoder(false)
const uris = createPathEncoder(true)

test('a path and its file: URL are encoded as the server expects them', () => {
  for (const path of ['/a b/ä%20', new URL('file:///a%20b/%C3%A4%2520')]) {
    assert.is(native.encode(path), '/a b/ä%20')
    assert.is(uris.encode(path), 'file:///a%20b/%C3%A4%2520')
  }
  assert.is(uris.encode('/'), 'file:///')
  assert.is(native.encode('/a/../b//c/'), '/b/c')
})

test('what comes back is a path, in whichever spelling the server answers', () => {
  for (const path of ['/', '/a b/ä', '/C:/x', '/bad\udcff']) assert.is(decodePath(uris.encode(path)), path)
  assert.is(decodePath('/plain'), '/plain')
})

test('a path that is not absolute, of another scheme, host or system is a TypeError', () => {
  const paths = ['', 'a', './a', '~/a', 'C:\\x', '/a\0b']
  const urls = ['http://x/y', new URL('http://x/y'), 'file:a', 'file:///C:/x', 'file://host/x', 'file:///a?b']
  for (const each of [...paths, ...urls]) {
    for (const { encode } of [native, uris])
      assert.throws(
        () => encode(each),
        (error: Error) => error instanceof TypeError,
        String(each),
      )
  }
})

test('a name that is not UTF-8 is not sent where there is no spelling for it', () => {
  assert.is(uris.encode('/bad\udcff'), 'file:///bad%FF')
  assert.throws(
    () => native.encode('/bad\udcff'),
    (error: Error) => error instanceof TypeError,
  )
})

test('an answer that is no path is the fault of the server', () => {
  for (const each of ['a', 'http://x', undefined, 5])
    assert.throws(
      () => decodePath(each),
      (error: Error) => error instanceof ProtocolError,
    )
})

test.run()
