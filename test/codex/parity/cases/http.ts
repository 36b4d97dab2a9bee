/** http/request, at the fixture. */
import { Buffer } from 'node:buffer'
import { malformed, requests, script } from '../case.ts'
import type { Case } from '../case.ts'
import { NEW } from '../reference.ts'
import { sleep } from '../../../support/server.ts'
import { literally } from '../scene.ts'
import type { Talk } from '../talk.ts'

const newer = { release: NEW }

type Params = Record<string, unknown>

const get = (url: string, more: Params = {}): Params => ({ requestId: 'r', method: 'GET', url, ...more })
const echo = (more: Params = {}): Params => get('$H/echo', more)
const header = (name: string, value: string): { name: string; value: string } => ({ name, value })
const post = (text: string): Params => ({ method: 'POST', bodyBase64: Buffer.from(text).toString('base64') })
const to = (target: string, status = 302): string => `$H/redirect?status=${status}&to=${target}`

const CHUNKED = 'transfer-encoding: chunked\r\n\r\n'

const raw = (what: string, bytes: string): Record<string, Params> => ({
  [`a response ${what}`]: get(`$H/raw?bytes=${encodeURIComponent(bytes)}`),
})

/** A time limit that ends in the body: the reference needs some 300 ms to its first headers on a busy machine. */
const IN_THE_BODY_MS = 2000

const params: Case[] = [
  ...malformed('http/request', echo(), { requestId: 'string', method: 'string', url: 'string' }),
  ...malformed('http/request', echo({ headers: [] }), { headers: 'list' }).slice(6),
  ...malformed('http/request', echo({ bodyBase64: 'YQ==' }), { bodyBase64: 'string' }).slice(6),
  ...malformed('http/request', echo({ timeoutMs: 5000 }), { timeoutMs: 'integer' }).slice(6),
  ...malformed('http/request', echo({ streamResponse: false }), { streamResponse: 'boolean' }).slice(6),
  ...malformed('http/request', echo({ redirectPolicy: 'follow' }), { redirectPolicy: 'string' }, newer).slice(6),
  ...requests('http/request', {
    'an empty requestId': { ...echo(), requestId: '' },
    'a long requestId': { ...echo(), requestId: 'x'.repeat(2000) },
    'no method': echo({ method: '' }),
    'a method with a space': echo({ method: 'GE T' }),
    'a method with other letters': echo({ method: 'GÉT' }),
    'a method with a line feed': echo({ method: 'GET\n' }),
    'an own method': echo({ method: 'PURGE' }),
    'a method in small letters': echo({ method: 'post' }),
    'no url': get(''),
    'a relative url': get('/echo'),
    'a url without a host': get('http://'),
    'a url with an empty host': get('http:///echo'),
    'another scheme': get('ftp://127.0.0.1/x'),
    'a file': get('file:///etc/hostname'),
    'a WebSocket': get('ws://127.0.0.1/x'),
    data: get('data:text/plain,x'),
    'a port that cannot be': get('http://127.0.0.1:99999/x'),
    'a port of letters': get('http://127.0.0.1:x/x'),
    'an address that cannot be': get('http://127.0.0.1.256/x'),
    'a url with a space in its host': get('http://a b/x'),
    'a bad header name': echo({ headers: [header('a b', 'x')] }),
    'an empty header name': echo({ headers: [header('', 'x')] }),
    'a header name with other letters': echo({ headers: [header('é', 'x')] }),
    'a header name with a colon': echo({ headers: [header('a:', 'x')] }),
    'a header value with a line feed': echo({ headers: [header('a', 'x\ny')] }),
    'a header value with a carriage return': echo({ headers: [header('a', 'x\r')] }),
    'a header value with a NUL': echo({ headers: [header('a', 'x\0')] }),
    'a header value with a tab': echo({ headers: [header('a', 'x\ty')] }),
    'a header value with DEL': echo({ headers: [header('a', 'x\x7f')] }),
    'a header without a value': echo({ headers: [{ name: 'a' }] }),
    'a header without a name': echo({ headers: [{ value: 'a' }] }),
    'a header with a value of null': echo({ headers: [{ name: 'a', value: null }] }),
    'a header with a number': echo({ headers: [{ name: 'a', value: 5 }] }),
    'a header with unknown members': echo({ headers: [{ name: 'a', value: 'b', more: 1 }] }),
    'a header as a list': echo({ headers: [['a', 'b']] }),
    'headers as an object': echo({ headers: { a: 'b' } }),
    'a body without padding': echo({ bodyBase64: 'YQ' }),
    'a body with white space': echo({ bodyBase64: 'YQ==\n' }),
    'a body of another alphabet': echo({ bodyBase64: '_-8=' }),
    'no base64': echo({ bodyBase64: '!' }),
    'order: method before url': echo({ method: '', url: '' }),
    'order: url before scheme and headers': get('', { headers: [header('a b', 'x')] }),
    'order: scheme before headers': get('ftp://x', { headers: [header('a b', 'x')] }),
    'order: a bad body before the method': echo({ method: '', bodyBase64: '!' }),
    'order: a bad body before the url': get('', { bodyBase64: '!' }),
    'order: the name before the value': echo({ headers: [header('a b', 'x\n')] }),
    'order: a missing member before the method': { requestId: 'r', method: '' },
  }),
  ...requests(
    'http/request',
    {
      'redirectPolicy in capitals': echo({ redirectPolicy: 'Follow' }),
      'redirectPolicy unknown': echo({ redirectPolicy: 'error' }),
      'order: redirectPolicy before the method': echo({ method: '', redirectPolicy: 'error' }),
    },
    newer,
  ),
]

