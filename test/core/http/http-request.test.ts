import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { prepareRequest, redirected } from '../../../src/core/http/http-request.ts'
import type { PreparedRequest } from '../../../src/core/http/http-request.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import type { HttpHeader, HttpRequestParams } from '../../../src/protocol/schemas/http.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Params = Partial<HttpRequestParams>
const prepare = (more: Params = {}, variables: Record<string, string> = {}): PreparedRequest =>
  prepareRequest(
    {
      method: 'GET',
      url: 'http://here.test/',
      headers: [],
      redirectPolicy: 'follow',
      requestId: 'r',
      streamResponse: false,
      ...more,
    },
    new Map(Object.entries(variables)),
  )

const headers = (...lines: string[]): HttpHeader[] =>
  lines.map((line) => ({ name: line.split(': ', 1)[0] as string, value: line.slice(line.indexOf(': ') + 2) }))
const lines = (request: PreparedRequest): string[] => request.headers.map(({ name, value }) => `${name}: ${value}`)

function refusal(params: Params, variables: Record<string, string> = {}): string {
  try {
    prepare(params, variables)
  } catch (error) {
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, -32602)
    return (error as RpcError).message
  }
  throw new Error(`not refused: ${JSON.stringify(params)}`)
}

// ---- what a request says ----

test('any token is a method, as it is spelt, and nothing else is', () => {
  for (const method of ['GET', 'get', 'PROPFIND', "!#$%&'*+-.^_`|~9z"]) assert.is(prepare({ method }).method, method)
  for (const method of ['', ' ', 'GET ', 'G T', 'GET\r\n', 'GÉT', 'a/b', 'a:b']) {
    assert.is(refusal({ method }), 'http/request method is invalid: invalid HTTP method')
  }
})

test('URLs are absolute, and of http or https', () => {
  for (const url of [
    '',
    '/x',
    'x',
    '//here.test/',
    'http://',
    'http:///',
    'http://a b/',
    'http://[::1',
    'http://x:70000/',
    'http://1.2.3.999/',
  ]) {
    assert.match(refusal({ url }), /^http\/request url is invalid: /, url)
  }
  for (const [url, scheme] of [
    ['ftp://x/', 'ftp'],
    ['file:///etc/passwd', 'file'],
    ['ws://x/', 'ws'],
    ['data:,x', 'data'],
    ['HTTPX://y', 'httpx'],
  ] as const) {
    assert.is(refusal({ url }), `http/request only supports http and https URLs, got ${scheme}`)
  }
  assert.is(
    prepare({ url: 'HTTPS://Here.Test:443/a b/é?q=ö#fragment' }).url.href,
    'https://here.test/a%20b/%C3%A9?q=%C3%B6',
  )
})

test('of several faults the first is reported: method, URL, scheme, then header by header', () => {
  const wrong: Params = { method: '', url: 'ftp//', headers: headers('a b: x', 'c: \n') }
  assert.match(refusal(wrong), /method/)
  assert.match(refusal({ ...wrong, method: 'GET' }), /url is invalid/)
  assert.match(refusal({ ...wrong, method: 'GET', url: 'ftp://x' }), /only supports/)
  assert.is(
    refusal({ headers: wrong.headers as HttpHeader[] }),
    'http/request header name is invalid: invalid HTTP header name',
  )
  assert.is(
    refusal({ headers: headers('C: \n', 'a b: x') }),
    'http/request header value is invalid for C: failed to parse header value',
  )
})

test('names become small; order, repeats and values stay', () => {
  const request = prepare({
    headers: headers(
      'X-B: 1',
      'Accept: a',
      'x-b:  2 ',
      'User-Agent: é\t€ 😀',
      'Host: elsewhere',
      'Cookie: ',
      'Authorization: z',
    ),
  })
  assert.equal(lines(request), [
    'x-b: 1',
    'accept: a',
    'x-b:  2 ',
    'user-agent: é\t€ 😀',
    'host: elsewhere',
    'cookie: ',
    'authorization: z',
  ])
})

test('a value that would end its line is refused, wherever its bytes come from', () => {
  for (const value of ['\r', '\n', 'a\r\nb: c', '\0', '\x7f', '\x1b[1m']) {
    assert.match(refusal({ headers: [{ name: 'a', value }] }), /header value is invalid for a:/)
    assert.match(
      refusal({ headers: [{ name: 'a', value: '', valueEnvVar: 'V' }] }, { V: `x${value}` }),
      /header value is invalid for a:/,
    )
  }
})

test('a header that would frame the body is left out: the body frames itself', () => {
  const request = prepare({
    headers: headers('Content-Length: 99', 'Transfer-Encoding: chunked', 'content-type: x'),
    bodyBase64: new Uint8Array([1, 2]) as never,
  })
  assert.equal(lines(request), ['content-type: x'])
  assert.equal(request.body, new Uint8Array([1, 2]))
})

