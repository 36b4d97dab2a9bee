import * as assert from 'uvu/assert'
import { proxyFor } from '../../../src/host/http/http-proxy.ts'
import { test } from '../../support/suite.ts'

const find = (url: string, env: Record<string, string>): string | undefined => proxyFor(new URL(url), env)?.href

const HTTP = 'http://x.test/'
const HTTPS = 'https://x.test/'

test('each scheme has its variable, and ALL_PROXY stands in for both', () => {
  assert.is(find(HTTP, { HTTP_PROXY: 'http://p:1' }), 'http://p:1/')
  assert.is(find(HTTPS, { HTTP_PROXY: 'http://p:1' }), undefined)
  assert.is(find(HTTPS, { HTTPS_PROXY: 'http://p:1' }), 'http://p:1/')
  assert.is(find(HTTP, { HTTPS_PROXY: 'http://p:1' }), undefined)
  for (const url of [HTTP, HTTPS]) {
    assert.is(find(url, { ALL_PROXY: 'http://all' }), 'http://all/')
    assert.is(
      find(url, { ALL_PROXY: 'http://all', HTTP_PROXY: 'http://own', HTTPS_PROXY: 'http://own' }),
      'http://own/',
    )
    assert.is(find(url, {}), undefined)
  }
})

test('variables may be written small, which goes before large; an empty one is none', () => {
  for (const [url, name] of [
    [HTTP, 'HTTP_PROXY'],
    [HTTPS, 'HTTPS_PROXY'],
    [HTTP, 'ALL_PROXY'],
  ] as const) {
    assert.is(find(url, { [name.toLowerCase()]: 'http://small' }), 'http://small/')
    assert.is(find(url, { [name.toLowerCase()]: 'http://small', [name]: 'http://large' }), 'http://small/')
    assert.is(find(url, { [name.toLowerCase()]: '', [name]: 'http://large' }), 'http://large/')
    assert.is(find(url, { [name.toLowerCase()]: '', [name]: '' }), undefined)
    assert.is(find(url, { [name]: 'http://p', no_proxy: 'x.test' }), undefined)
    assert.is(find(url, { [name]: 'http://p', no_proxy: 'y.test', NO_PROXY: 'x.test' }), 'http://p/')
  }
})

test('a proxy may be without a scheme, with credentials, and over TLS; any other kind is an error', () => {
  assert.is(find(HTTP, { HTTP_PROXY: 'p.test:3128' }), 'http://p.test:3128/')
  assert.is(find(HTTP, { HTTP_PROXY: 'u:p%40@p.test:3128' }), 'http://u:p%40@p.test:3128/')
  assert.is(find(HTTP, { HTTP_PROXY: '10.0.0.1:3128' }), 'http://10.0.0.1:3128/')
  assert.is(find(HTTP, { HTTP_PROXY: 'https://p.test' }), 'https://p.test/')
  for (const wrong of ['socks5://p:1', 'ftp://p', 'http://', '://', 'p:99999', 'http://a b']) {
    assert.throws(() => find(HTTP, { HTTP_PROXY: wrong }), /proxy/, wrong)
  }
})

test("in a CGI program only the small HTTP variable counts: the large one is a stranger's header", () => {
  assert.is(find(HTTP, { HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET' }), undefined)
  assert.is(find(HTTP, { HTTP_PROXY: 'http://evil', ALL_PROXY: 'http://all', REQUEST_METHOD: 'GET' }), 'http://all/')
  assert.is(find(HTTP, { HTTP_PROXY: 'http://evil', http_proxy: 'http://good', REQUEST_METHOD: 'GET' }), 'http://good/')
  assert.is(find(HTTPS, { HTTPS_PROXY: 'http://p', REQUEST_METHOD: 'GET' }), 'http://p/')
  assert.is(find(HTTP, { http_proxy: '', REQUEST_METHOD: 'GET' }), undefined, 'an empty one is none, here too')
})

test('this machine is never asked for by proxy', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'x.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '0x7f.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '[::]',
  ]) {
    for (const scheme of ['http', 'https'])
      assert.is(find(`${scheme}://${host}:8080/`, { ALL_PROXY: 'http://p' }), undefined, host)
  }
  for (const host of ['notlocalhost', 'localhost.test', '127.0.0.1.test', '128.0.0.1', '[::2]']) {
    assert.is(find(`http://${host}/`, { ALL_PROXY: 'http://p' }), 'http://p/', host)
  }
})

/** Whether NO_PROXY exempts a URL. */
const isExempt = (list: string, url: string): boolean =>
  find(url, { ALL_PROXY: 'http://p', NO_PROXY: list }) === undefined

test('a name in NO_PROXY covers itself and what is below it', () => {
  for (const list of [
    'corp.test',
    '.corp.test',
    '*.corp.test',
    'CORP.Test',
    'a, corp.test ,b',
    'a corp.test',
    ',,corp.test,',
  ]) {
    for (const host of ['corp.test', 'x.corp.test', 'X.Y.Corp.Test', 'corp.test.']) {
      assert.ok(isExempt(list, `http://${host}/`), `${list} ${host}`)
    }
    for (const host of ['xcorp.test', 'corp.test.evil', 'test', 'orp.test']) {
      assert.not(isExempt(list, `http://${host}/`), `${list} ${host}`)
    }
  }
  for (const list of ['', ' ', ',', '.', 'x', 'other.test,orp.test'])
    assert.not(isExempt(list, 'http://corp.test/'), `'${list}'`)
})

test('* in NO_PROXY exempts everybody', () => {
  for (const list of ['*', 'a,*', ' * ']) {
    for (const url of [HTTP, HTTPS, 'http://10.0.0.1/', 'http://[fd00::1]/']) assert.ok(isExempt(list, url), list)
  }
})

test('an entry with a port is for that port, also where the URL leaves it out', () => {
  assert.ok(isExempt('x.test:8080', 'http://x.test:8080/'))
  assert.ok(isExempt('x.test:80', 'http://x.test/'))
  assert.ok(isExempt('x.test:443', 'https://sub.x.test/'))
  assert.ok(isExempt('10.0.0.1:81', 'http://10.0.0.1:81/'))
  assert.ok(isExempt('[fd00::1]:81', 'http://[fd00::1]:81/'))
  for (const url of ['http://x.test:8081/', 'http://x.test/', 'https://x.test/'])
    assert.not(isExempt('x.test:8080', url), url)
  assert.not(isExempt('10.0.0.1:81', 'http://10.0.0.1/'))
})

test('addresses and ranges in NO_PROXY match literal addresses, however spelt', () => {
  for (const url of ['http://10.1.2.3/', 'http://10.1.255.255:99/', 'http://0xa.1.1/']) {
    assert.ok(isExempt('192.168.0.0/16,10.1.0.0/16', url), url)
  }
  for (const url of ['http://10.2.0.0/', 'http://9.1.2.3/', 'http://x10.1.2.3.test/'])
    assert.not(isExempt('10.1.0.0/16', url), url)
  assert.ok(isExempt('10.1.2.3', 'http://10.1.2.3/'))
  assert.not(isExempt('10.1.2.3', 'http://10.1.2.4/'))
  for (const list of ['fd00::/8', 'fd00::1', 'FD00:0:0::1', '[fd00::1]'])
    assert.ok(isExempt(list, 'http://[fd00::1]/'), list)
  assert.not(isExempt('fd00::/8', 'http://[fe00::1]/'))
  for (const list of ['10.1.0.0/33', '10.1.0.0/x', '10.1.0.0/-1']) assert.not(isExempt(list, 'http://10.1.2.3/'), list)
})

test.run()