const plain: Case[] = [
  ...requests('http/acknowledge', { nobody: { requestId: 'nobody', seq: 1 } }),
  ...requests('http/cancel', { nobody: { requestId: 'nobody' } }),
  ...requests('http/request', { 'a body with a window': echo({ bodyWindow: 1, streamResponse: false }) }),
  ...requests('http/request', {
    GET: echo(),
    POST: echo(post('text')),
    PUT: echo({ ...post('text'), method: 'PUT' }),
    DELETE: echo({ method: 'DELETE' }),
    OPTIONS: echo({ method: 'OPTIONS' }),
    PATCH: echo({ ...post('x'), method: 'PATCH' }),
    HEAD: echo({ method: 'HEAD' }),
    'GET with a body': echo({ bodyBase64: 'YQ==' }),
    'POST without a body': echo({ method: 'POST' }),
    'POST with an empty body': echo({ method: 'POST', bodyBase64: '' }),
    'DELETE with a body': echo({ method: 'DELETE', bodyBase64: 'YQ==' }),
    CONNECT: echo({ method: 'CONNECT' }),
    TRACE: echo({ method: 'TRACE' }),
    'a query': get('$H/echo?a=1&b=%20c&d=é f'),
    'a fragment': get('$H/echo?a=1#fragment'),
    'a path with odd characters': get('$H/status?code=200&body=a b"<>`{}|\\^é'),
    'a path with dots': get('$H/a/../echo'),
    'an escaped path': get('$H/%65cho'),
    'a user and a password': get('http://user:p%40ss@$AT/echo'),
    'bytes for a body': get('$H/binary'),
    'a larger body': get('$H/big?bytes=200000'),
    'a chunked body': get('$H/drip?pieces=3&ms=10'),
    'headers of all kinds': get('$H/headers'),
    'early hints': get('$H/hints'),
    trailers: get('$H/trailers'),
    'own words for the status': get('$H/reason'),
    'a missing page': get('$H/nowhere'),
    'a large body to send': echo(post('x'.repeat(20_000))),
    'an unknown member': echo({ body: 'text' }),
    'streamResponse false': echo({ streamResponse: false }),
    ...Object.fromEntries(
      [200, 201, 202, 204, 205, 206, 304, 400, 401, 404, 418, 429, 500, 503].map((code) => [
        `status ${code}`,
        get(`$H/status?code=${code}&body=${code === 204 || code === 304 || code === 205 ? '' : 'text'}`),
      ]),
    ),
  }),
  ...requests('http/request', {
    headers: echo({
      headers: [header('X-Mixed-Case', 'Value'), header('x-second', ' spaces '), header('x-empty', '')],
    }),
    'a header twice': echo({ headers: [header('x-a', '1'), header('x-b', '2'), header('X-A', '3')] }),
    'an own accept': echo({ headers: [header('accept', 'text/plain')] }),
    'an own user-agent': echo({ headers: [header('User-Agent', 'parity')] }),
    'an own host': echo({ headers: [header('host', 'example.com')] }),
    cookies: echo({ headers: [header('cookie', 'a=1'), header('cookie', 'b=2')] }),
    authorization: echo({ headers: [header('authorization', 'Bearer x')] }),
    'content-type': echo({ ...post('{}'), headers: [header('content-type', 'application/json')] }),
    'other letters in a value': echo({ headers: [header('x-a', 'é')] }),
    'an own content-length': echo({ ...post('text'), headers: [header('content-length', '4')] }),
    'a wrong content-length': echo({ ...post('text'), headers: [header('content-length', '2')] }),
    'connection close': echo({ headers: [header('connection', 'close')] }),
    'accept-encoding': echo({ headers: [header('accept-encoding', 'gzip, br')] }),
    'an empty accept-encoding': echo({ headers: [header('accept-encoding', '')] }),
    range: echo({ headers: [header('range', 'bytes=0-9')] }),
    expect: echo({ ...post('text'), headers: [header('expect', '100-continue')] }),
  }),
]

