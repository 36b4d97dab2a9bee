/** What a program sees of a browser's request, and a browser of a program's answer. */
import * as assert from 'uvu/assert'
import { ownSetCookie, tokensIn, withoutOurs } from '../../../src/server/preview/cookie.ts'
import type { Place } from '../../../src/server/preview/place.ts'
import { bodyFraming, requestHeaders } from '../../../src/server/preview/request-headers.ts'
import { ownLocation, responseHeaders } from '../../../src/server/preview/response-headers.ts'
import { test } from '../../support/suite.ts'

const own: Place = { kind: 'origin', port: 5173, authority: '5173-a.localhost:4600', prefix: '', path: '/a/b' }
const below: Place = {
  kind: 'path',
  port: 5173,
  authority: '10.0.0.5:4600',
  prefix: '/c/T/port/5173',
  path: '/a/b',
}

test('a program is asked as by a browser on its own machine', () => {
  const given = ['Host', own.authority, 'Origin', `http://${own.authority}`, 'Referer', `http://${own.authority}/x?y`]
  const expected = ['Host', 'localhost:5173', 'Origin', 'http://localhost:5173', 'Referer', 'http://localhost:5173/x?y']
  assert.equal(requestHeaders([...given, 'Accept', 'a', 'accept', 'b'], own), [
    ...expected,
    'Accept',
    'a',
    'accept',
    'b',
  ])
})

test('headers of one connection, those that it names, and those of proxies are not passed on', () => {
  const given = [
    ...['Connection', 'close, X-Mine', 'x-mine', '1', 'Keep-Alive', '5', 'TE', 'trailers', 'Upgrade', 'h2c'],
    ...['Proxy-Authorization', 'x', 'Expect', '100-continue', 'X-Forwarded-Host', 'evil', 'Forwarded', 'for=x'],
    ...['Transfer-Encoding', 'chunked', 'Content-Length', '3', 'HTTP2-Settings', 'x', 'Cookie2', 'kept'],
  ]
  assert.equal(requestHeaders(given, own), ['Host', 'localhost:5173', 'Cookie2', 'kept'])
})

test('the body is framed in one way only', () => {
  assert.equal(bodyFraming({ 'content-length': '3' }), ['Content-Length', '3'])
  assert.equal(bodyFraming({ 'content-length': '3', 'transfer-encoding': 'chunked' }), ['Transfer-Encoding', 'chunked'])
  assert.equal(bodyFraming({}), [])
})

test('the cookie that opens a preview is not passed on, and not replaced', () => {
  assert.equal(requestHeaders(['Cookie', 'a=1; exec-server-preview=T; b=2'], own).slice(2), ['Cookie', 'a=1; b=2'])
  assert.equal(requestHeaders(['Cookie', 'exec-server-preview=T'], own).slice(2), [])
  assert.is(withoutOurs('exec-server-preview-2=x'), 'exec-server-preview-2=x')
  assert.equal(tokensIn('exec-server-preview=evil; x=1; exec-server-preview=T'), ['evil', 'T'])
  assert.equal(responseHeaders(['Set-Cookie', 'exec-server-preview=evil; Path=/'], own), [])
  assert.is(ownSetCookie('a=1; Domain=localhost; Path=/; domain = x'), 'a=1; Path=/')
})

test('a page below a path gives a program no cookie, no bearer token and not the token of the path', () => {
  const given = ['Cookie', 'a=1', 'Authorization', 'Bearer x', 'Origin', 'null', 'Sec-Fetch-Site', 'cross-site']
  const referer = (value: string): string[] => requestHeaders(['Referer', value], below).slice(2)
  assert.equal(requestHeaders(given, below), ['Host', 'localhost:5173', 'Origin', 'http://localhost:5173'])
  assert.equal(referer('http://10.0.0.5:4600/c/T/port/5173/x'), ['Referer', 'http://localhost:5173/x'])
  assert.equal(referer('http://10.0.0.5:4600/c/SECRET'), [])
  assert.equal(referer('http://10.0.0.5:4600/c/T/port/51730/x'), [])
  assert.equal(referer('http://evil.example/'), [])
  assert.equal(referer('no URL'), [])
})

test('redirects of a program to itself stay in the preview, and others stay as they are', () => {
  const table: [string, string, string][] = [
    ['/login', '/login', '/c/T/port/5173/login'],
    ['c?d#e', '/a/c?d#e', '/c/T/port/5173/a/c?d#e'],
    ['http://localhost:5173/x', '/x', '/c/T/port/5173/x'],
    ['http://127.0.0.1:5173/x', '/x', '/c/T/port/5173/x'],
    ['http://[::1]:5173/x', '/x', '/c/T/port/5173/x'],
    ['//localhost:5173//evil.example', '/evil.example', '/c/T/port/5173/evil.example'],
    ['http://localhost:8080/x', 'http://localhost:8080/x', 'http://localhost:8080/x'],
    ['https://localhost:5173/', 'https://localhost:5173/', 'https://localhost:5173/'],
    ['https://example.org/', 'https://example.org/', 'https://example.org/'],
    ['http://[', 'http://[', 'http://['],
  ]
  for (const [value, onOwn, onPath] of table) {
    assert.is(ownLocation(value, own), onOwn, value)
    assert.is(ownLocation(value, below), onPath, value)
  }
})

test('an answer says nothing for the whole host, and is framed anew', () => {
  const given = [
    'Strict-Transport-Security',
    'max-age=1',
    'Alt-Svc',
    'h3=":443"',
    'Connection',
    'close, X-A',
    'X-A',
    '1',
  ]
  const framed = ['Transfer-Encoding', 'chunked', 'Content-Length', '3', 'ETag', '"x"']
  assert.equal(responseHeaders([...given, ...framed], own), ['ETag', '"x"'])
  assert.equal(responseHeaders(['Content-Length', '3'], own), ['Content-Length', '3'])
})

test('a page below a path is sandboxed, whatever the program says', () => {
  const given = [
    ...['Set-Cookie', 'a=1', 'Access-Control-Allow-Origin', '*', 'Service-Worker-Allowed', '/'],
    ...['Clear-Site-Data', '"*"', 'Referrer-Policy', 'unsafe-url', 'Content-Security-Policy', "default-src 'self'"],
  ]
  const headers = responseHeaders(given, below)
  assert.equal(headers.slice(0, 2), ['Content-Security-Policy', "default-src 'self'"])
  assert.is(headers[2], 'Content-Security-Policy')
  assert.match(headers[3] ?? '', /^sandbox /)
  assert.not.match(headers[3] ?? '', /allow-same-origin|allow-top-navigation|escape/)
  assert.equal(headers.slice(-2), ['Referrer-Policy', 'no-referrer'])
  assert.not(headers.includes('Set-Cookie') || headers.includes('*, *'))
})

test.run()
