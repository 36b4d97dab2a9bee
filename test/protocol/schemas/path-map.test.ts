import * as assert from 'uvu/assert'
import { PathMap, parsePathMapping } from '../../../src/protocol/schemas/path-map.ts'
import { test } from '../../support/suite.ts'

const mapOf = (...texts: string[]): PathMap => new PathMap(texts.map(parsePathMapping))

test('a path in a mapped folder becomes that of this machine, and back; others pass', () => {
  const map = mapOf('/Users/me/app=/srv/app', '/Users/me/lib=/opt/lib')
  const pairs = [
    ['/Users/me/app', '/srv/app'],
    ['/Users/me/app/a/b', '/srv/app/a/b'],
    ['/Users/me/lib/x', '/opt/lib/x'],
    ['/Users/me/application', '/Users/me/application'],
    ['/Users/me', '/Users/me'],
    ['/', '/'],
  ] as const
  for (const [theirs, ours] of pairs) {
    assert.is(map.toOwn(theirs), ours)
    assert.is(map.toClient(ours), theirs)
  }
})

test('a path that is one of this machine already is left as it is', () => {
  assert.is(mapOf('/Users/me/app=/srv/app').toOwn('/srv/app/x'), '/srv/app/x')
})

test('URIs are translated in their encoded form', () => {
  const map = mapOf('file:///Users/m%C3%A9/my%20app=/srv/app ö')
  assert.is(map.uriToClient('file:///srv/app%20%C3%B6/x%20y'), 'file:///Users/m%C3%A9/my%20app/x%20y')
  assert.is(map.uriToClient('file:///srv/app'), 'file:///srv/app')
  assert.is(map.uriToOwn('file:///Users/m%C3%A9/my%20app/', '/Users/mé/my app'), 'file:///srv/app%20%C3%B6/')
  const unusual = 'file:///Users/m%C3%A9/my%20%61pp/x'
  assert.is(map.uriToOwn(unusual, '/Users/mé/my app/x'), 'file:///srv/app%20%C3%B6/x')
})

test('in a text, whole paths and URIs are translated, and nothing that only contains one', () => {
  const map = mapOf('/Users/me/app=/srv/app')
  const texts = {
    'no file /srv/app/x, nor `/srv/app`.': 'no file /Users/me/app/x, nor `/Users/me/app`.',
    '"/srv/app": file:///srv/app/x': '"/Users/me/app": file:///Users/me/app/x',
    '/srv/app.git /srv/app-2 /srv/apple /old/srv/app ./srv/app /srv/app%20': undefined,
  }
  for (const [ours, theirs] of Object.entries(texts)) assert.is(map.textToClient(ours), theirs ?? ours)
})

test('a replacement is literal, whatever the name', () => {
  assert.is(mapOf('/a/$&=/srv/a-b.c+d').textToClient('in /srv/a-b.c+d/x'), 'in /a/$&/x')
})

test('what would be ambiguous is refused, with the reason', () => {
  const refused: [texts: string[], reason: RegExp][] = [
    [['/a=/b', '/a=/c'], /\/a is given twice/],
    [['/a=/b', '/c=/b'], /\/b is given twice/],
    [['/a=/a'], /\/a is given twice/],
    [['/a=/b', '/a/x=/c'], /\/a\/x lies in \/a/],
    [['/a=/b', '/c=/b/x'], /\/b\/x lies in \/b/],
    [['/a=/b', '/b=/c'], /\/b is given twice/],
    [['/a=/a/b'], /\/a\/b lies in \/a/],
    [['/a/b/../=/a'], /\/a is given twice/],
    [Array.from({ length: 65 }, (_, index) => `/a${index}=/b${index}`), /at most 64/],
  ]
  for (const [texts, reason] of refused) assert.throws(() => mapOf(...texts), reason)
})

test('what is no absolute path, or cannot be a prefix, is refused in words', () => {
  const refused: [text: string, reason: RegExp][] = [
    ['/a', /two paths with one = between/],
    ['/a=/b=/c', /%3D/],
    ['a=/b', /neither absolute/],
    ['/a=', /neither absolute/],
    ['~/a=/b', /neither absolute/],
    ['/a=/', /root folder/],
    ['C:\\Users=/b', /Windows path/],
    ['\\\\host\\share=/b', /Windows path/],
    ['file:///C:/Users=/b', /another system/],
    ['file://host/a=/b', /another system/],
    ['/a/*=/b', /cannot be mapped/],
    ['/a=/b[1]', /cannot be mapped/],
  ]
  for (const [text, reason] of refused) assert.throws(() => parsePathMapping(text), reason, text)
  assert.equal(parsePathMapping('file:///a%3Db=/c/./d/'), { client: '/a=b', own: '/c/d' })
})

test.run()
