/** HTTP requests as bytes: request lines, headers and upgrades, lawful and not. */
import fc from 'fast-check'
import { UPGRADE } from '../../support/web/raw-http.ts'
import type { Input } from '../family.ts'
import { PROTOTYPE_KEYS } from './json.ts'

const method = fc.oneof(
  { weight: 80, arbitrary: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH') },
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      'CONNECT',
      'TRACE',
      'PRI',
      'M-SEARCH',
      'get',
      'G\0T',
      '',
      'GET GET',
      'X'.repeat(20_000),
      '\xff',
      'QUERY',
    ),
  },
)

const target = fc.oneof(
  {
    weight: 80,
    arbitrary: fc.constantFrom(
      '/',
      '/',
      '/',
      '/readyz',
      '/healthz',
      '/metrics',
      '/readyz?x=1',
      '/other',
      '/c/token',
      '/c/',
    ),
  },
  {
    weight: 30,
    arbitrary: fc.constantFrom(
      'http://127.0.0.1/readyz',
      'http://evil.example/readyz',
      'http://evil.example/',
      'https://evil.example:1/',
      'http://user:pw@127.0.0.1/',
      'http://[::1]/readyz',
      'http://',
      'http:///',
      'http://[',
      '//',
      '//evil/',
      '//evil:99999/',
      '*',
      '/%',
      '/%zz',
      '/%00',
      '/\x7f',
      '/\xff',
      '/#x',
      '/?',
      '?',
      '',
      'readyz',
      '127.0.0.1:1',
      '/../readyz',
      '/./readyz',
      '/readyz/',
      '//readyz',
      '/READYZ',
      '/%72eadyz',
      'ftp://127.0.0.1/',
      'file:///etc/passwd',
      '/{}',
      '/a b',
      '\\',
      '/readyz\0',
      `/${'x'.repeat(3000)}`,
      `/${'x'.repeat(20_000)}`,
      ...PROTOTYPE_KEYS.map((key) => `/${key}`),
    ),
  },
)

const version = fc.oneof(
  { weight: 200, arbitrary: fc.constant('HTTP/1.1') },
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      'HTTP/1.0',
      'HTTP/0.9',
      'HTTP/2.0',
      'HTTP/1.2',
      'HTTP/',
      '',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/9999999999.1',
    ),
  },
)

const host = fc.oneof(
  { weight: 80, arbitrary: fc.constantFrom('Host: 127.0.0.1', 'Host: localhost', 'host: 127.0.0.1:80') },
  {
    weight: 20,
    arbitrary: fc.constantFrom(
      '',
      'Host: evil.example',
      'Host:',
      'Host: ',
      'Host: [::1]',
      'Host: [::1',
      'Host: 127.0.0.1:99999',
      'Host: 127.0.0.1:x',
      'Host: a b',
      'Host: user@127.0.0.1',
      'Host: 127.0.0.1, evil.example',
      'Host: 127.0.0.1\r\nHost: 127.0.0.1',
      'Host: 127.0.0.1\r\nHost: evil.example',
      'Host: 2130706433',
      'Host: 0x7f.1',
      'Host: 127.1',
      'Host: 127.0.0.1.',
      'Host: localhost.evil.example',
      'Host: \xff',
      'Host: xn--x',
      'Host: %31',
      'Host: ::1',
      'Host: 127.0.0.1/',
      'Host : 127.0.0.1',
      ` Host: 127.0.0.1`,
    ),
  },
)