test('an environment variable goes behind the value, and its header is secret', () => {
  const request = prepare(
    {
      headers: [
        { name: 'X-Token', value: 'Bearer ', valueEnvVar: 'TOKEN' },
        { name: 'x-plain', value: 'p', valueEnvVar: null },
      ],
    },
    { TOKEN: 'sécret' },
  )
  assert.equal(lines(request), ['x-token: Bearer sécret', 'x-plain: p'])
  assert.equal([...request.secretHeaders], ['x-token'])
})

test("a variable that is not there, is empty, or is somebody's credential is refused by name", () => {
  const ask = (valueEnvVar: string) =>
    refusal(
      { headers: [{ name: 'X', value: 'v', valueEnvVar }] },
      { EMPTY: '', OPENAI_API_KEY: 'k', codex_api_key: 'k' },
    )
  assert.is(ask('ABSENT'), 'http/request header X requires executor environment variable ABSENT')
  assert.is(ask(''), 'http/request header X requires executor environment variable ')
  assert.is(ask('EMPTY'), 'http/request header X requires a non-empty executor environment variable EMPTY')
  const forbidden =
    'OPENAI_API_KEY CODEX_API_KEY CODEX_ACCESS_TOKEN CODEX_CONNECTORS_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CLIENT_SECRET AZURE_FEDERATED_TOKEN_FILE GOOGLE_APPLICATION_CREDENTIALS'
  for (const name of [...forbidden.split(' '), 'codex_api_key', 'Aws_Session_Token']) {
    assert.is(ask(name), `http/request header X cannot use executor environment variable ${name}`)
  }
})

test('a user and a password in the URL become Basic authorization, unless there is one', () => {
  const basic = (url: string, ...given: string[]): string | undefined => {
    const request = prepare({ url, headers: headers(...given) })
    assert.is(request.url.href, 'http://here.test/p')
    const values = request.headers.filter(({ name }) => name === 'authorization').map(({ value }) => value)
    assert.ok(values.length <= 1)
    return values[0]
  }
  const encoded = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  assert.is(basic('http://u:p@here.test/p#x'), encoded('u:p'))
  assert.is(basic('http://u@here.test/p'), encoded('u:'))
  assert.is(basic('http://:p@here.test/p'), encoded(':p'))
  assert.is(basic('http://us%C3%A9r:p%3A%40ss@here.test/p'), encoded('usér:p:@ss'))
  assert.is(basic('http://50%:100%zz@here.test/p'), encoded('50%:100%zz'))
  assert.is(basic('http://u:p@here.test/p', 'Authorization: own'), 'own')
  assert.is(basic('http://here.test/p'), undefined)
})

// ---- redirects ----

const follow = (from: PreparedRequest, status: number, location: string, ...more: string[]) =>
  redirected(from, { status, headers: headers(...more, `location: ${location}`) })

/** Where a redirect that must be followed leads to. */
function next(from: PreparedRequest, status: number, location: string): PreparedRequest {
  const request = follow(from, status, location)
  if (request === undefined) throw new Error(`${status} to ${location} is not followed`)
  return request
}

test('only the five statuses with a location that can be read lead on', () => {
  const from = prepare({ url: 'http://here.test/a/b?c' })
  for (const status of [301, 302, 303, 307, 308]) assert.is(follow(from, status, 'x')?.url.href, 'http://here.test/a/x')
  for (const status of [200, 201, 300, 304, 305, 306, 309, 400])
    assert.is(follow(from, status, 'x'), undefined, String(status))
  assert.is(redirected(from, { status: 302, headers: [] }), undefined)
  assert.is(follow(from, 302, 'http://[::1'), undefined)
})

test('a location is read from where the request was', () => {
  const from = prepare({ url: 'http://here.test/a/b?c#d' })
  for (const [location, url] of [
    ['/x', 'http://here.test/x'],
    ['../x?y', 'http://here.test/x?y'],
    ['?z', 'http://here.test/a/b?z'],
    ['', 'http://here.test/a/b?c'],
    ['//there.test', 'http://there.test/'],
    ['https://THERE.test:8443/é#f', 'https://there.test:8443/%C3%A9'],
  ] as const) {
    assert.is(next(from, 302, location).url.href, url)
  }
})

test('a redirect to anything but http and https is an error, not a response', () => {
  for (const [location, scheme] of [
    ['file:///etc/passwd', 'file'],
    ['ftp://x/', 'ftp'],
    ['data:,x', 'data'],
    ['mailto:a@b', 'mailto'],
  ] as const) {
    try {
      follow(prepare(), 302, location)
      assert.unreachable()
    } catch (error) {
      assert.is((error as RpcError).code, -32603)
      assert.is(
        (error as RpcError).message,
        `http/request failed: redirect target uses unsupported URL scheme: ${scheme}`,
      )
    }
  }
})