const encoded: Case[] = requests('http/request', {
  ...Object.fromEntries(
    [
      ...['gzip', 'zstd', 'gzip, padded', 'two of gzip', 'two of zstd', 'empty', 'gzip, cut', 'zstd, cut', 'plain'],
      ...['gzip and more', 'zstd and more', 'zstd of a large window', 'br', 'gzip, twice'],
    ].flatMap((body) => {
      const coding = /^(zstd|br)/.exec(body)?.[0] ?? (body === 'two of zstd' ? 'zstd' : 'gzip')
      const url = `$H/encoded?body=${body}&coding=${coding}`
      return [
        [`encoded: ${body}`, get(url)],
        [`encoded: ${body}, asked for`, get(url, { headers: [header('accept-encoding', coding)] })],
      ]
    }),
  ),
  ...Object.fromEntries(
    ['GZIP', 'x-gzip', 'gzip,gzip', 'identity', 'identity, gzip', 'gzip&coding=gzip', 'unheard-of', ''].map(
      (coding) => [`encoded: told as ${coding}`, get(`$H/encoded?body=gzip, twice&coding=${coding}`)],
    ),
  ),
  ...Object.fromEntries(
    [204, 206, 304, 404].map((status) => [
      `encoded: status ${status}`,
      get(`$H/encoded?status=${status}&coding=gzip&body=${status === 204 || status === 304 ? 'empty' : 'gzip'}`),
    ]),
  ),
  'encoded: HEAD': get('$H/encoded?coding=gzip', { method: 'HEAD' }),
  'encoded: asked for as it is': get('$H/encoded?coding=gzip', { headers: [header('accept-encoding', 'identity')] }),
  'encoded: after a redirect': get(to('/encoded%3Fcoding=zstd%26body=zstd')),
})