/** Whole, or with something else in the place of a line, or without it, or with it twice. */
const upgrade = fc.oneof(
  { weight: 30, arbitrary: fc.constant(UPGRADE) },
  {
    weight: 40,
    arbitrary: fc
      .tuple(
        fc.nat(3),
        fc.constantFrom(
          '',
          'Connection: close',
          'Connection: keep-alive, Upgrade',
          'Connection: upgradex',
          'Connection: Upgrade, Upgrade',
          'Upgrade: WebSocket',
          'Upgrade: h2c',
          'Upgrade: websocket, h2c',
          'Upgrade: websocket\r\nUpgrade: h2c',
          'Upgrade:',
          'Sec-WebSocket-Version: 12',
          'Sec-WebSocket-Version: 13, 12',
          'Sec-WebSocket-Version: 013',
          'Sec-WebSocket-Key:',
          'Sec-WebSocket-Key: short',
          `Sec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Key: ${'B'.repeat(22)}==`,
          `Sec-WebSocket-Key: ${'A'.repeat(5000)}`,
        ),
        fc.boolean(),
      )
      .map(([index, line, added]) => (added ? [...UPGRADE, line] : UPGRADE.with(index, line))),
  },
  { weight: 40, arbitrary: fc.constant<string[]>([]) },
)

const header = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.constantFrom(
      'Origin: https://evil.example',
      'Origin:',
      'origin: null',
      'ORIGIN: x',
      'Origin : x',
      'Accept: */*',
      'Connection: close',
      'Connection: keep-alive',
      'Authorization: Bearer x',
      'Authorization:',
      'Cookie: a=b',
      'Expect: 100-continue',
      'Expect: x',
      'Content-Length: 0',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 1, 2',
      'Content-Length: 99999999999999999999',
      'Content-Length: 4\r\nContent-Length: 5',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: x',
      'Content-Length: 4\r\nTransfer-Encoding: chunked',
      'TE: trailers',
      'Keep-Alive: timeout=99999',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      'Sec-WebSocket-Extensions: ;;=',
      'Sec-WebSocket-Protocol: a, a',
      'Sec-WebSocket-Protocol: ,',
      'Sec-Fetch-Mode: websocket',
      'X-Forwarded-For: ::1',
      'Forwarded: host=127.0.0.1',
      'X-Http-Method-Override: DELETE',
      ': x',
      'x',
      ' folded',
      'a b: c',
      'x:\ty',
      'x: \0',
      'x: \x01',
      'x: \xff',
      'x: \r y',
      'x: a\nb: c',
      `x: ${'y'.repeat(20_000)}`,
      ...PROTOTYPE_KEYS.map((key) => `${key}: x`),
    ),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(fc.string({ unit: 'binary-ascii', maxLength: 10 }), fc.string({ unit: 'binary-ascii', maxLength: 20 }))
      .map(([name, value]) => `${name}: ${value}`),
  },
)

const many = fc
  .constantFrom(100, 1000, 3000)
  .map((count) => Array.from({ length: count }, (_, index) => `x${index}: y`))

const body = fc.constantFrom(
  '',
  '',
  '',
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  'z\r\n',
  '5\r\nhel',
  'ffffffffffffffff\r\n',
  'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  '\x81\x80\0\0\0\0',
  '\0'.repeat(100),
)

const request = fc
  .tuple(
    fc.tuple(method, target, version).map((parts) => parts.join(' ')),
    host,
    upgrade,
    fc.oneof({ weight: 100, arbitrary: fc.array(header, { maxLength: 2 }) }, { weight: 2, arbitrary: many }),
    body,
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r'),
  )
  .map(
    ([first, named, lines, more, content, end]) =>
      `${[first, named, ...lines, ...more].filter((line, index) => index === 0 || line !== '').join(end)}${end}${end}${content}`,
  )

const edited = fc
  .tuple(
    request,
    fc.array(fc.tuple(fc.nat(300), fc.nat(5), fc.string({ unit: 'binary-ascii', maxLength: 3 })), { maxLength: 3 }),
  )
  .map(([text, edits]) =>
    edits.reduce(
      (so, [at, length, put]) => so.slice(0, at % so.length) + put + so.slice((at % so.length) + length),
      text,
    ),
  )

export const httpRequests: fc.Arbitrary<Input> = fc
  .oneof(
    { weight: 60, arbitrary: request },
    { weight: 20, arbitrary: edited },
    { weight: 5, arbitrary: fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 60 }) },
  )
  .map((text) => ({ bytes: Buffer.from(text, 'latin1'), binary: true }))