test('303 asks anew with GET and without the body, and so do 301 and 302 for POST; all others repeat the request', () => {
  const about = ['content-type: t', 'content-encoding: e', 'content-language: l', 'content-location: o', 'x-own: 1']
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'post']) {
    const from = { ...prepare({ method, headers: headers(...about) }), body: new Uint8Array([1]) }
    const repeats =
      method === 'POST' ? [307, 308] : method === 'HEAD' ? [301, 302, 303, 307, 308] : [301, 302, 307, 308]
    for (const status of [301, 302, 303, 307, 308].filter((status) => !repeats.includes(status))) {
      const request = next(from, status, '/x')
      assert.is(request.method, 'GET')
      assert.is(request.body, undefined)
      assert.equal(
        lines(request).filter((line) => !line.startsWith('referer')),
        ['x-own: 1'],
      )
    }
    for (const status of repeats) {
      const request = next(from, status, '/x')
      assert.is(request.method, method)
      assert.equal(request.body, new Uint8Array([1]))
      assert.equal(
        lines(request).filter((line) => !line.startsWith('referer')),
        about,
      )
    }
  }
})

test('another origin gets neither the credentials, nor what came from the environment, nor the host; the same one gets all', () => {
  const secrets = [
    'authorization: a',
    'cookie: c',
    'cookie2: c',
    'proxy-authorization: p',
    'www-authenticate: w',
    'host: own',
  ]
  const from = prepare(
    {
      headers: [
        ...headers(...secrets, 'x-own: 1', 'x-token: literal'),
        { name: 'X-Token', value: 'T ', valueEnvVar: 'TOKEN' },
      ],
    },
    { TOKEN: 'secret' },
  )
  const others = [
    'https://here.test/',
    'http://here.test:81/',
    'http://sub.here.test/',
    'http://there.test/',
    '//there.test/',
  ]
  for (const location of others) {
    assert.equal(
      lines(next(from, 307, location)).filter((line) => !line.startsWith('referer')),
      ['x-own: 1'],
      location,
    )
  }
  for (const location of ['/x', 'http://here.test:80/', 'http://HERE.test/y']) {
    assert.equal(
      lines(next(from, 307, location)).filter((line) => !line.startsWith('referer')),
      lines(from),
      location,
    )
  }
})

test('what was taken away on the way to another origin does not come back on the way home', () => {
  const from = prepare(
    {
      headers: [
        { name: 'x-token', value: '', valueEnvVar: 'TOKEN' },
        { name: 'authorization', value: 'a' },
      ],
    },
    {
      TOKEN: 'secret',
    },
  )
  const home = next(next(from, 302, 'http://there.test/'), 302, 'http://here.test/')
  assert.equal(lines(home), ['referer: http://there.test/'])
})

test('the referer is the whole URL for the same origin, the origin for another, and nothing on the way out of TLS', () => {
  const referer = (url: string, location: string): string | undefined =>
    next(prepare({ url, headers: headers('referer: given') }), 302, location).headers.find(
      ({ name }) => name === 'referer',
    )?.value
  assert.is(referer('http://u:p@here.test/a?b#c', '/x'), 'http://here.test/a?b')
  assert.is(referer('http://here.test:8080/a?b', 'http://there.test/'), 'http://here.test:8080/')
  assert.is(referer('http://here.test/a', 'https://here.test/'), 'http://here.test/')
  assert.is(referer('https://here.test/a', 'http://here.test/'), undefined)
  assert.is(referer('https://here.test/a', 'https://there.test/'), 'https://here.test/')
})

test('credentials in a location become authorization, as those in a URL do', () => {
  const request = next(prepare({ headers: headers('authorization: mine') }), 302, 'http://u:p@there.test/x')
  assert.is(request.url.href, 'http://there.test/x')
  assert.ok(lines(request).includes(`authorization: Basic ${btoa('u:p')}`))
})

test('whatever the chain of redirects, a secret is shown to its origin only, and every hop has one referer at the most', () => {
  const origins = ['http://here.test', 'https://here.test', 'http://here.test:81', 'http://there.test']
  const hop = fc.record({
    status: fc.constantFrom(301, 302, 303, 307, 308),
    location: fc.oneof(fc.constantFrom(...origins), fc.constantFrom('/a', '?b', '')),
  })
  fc.assert(
    fc.property(fc.array(hop, { minLength: 1, maxLength: 6 }), (hops) => {
      const start = prepare(
        { headers: [...headers('cookie: secret'), { name: 'x-token', value: '', valueEnvVar: 'TOKEN' }] },
        {
          TOKEN: 'secret',
        },
      )
      let request = start
      let isHome = true
      for (const { status, location } of hops) {
        request = next(request, status, location)
        isHome &&= request.url.origin === start.url.origin
        assert.is(lines(request).filter((line) => line.includes('secret')).length, isHome ? 2 : 0)
        assert.ok(lines(request).filter((line) => line.startsWith('referer')).length <= 1)
      }
    }),
  )
})

test.run()