const redirects: Case[] = [
  ...requests('http/request', {
    ...Object.fromEntries([301, 302, 303, 307, 308].map((status) => [`redirect ${status}`, get(to('/echo', status))])),
    ...Object.fromEntries(
      [301, 302, 303, 307, 308].map((status) => [
        `redirect ${status} of a POST`,
        get(to('/echo', status), post('text')),
      ]),
    ),
    ...Object.fromEntries(
      [301, 303, 307].map((status) => [
        `redirect ${status} of a PUT`,
        get(to('/echo', status), { ...post('text'), method: 'PUT' }),
      ]),
    ),
    'redirect 302 of a HEAD': get(to('/echo'), { method: 'HEAD' }),
    'redirect 303 of a HEAD': get(to('/echo', 303), { method: 'HEAD' }),
    'redirect 300': get(to('/echo', 300)),
    'redirect 304': get(to('/echo', 304)),
    ...raw('with bare line feeds', 'HTTP/1.1 200 OK\nx-a: b\ncontent-length: 2\n\nok'),
    ...raw('with one bare line feed', 'HTTP/1.1 200 OK\r\nx-a: b\ncontent-length: 2\r\n\r\nok'),
    ...raw('after one with bare line feeds', 'HTTP/1.1 103 Early\na: b\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\nok'),
    ...raw('with its length twice', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok'),
    ...raw('with its length as a list', 'HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok'),
    ...raw('with two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok'),
    ...raw('with chunks and a length', `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n${CHUNKED}2\r\nok\r\n0\r\n\r\n`),
    ...raw('with chunks that end in line feeds', `HTTP/1.1 200 OK\r\n${CHUNKED}2\nok\n0\n\n`),
    ...raw('with a folded header', 'HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 2\r\n\r\nok'),
    ...raw('with a space before a colon', 'HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 2\r\n\r\nok'),
    ...raw('with a NUL', 'HTTP/1.1 200 OK\r\nx-a: b\0\r\ncontent-length: 2\r\n\r\nok'),
    ...raw('without a reason', 'HTTP/1.1 200\ncontent-length: 2\n\nok'),
    ...raw('of HTTP/1.0', 'HTTP/1.0 200 OK\n\nok'),
    'redirect without a location': get('$H/redirect-without-location'),
    'redirect to nothing': get(to('')),
    'redirect to a relative path': get(to('echo')),
    'redirect to a query': get(to('%3Fto=/echo')),
    'redirect to a fragment': get(to('/echo%23x')),
    'redirect to another origin': get(to('$O/echo'), {
      headers: [header('authorization', 'Bearer x'), header('cookie', 'a=1'), header('x-own', 'y')],
    }),
    'redirect on one origin': get(to('/echo'), {
      headers: [header('authorization', 'Bearer x'), header('cookie', 'a=1'), header('x-own', 'y')],
    }),
    'redirect of a POST to another origin': get(to('$O/echo', 307), {
      ...post('text'),
      headers: [header('content-type', 'text/plain')],
    }),
    'redirect of a POST with headers': get(to('/echo'), {
      ...post('text'),
      headers: [header('content-type', 'text/plain'), header('content-length', '4')],
    }),
    'redirect to another scheme': get(to('ftp://127.0.0.1/x')),
    'redirect to a file': get(to('file:///etc/hostname')),
    'redirect to no url': get(to('http://')),
    'redirect to where nobody listens': get(to('$N/x')),
    'redirects, 10': get('$H/hops?left=10'),
    'redirects, 11': get('$H/hops?left=11'),
  }),
  ...requests(
    'http/request',
    {
      'redirect stopped': get(to('/echo'), { redirectPolicy: 'stop' }),
      'redirect 307 stopped': get(to('/echo', 307), { ...post('x'), redirectPolicy: 'stop' }),
      'redirect to a file stopped': get(to('file:///x'), { redirectPolicy: 'stop' }),
      'redirect followed': get(to('/echo'), { redirectPolicy: 'follow' }),
      'no redirect, stopped': echo({ redirectPolicy: 'stop' }),
    },
    newer,
  ),
]

const failures: Case[] = requests('http/request', {
  'nobody listens': get('$N/x'),
  'an unknown host': get('http://no-such-host.invalid/x'),
  'TLS where there is none': get('https://$AT/echo'),
  'the connection is reset': get('$H/reset'),
  'what is no HTTP': get('$H/garbage'),
  'a truncated body': get('$H/truncated'),
  'a chunked body that is cut': get('$H/cut'),
  'timeoutMs 0': get('$H/wait?ms=300', { timeoutMs: 0 }),
  'timeoutMs that is not reached': get('$H/wait?ms=50', { timeoutMs: 5000 }),
  'timeoutMs before the answer': get('$H/wait?ms=2000', { timeoutMs: 200 }),
  'timeoutMs in the body': get('$H/stall', { timeoutMs: IN_THE_BODY_MS }),
  'timeoutMs after a redirect': get(to('/wait%3Fms=2000'), { timeoutMs: 300 }),
  'timeoutMs null': get('$H/wait?ms=50', { timeoutMs: null }),
  'a large timeoutMs': echo({ timeoutMs: literally('18446744073709551615') }),
})

const VARIABLES = [
  'PARITY_PLAIN',
  'PARITY_EMPTY',
  'PARITY_NONE',
  '',
  'OPENAI_API_KEY',
  'openai_api_key',
  'AWS_SESSION_TOKEN',
  'HOME',
  'A=B',
  'PARITY\0',
]

const environment: Case[] = [
  ...requests(
    'http/request',
    {
      ...Object.fromEntries(
        VARIABLES.map((name) => [
          `valueEnvVar ${JSON.stringify(name)}`,
          echo({ headers: [{ name: 'x-env', value: 'prefix ', valueEnvVar: name }] }),
        ]),
      ),
      'valueEnvVar null': echo({ headers: [{ name: 'x-env', value: 'v', valueEnvVar: null }] }),
      'valueEnvVar a number': echo({ headers: [{ name: 'x-env', value: 'v', valueEnvVar: 5 }] }),
      'valueEnvVar without a value': echo({ headers: [{ name: 'x-env', valueEnvVar: 'PARITY_PLAIN' }] }),
      'valueEnvVar with an empty value': echo({ headers: [{ name: 'x-env', value: '', valueEnvVar: 'PARITY_PLAIN' }] }),
      'order: valueEnvVar and a bad header name': echo({
        headers: [{ name: 'a b', value: '', valueEnvVar: 'PARITY_NONE' }],
      }),
      'order: valueEnvVar and no url': get('', { headers: [{ name: 'a', value: '', valueEnvVar: 'PARITY_NONE' }] }),
      'order: valueEnvVar and a bad value': echo({ headers: [{ name: 'a', value: '\n', valueEnvVar: 'PARITY_NONE' }] }),
      'order: valueEnvVar after a bad header': echo({
        headers: [header('a b', 'x'), { name: 'a', value: '', valueEnvVar: 'PARITY_NONE' }],
      }),
    },
    newer,
  ),
]

/** The answer, and the body that is told of in pieces. */
function streams(name: string, request: Params, release?: string): Case {
  return script(
    `http/request streamed: ${name}`,
    async (scene) => {
      const talk = await scene.connect()
      const answer = await talk.ask('http/request', { ...request, streamResponse: true })
      if (answer !== undefined) await talk.body(String(request['requestId']))
    },
    release,
  )
}

async function lives(talk: Talk): Promise<void> {
  await talk.ask('fs/readFile', { path: '$/file.txt' })
}

const streamed: Case[] = [
  streams('GET', echo()),
  streams('HEAD', echo({ method: 'HEAD' })),
  streams('POST', echo(post('text'))),
  streams('status 204', get('$H/status?code=204')),
  streams('status 304', get('$H/status?code=304')),
  streams('status 404', get('$H/nowhere')),
  streams('an empty body', get('$H/status?code=200')),
  streams('bytes', get('$H/binary')),
  streams('a larger body', get('$H/big?bytes=2000000')),
  streams('pieces', get('$H/drip?pieces=5&ms=30')),
  streams('gzip', get('$H/encoded?coding=gzip')),
  streams('zstd', get('$H/encoded?coding=zstd&body=zstd')),
  streams('an empty body in gzip', get('$H/encoded?coding=gzip&body=empty')),
  streams('HEAD of a body in gzip', get('$H/encoded?coding=gzip', { method: 'HEAD' })),
  streams('what is no gzip', get('$H/encoded?coding=gzip&body=plain')),
  streams('headers', get('$H/headers')),
  streams('redirect', get(to('/echo'))),
  streams('redirect stopped', get(to('/echo'), { redirectPolicy: 'stop' }), NEW),
  streams('an empty requestId', { ...echo(), requestId: '' }),
  streams('a truncated body', get('$H/truncated')),
  streams('a body that is cut', get('$H/cut')),
  streams('a timeout in the body', get('$H/stall', { timeoutMs: IN_THE_BODY_MS })),
  streams('a timeout before the answer', get('$H/wait?ms=2000', { timeoutMs: 200 })),
  streams('nobody listens', get('$N/x')),
  streams('no url', get('')),
  script('http/request streamed: an id that is in use', async (scene) => {
    const talk = await scene.connect()
    const slow = get('$H/drip?pieces=4&ms=300', { streamResponse: true })
    await talk.ask('http/request', slow)
    await talk.ask('http/request', { ...echo(), streamResponse: true })
    await talk.ask('http/request', { ...get(''), streamResponse: true })
    await talk.ask('http/request', echo())
    await talk.ask('http/request', { ...echo(), requestId: 'other', streamResponse: true })
    await talk.body('other')
    await lives(talk)
    await talk.body('r')
    await talk.ask('http/request', echo({ streamResponse: true }))
  }),
  script('http/request streamed: an id after a failure', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('http/request', get('$N/x', { streamResponse: true }))
    await talk.ask('http/request', get('', { streamResponse: true }))
    await talk.ask('http/request', echo({ streamResponse: true }))
    await talk.body('r')
  }),
  script('http/request streamed: other requests meanwhile', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('http/request', get('$H/drip?pieces=4&ms=100', { streamResponse: true }))
    await lives(talk)
    await talk.ask('http/request', { ...echo(), requestId: 's' })
    await talk.body('r')
  }),
  script('http/request streamed: two connections, one id', async (scene) => {
    const [one, other] = [await scene.connect(), await scene.connect()]
    await one.ask('http/request', get('$H/drip?pieces=3&ms=100', { streamResponse: true }))
    await other.ask('http/request', get('$H/drip?pieces=2&ms=100', { streamResponse: true }))
    await other.body('r')
    await one.body('r')
  }),
  script('http/request: cookies are not kept', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('http/request', get('$H/headers'))
    await talk.ask('http/request', echo())
  }),
  script('http/request: after a broken connection', async (scene) => {
    const talk = await scene.connect()
    await talk.ask('http/request', get('$H/truncated'))
    await talk.ask('http/request', echo())
    await talk.ask('http/request', get('$H/reset'))
    await talk.ask('http/request', echo())
    await sleep(100)
    await talk.ask('http/request', echo())
  }),
]

export const http: readonly Case[] = [
  ...params,
  ...plain,
  ...encoded,
  ...redirects,
  ...failures,
  ...environment,
  ...streamed,
]
