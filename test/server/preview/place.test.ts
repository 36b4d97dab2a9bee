/** Which requests are for previews, and where they are opened. */
import * as assert from 'uvu/assert'
import { findTarget, openUrl } from '../../../src/server/preview/place.ts'
import { test } from '../../support/suite.ts'

const id = '0123456789abcdef'
const options = { id, hosts: ['*.devbox.example', 'other.example'] }
const find = (authority: string, target: string) => findTarget({ authority, target }, options)
const own = `5173-${id}.localhost:4600`

test('a host name of a preview is that of its port, whatever the path', () => {
  for (const path of ['/', '/c/token', '/metrics', '/mcp', '/port/80/', '/c/token/port/80/', '//x', '/readyz']) {
    const place = { kind: 'origin', port: 5173, authority: own, prefix: '', path }
    assert.equal(find(own, path), { kind: 'page', place, token: undefined }, path)
  }
})

test('names are spelt as people like, with a final dot, below a name that --allow-host gives, without a port', () => {
  for (const name of [own.toUpperCase(), `5173-${id}.localhost.:4600`, `5173-${id}.localhost`])
    assert.is(find(name, '/')?.kind, 'page', name)
  assert.is(find(`5173-${id}.devbox.example:4600`, '/')?.kind, 'page')
  assert.is(find(`5173-${id}.other.example`, '/'), undefined)
  assert.is(find(`5173-${id}.evil.example`, '/'), undefined)
  assert.is(find(`x.5173-${id}.localhost`, '/'), undefined)
  assert.is(find(`05173-${id}.localhost`, '/'), undefined)
})

test('an absolute target counts by its path: the authority has been taken from it', () => {
  const target = find(own, `http://${own}/a?b`)
  assert.is(target?.kind === 'page' && target.place.path, '/a?b')
})

test('the host of a preview that has ended never reaches the server', () => {
  for (const host of [`5173-${'f'.repeat(16)}.localhost:4600`, `99999-${id}.localhost`])
    assert.is(find(host, '/metrics')?.kind, 'stale', host)
  assert.is(find(`5173-${'f'.repeat(16)}.devbox.example`, '/')?.kind, 'stale')
})

test('a path of the server enters a preview, or is its place', () => {
  assert.equal(find('127.0.0.1:4600', '/port/5173'), { kind: 'enter', port: 5173, token: undefined, path: '/' })
  assert.equal(find('127.0.0.1:4600', '/port/5173?a'), { kind: 'enter', port: 5173, token: undefined, path: '/?a' })
  const place = { kind: 'path', port: 5173, authority: '10.0.0.5:4600', prefix: '/c/T/port/5173', path: '/a/b?c' }
  assert.equal(find('10.0.0.5:4600', '/c/T/port/5173/a/b?c'), { kind: 'page', place, token: 'T' })
})

test('other paths are for the server', () => {
  for (const path of ['/', '/c/T', '/port/', '/port/x', '/port/0', '/port/70000/', '/port/5173x', '/a/port/5173/', '*'])
    assert.is(find('127.0.0.1:4600', path), undefined, path)
  assert.is(find('127.0.0.1:4600', '/c/T/%70ort/5173/'), undefined)
})

test('a preview opens at an origin of its own where there is a name for one, else below a path', () => {
  const url = (authority: string): string => openUrl({ port: 80, path: '/a?b', token: 'T', authority }, options)
  for (const name of ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST'])
    assert.is(url(`${name}:4600`), `//80-${id}.localhost:4600/~exec-server/T/a?b`)
  assert.is(url('devbox.example:4600'), `//80-${id}.devbox.example:4600/~exec-server/T/a?b`)
  assert.is(url('devbox.example'), `//80-${id}.devbox.example/~exec-server/T/a?b`)
  for (const name of ['10.0.0.5:4600', 'other.example', '[fe80::1]:4600', 'x.devbox.example'])
    assert.is(url(name), '/c/T/port/80/a?b', name)
})

test('the token that opens an origin of its own is cut off the path', () => {
  const target = find(own, '/~exec-server/T//a?b')
  assert.is(target?.kind, 'open')
  assert.is(target?.kind === 'open' && target.place.path, '//a?b')
  assert.is(find(own, '/~exec-server/T')?.kind, 'page')
})

test.run()
