/** Who gets in: bearer tokens, signed ones, and the URL that is one itself. */
import { createHash, createHmac } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { Client } from '../../support/client.ts'
import { frame } from '../../support/faults/fault-raw.ts'
import { ask, call, get, upgrade, UPGRADE } from '../../support/web/raw-http.ts'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { refusalOf } from '../../support/refusal.ts'
import { eventually, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { reply, valueOf, Web } from '../../support/web/web.ts'
import { withServer } from '../../support/with-server.ts'

const test = suite('authentication')
const TOKEN = 'correct-horse-battery-staple'
const SECRET = 'a shared secret of more than 32 bytes, with spaces'
let folder: string
let program: ProgramRunner
let tokenFile: string
let secretFile: string

test.before(() => {
  folder = mkdtempSync(join(tmpdir(), 'authentication-'))
  program = programRunner()
  tokenFile = file('token', `\n ${TOKEN}\t\n`)
  secretFile = file('secret', `${SECRET}\n`)
})
test.after(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** [what is sent as Authorization, status, body] */
const CAPABILITY_ROWS: readonly (readonly [string | undefined, number, string])[] = [
  [undefined, 401, 'missing websocket bearer token'],
  [`Bearer ${TOKEN}`, 101, ''],
  [`bEARER   ${TOKEN}  `, 101, ''],
  ['Bearer', 401, 'invalid authorization header'],
  ['Bearer ', 401, 'invalid authorization header'],
  ['', 401, 'invalid authorization header'],
  [`Bearer\t${TOKEN}`, 401, 'invalid authorization header'],
  [`Basic ${TOKEN}`, 401, 'invalid authorization header'],
  [TOKEN, 401, 'invalid authorization header'],
  [`Bearer ${TOKEN}\xe9`, 401, 'invalid authorization header'],
  [`Bearer ${TOKEN} ${TOKEN}`, 401, 'invalid websocket bearer token'],
  ['Bearer x', 401, 'invalid websocket bearer token'],
  [`Bearer ${TOKEN.slice(0, -1)}`, 401, 'invalid websocket bearer token'],
  [`Bearer ${TOKEN}x`, 401, 'invalid websocket bearer token'],
  [`Bearer ${TOKEN.toUpperCase()}`, 401, 'invalid websocket bearer token'],
  [`Bearer ${sha256(TOKEN)}`, 401, 'invalid websocket bearer token'],
  [`Bearer ${'x'.repeat(8000)}`, 401, 'invalid websocket bearer token'],
]

const letsIn = (given: () => readonly string[]) => async (): Promise<void> => {
  await withServer(['--ws-auth', 'capability-token', ...given()], async ({ port }) => {
    for (const [authorization, status, text] of CAPABILITY_ROWS) {
      const answer = await upgrade(port, '/', authorization === undefined ? [] : [`Authorization: ${authorization}`])
      assert.is(answer.status, status, authorization)
      assert.is(answer.body, text, authorization)
      assert.not.match(answer.text, /www-authenticate/i)
    }
    // The first of several counts, and no other place.
    assert.is((await upgrade(port, '/', ['Authorization: Bearer x', `Authorization: Bearer ${TOKEN}`])).status, 401)
    assert.is((await upgrade(port, `/?token=${TOKEN}&access_token=${TOKEN}`)).status, 401)
    assert.is(
      (
        await upgrade(port, '/', [
          `Sec-WebSocket-Protocol: ${TOKEN}`,
          `Cookie: token=${TOKEN}`,
          `Proxy-Authorization: Bearer ${TOKEN}`,
        ])
      ).status,
      401,
    )
  })
}
const LETS_IN = 'lets in who sends it, and tells the others what they sent'
test(
  `a capability token from a file ${LETS_IN}`,
  letsIn(() => ['--ws-token-file', tokenFile]),
)
test.full(
  `a capability token that is known by its digest ${LETS_IN}`,
  letsIn(() => ['--ws-token-sha256', sha256(TOKEN).toUpperCase()]),
)

test.full('a token file is read once', async () => {
  const changing = file('changing', TOKEN)
  await withServer(['--ws-auth', 'capability-token', '--ws-token-file', changing], async ({ port }) => {
    writeFileSync(changing, 'another-token-of-the-same-file')
    assert.is((await upgrade(port, '/', [`Authorization: Bearer ${TOKEN}`])).status, 101)
    assert.is((await upgrade(port, '/', ['Authorization: Bearer another-token-of-the-same-file'])).status, 401)
  })
})

test('the Origin, the Host, the route and the upgrade are checked before the token; health needs none, metrics do', async () => {
  await withServer(['--ws-auth', 'capability-token', '--ws-token-file', tokenFile], async ({ port }) => {
    assert.is((await upgrade(port, '/', ['Origin: https://evil.example'])).status, 403)
    assert.is((await ask(port, ['GET / HTTP/1.1', 'Host: evil.example', ...UPGRADE])).status, 403)
    assert.is((await upgrade(port, '/other')).status, 404)
    assert.is((await upgrade(port, `/c/${TOKEN}`)).status, 404)
    assert.is((await get(port, '/')).status, 400)
    assert.is((await ask(port, ['GET / HTTP/1.1', 'Host: 127.0.0.1', ...UPGRADE.slice(0, 3)])).status, 400)
    assert.is((await ask(port, ['POST / HTTP/1.1', 'Host: 127.0.0.1', ...UPGRADE])).status, 405)
    assert.is((await get(port, '/readyz')).status, 200)
    assert.is((await get(port, '/healthz')).status, 200)
    assert.is((await get(port, '/metrics')).status, 401)
    assert.is((await get(port, '/metrics', [`Authorization: Bearer ${TOKEN}`])).status, 200)
  })
})

test.full('nothing that follows an upgrade without a token is read', async () => {
  await withServer(['--ws-auth', 'capability-token', '--ws-token-file', tokenFile], async ({ port }) => {
    const touched = join(folder, 'touched')
    const messages = [
      { id: 1, method: 'initialize', params: { clientName: 'x' } },
      { method: 'initialized', params: {} },
      { id: 2, method: 'fs/writeFile', params: { path: touched, dataBase64: '' } },
    ]
    const frames = Buffer.concat(messages.map((message) => frame(JSON.stringify(message)))).toString('latin1')
    const lines = ['GET / HTTP/1.1', 'Host: 127.0.0.1', ...UPGRADE]
    assert.is((await ask(port, lines, frames)).status, 401)
    assert.is(existsSync(touched), false)
    // The very same bytes behind a token do their work.
    assert.is((await ask(port, [...lines, `Authorization: Bearer ${TOKEN}`], frames)).status, 101)
    await eventually(() => existsSync(touched), 30_000, 'the file')
  })
})

const encode = (part: object | string): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

function jwt(
  claims: object | string,
  header: object = { alg: 'HS256', typ: 'JWT' },
  key = SECRET,
  hash = 'sha256',
): string {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`
}

const now = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds

/** A token whose time is short is made when it is its turn. */
type Row = readonly [name: string, token: string | (() => string), answer: string]

async function checkTokens(port: number, rows: readonly Row[]): Promise<void> {
  for (const [name, given, answer] of rows) {
    const token = typeof given === 'string' ? given : given()
    const { status, body } = await upgrade(port, '/', [`Authorization: Bearer ${token}`])
    assert.equal([status, body], answer === '' ? [101, ''] : [401, answer], name)
  }
}

test('a signed token is checked for its signature, its times, its issuer and its audience, in this order', async () => {
  const args = [
    '--ws-auth',
    'signed-bearer-token',
    '--ws-shared-secret-file',
    secretFile,
    '--ws-issuer',
    ' me ',
    '--ws-audience',
    'us',
  ]
  await withServer(args, async ({ port }) => {
    const good = { exp: now(300), iss: 'me', aud: 'us' }
    const invalid = 'invalid websocket jwt'
    const unsigned = `${encode({ alg: 'none' })}.${encode(good)}`
    await checkTokens(port, [
      ['good', jwt(good), ''],
      ['no typ', jwt(good, { alg: 'HS256' }), ''],
      ['wrong key', jwt(good, undefined, 'x'.repeat(40)), invalid],
      ['the secret with its newline', jwt(good, undefined, `${SECRET}\n`), invalid],
      ['alg none', `${unsigned}.`, invalid],
      ['alg none, two parts', unsigned, invalid],
      ['alg none, signed', jwt(good, { alg: 'none' }), invalid],
      ['HS512', jwt(good, { alg: 'HS512' }, SECRET, 'sha512'), invalid],
      ['HS384', jwt(good, { alg: 'HS384' }, SECRET, 'sha384'), invalid],
      ['HS512 that says HS256', jwt(good, undefined, SECRET, 'sha512'), invalid],
      [
        'another payload under the signature',
        jwt(good).replace(/\.[^.]+\./, `.${encode({ ...good, exp: now(900) })}.`),
        invalid,
      ],
      ['padded', `${jwt(good)}=`, invalid],
      ['critical extension', jwt(good, { alg: 'HS256', crit: ['x'], x: 1 }), invalid],
      ['garbage', 'x.y.z', invalid],
      ['no token at all', '...', invalid],
      ['not JSON', jwt('{'), invalid],
      ['an array', jwt('[]'), invalid],
      ['null', jwt('null'), invalid],
      ['a claim twice', jwt(`{"exp":1,"exp":${now(300)},"iss":"me","aud":"us"}`), invalid],
      ['no exp', jwt({ iss: 'me', aud: 'us' }), invalid],
      ['exp in words', jwt({ ...good, exp: `${now(300)}` }), invalid],
      ['exp null', jwt({ ...good, exp: null }), invalid],
      ['exp infinite', jwt('{"exp":1e999,"iss":"me","aud":"us"}'), invalid],
      ['expired within the skew', () => jwt({ ...good, exp: now(-10) }), ''],
      ['expired', jwt({ ...good, exp: now(-32) }), 'expired websocket jwt'],
      ['expired long ago', jwt({ ...good, exp: -5 }), 'expired websocket jwt'],
      ['nbf past', jwt({ ...good, nbf: now(-5) }), ''],
      ['nbf null', jwt({ ...good, nbf: null }), ''],
      ['nbf within the skew', jwt({ ...good, nbf: now(15) }), ''],
      ['nbf to come', jwt({ ...good, nbf: now(120) }), 'websocket jwt is not valid yet'],
      ['nbf in words', jwt({ ...good, nbf: 'soon' }), invalid],
      ['no issuer', jwt({ ...good, iss: undefined }), 'websocket jwt issuer mismatch'],
      ['another issuer', jwt({ ...good, iss: 'ME' }), 'websocket jwt issuer mismatch'],
      ['a list of issuers', jwt({ ...good, iss: ['me'] }), invalid],
      ['audience in a list', jwt({ ...good, aud: ['them', 'us'] }), ''],
      ['no audience', jwt({ ...good, aud: undefined }), 'websocket jwt audience mismatch'],
      ['an empty list', jwt({ ...good, aud: [] }), 'websocket jwt audience mismatch'],
      ['another audience', jwt({ ...good, aud: 'use' }), 'websocket jwt audience mismatch'],
      ['a number in the list', jwt({ ...good, aud: ['us', 5] }), invalid],
      ['expired before not yet', jwt({ ...good, exp: 1, nbf: now(999) }), 'expired websocket jwt'],
      ['not yet before the issuer', jwt({ ...good, nbf: now(999), iss: 'x' }), 'websocket jwt is not valid yet'],
      ['the issuer before the audience', jwt({ ...good, iss: 'x', aud: 'x' }), 'websocket jwt issuer mismatch'],
    ])
    const client = await Client.open(`ws://127.0.0.1:${port}`, { headers: { authorization: `Bearer ${jwt(good)}` } })
    assert.ok((await client.request('initialize', { clientName: 'test' })).sessionId)
    await client.close()
  })
})

test.full('a blank issuer or audience is none, and the skew can be set', async () => {
  const args = [
    '--ws-auth',
    'signed-bearer-token',
    '--ws-shared-secret-file',
    secretFile,
    '--ws-issuer',
    ' ',
    '--ws-audience',
    '',
  ]
  await withServer([...args, '--ws-max-clock-skew-seconds', '0'], ({ port }) =>
    checkTokens(port, [
      ['no names', jwt({ exp: now(300) }), ''],
      ['other names', jwt({ exp: now(300), iss: 'anybody', aud: ['anybody'] }), ''],
      ['expired', jwt({ exp: now(-2) }), 'expired websocket jwt'],
      ['to come', jwt({ exp: now(300), nbf: now(120) }), 'websocket jwt is not valid yet'],
    ]),
  )
  await withServer([...args, '--ws-max-clock-skew-seconds', '600'], ({ port }) =>
    checkTokens(port, [
      ['expired', jwt({ exp: now(-300) }), ''],
      ['long expired', jwt({ exp: now(-700) }), 'expired websocket jwt'],
    ]),
  )
})

/** The server's own descriptors. */
const descriptors = ({ child }: RunningServer): number => readdirSync(`/proc/${child.pid}/fd`).length

test.full('clients that leave while their token is looked at leave nothing behind', async () => {
  await withServer(['--ws-auth', 'signed-bearer-token', '--ws-shared-secret-file', secretFile], async (server) => {
    const { port } = server
    const authorization = [`Authorization: Bearer ${jwt({ exp: now(300) })}`]
    assert.is((await upgrade(port, '/', authorization)).status, 101)
    await eventually(
      async () => /^exec_server_connections 0$/m.test((await get(port, '/metrics', authorization)).body),
      30_000,
      'its end',
    )
    const before = descriptors(server)
    for (let round = 0; round < 100; round++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      const lines = ['GET / HTTP/1.1', 'Host: 127.0.0.1', ...UPGRADE, ...authorization]
      await new Promise<void>((done) => socket.write(`${lines.join('\r\n')}\r\n\r\n`, () => done()))
      if (round % 2 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
    await eventually(() => descriptors(server) <= before, 30_000, 'the end of all connections')
  })
})

test('the printed URL is the token: nothing else lets in', async () => {
  await withServer(['--capability-url'], async ({ port, url }) => {
    assert.match(url, /^ws:\/\/127\.0\.0\.1:\d+\/c\/[A-Za-z0-9_-]{43}$/)
    const client = await Client.connect(url)
    assert.equal(await client.run('p', ['/bin/echo', 'in']), { code: 0, output: 'in\n' })
    await client.close()
    await (await Client.connect(`${url}?x=1`)).close()

    const token = url.slice(-43)
    const other = `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`
    const wrong = 'invalid capability: connect to the URL that the server printed'
    for (const guess of [
      other,
      token.slice(0, -1),
      `${token}A`,
      token.toLowerCase(),
      'x',
      '%00',
      '..%2f',
      token.slice(0, -1) + '*',
      'x'.repeat(4000),
    ]) {
      const { status, body } = await upgrade(port, `/c/${guess}`)
      assert.equal([status, body], [401, wrong], guess)
    }
    const missing = 'missing capability: connect to the URL that the server printed'
    for (const headers of [[], [`Authorization: Bearer ${token}`], [`Cookie: ${token}`]]) {
      const { status, body } = await upgrade(port, `/?c=${token}`, headers)
      assert.equal([status, body], [401, missing])
    }
    for (const path of ['/c', '/c/', `/${token}`, `/c/${token}/`, `/c/${token}/x`, `//c/${token}`, `/C/${token}`])
      assert.is((await upgrade(port, path)).status, 404, path)
    assert.is((await upgrade(port, `/c/${token}`, ['Origin: null'])).status, 403)
    assert.is((await get(port, `/c/${token}`)).status, 400)
    assert.is((await get(port, '/c/x')).status, 400)
    assert.is((await get(port, '/readyz')).status, 200)
    assert.is((await get(port, '/metrics')).status, 401)
    assert.is((await get(port, '/c/x/metrics')).status, 401)
    assert.is((await get(port, `/c/${token}/metrics`)).status, 200)
  })
})

test.full('every start makes a URL of its own, unless its token comes from a file', async () => {
  const tokens = new Set<string>()
  const start = (args: readonly string[]): Promise<void> =>
    withServer(['--capability-url', ...args], async ({ url }) => {
      tokens.add(new URL(url).pathname)
      await (await Client.connect(url)).close()
    })
  await start([])
  await start([])
  assert.is(tokens.size, 2)
  const kept = file('kept', 'kept-across_restarts\n')
  await start(['--ws-token-file', kept])
  await start(['--ws-token-file', kept])
  assert.is(tokens.size, 3)
  assert.ok(tokens.has('/c/kept-across_restarts'))
})

test('a token that cannot stand in a URL, or is short, is refused without being shown', async () => {
  for (const token of [
    'fifteen-letters',
    'with/slash/and-16-letters',
    'with space and 16 letters',
    'percent%41-and-16-letters',
    'ümlaut-and-16-letters',
  ]) {
    const { code, stdout, stderr } = await program(['--capability-url', '--ws-token-file', file('bad', token)])
    assert.equal([code, stdout], [2, ''], token)
    assert.match(stderr, /^exec-server: the token in \/[^\n]*\n {2}[^\n]*\n$/)
    assert.not.ok(stderr.includes(token))
  }
})

const leaksNoToken =
  (args: () => readonly string[], authorization: Record<string, string>) => async (): Promise<void> => {
    const web = await Web.start((_, socket) => socket.write(reply('ok')))
    const everything = ['/bin/sh', '-c', 'cat /proc/self/environ; env; cat /proc/self/cmdline; echo end']
    const env = {
      ...process.env,
      CODEX_EXEC_SERVER_URL: `ws://127.0.0.1:1/c/${TOKEN}`,
      MY_TOKEN: TOKEN,
      HARMLESS: 'harmless',
    }
    const server = await startServer([...args(), '--log-level', 'debug'], env)
    try {
      const client = await Client.open(server.url, { headers: authorization })
      await client.request('initialize', { clientName: 'test' })
      client.notify('initialized', {})
      const inherit = {
        env: {},
        envPolicy: { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] },
      }
      for (const tty of [false, true]) {
        const { code, output } = await client.run(`p-${tty}`, everything, { ...inherit, tty })
        assert.is(code, 0)
        assert.match(output, /HARMLESS=harmless/)
        assert.not.ok(output.includes(TOKEN), `in a command, tty ${tty}`)
      }
      const headers = ['HARMLESS', 'MY_TOKEN'].map((valueEnvVar) => ({
        name: `X-${valueEnvVar}`,
        value: 'is ',
        valueEnvVar,
      }))
      await client.request('http/request', {
        requestId: 'r',
        method: 'GET',
        url: web.url(),
        headers: headers.slice(0, 1),
      })
      assert.is(valueOf(web.last, 'x-harmless'), 'is harmless')
      await client.ask('http/request', { requestId: 's', method: 'GET', url: web.url(), headers })
      assert.not(web.asked.some(({ lines }) => JSON.stringify(lines).includes(TOKEN)))
      const port = Number(new URL(server.url.replace('ws:', 'http:')).port)
      await upgrade(port, `/c/${TOKEN}x`, [`Authorization: Bearer ${TOKEN}x`])
      await get(port, `/c/${TOKEN}/x`)
      await ask(port, [`GET /c/${TOKEN} HTTP/1.1`, 'nonsense'])
      assert.not.ok(readFileSync(`/proc/${server.child.pid}/cmdline`, 'latin1').includes(TOKEN))
      await client.close()
      assert.is(await server.stop(), 0)
      assert.match(server.stderr(), /"level":"debug"/)
      assert.not.ok(server.stderr().includes(TOKEN))
    } finally {
      server.child.kill('SIGKILL')
    }
    await web.stop()
  }
const LEAKS_NO_TOKEN = 'the token is in no log, no process list and no environment of a command'
test(
  LEAKS_NO_TOKEN,
  leaksNoToken(() => ['--capability-url', '--ws-token-file', tokenFile], {}),
)
test.full(
  `${LEAKS_NO_TOKEN}, where it is a header`,
  leaksNoToken(() => ['--ws-auth', 'capability-token', '--ws-token-file', tokenFile], {
    authorization: `Bearer ${TOKEN}`,
  }),
)

type Contradiction = readonly [args: readonly string[], exitCode: number, message: string]

/** Flags that contradict each other, and secrets that are none. */
function contradictions(): Contradiction[] {
  const empty = file('empty', ' \n')
  const short = file('short', 'x'.repeat(31))
  const binary = file('binary', Uint8Array.of(0xff, 0xfe, 0xff))
  const huge = file('huge', 'x'.repeat(100_000))
  const capability = ['--ws-auth', 'capability-token']
  const signed = ['--ws-auth', 'signed-bearer-token']
  const digest = ['--ws-token-sha256', sha256('x')]
  const needsSigned =
    'exec-server: `--ws-shared-secret-file`, `--ws-issuer`, `--ws-audience`, and `--ws-max-clock-skew-seconds` require `--ws-auth signed-bearer-token`'
  const needsCapability =
    'exec-server: `--ws-token-file` and `--ws-token-sha256` require `--ws-auth capability-token`, not `signed-bearer-token`'
  const needsMode =
    'exec-server: websocket auth flags require `--ws-auth capability-token` or `--ws-auth signed-bearer-token`'
  const notOnStdio = 'exec-server: WebSocket auth requires a WebSocket listener, not stdio'
  return [
    [
      capability,
      2,
      'exec-server: `--ws-token-file` or `--ws-token-sha256` is required when `--ws-auth capability-token` is set',
    ],
    [
      [...capability, '--ws-token-file', tokenFile, ...digest],
      2,
      'exec-server: `--ws-token-file` and `--ws-token-sha256` are mutually exclusive',
    ],
    [['--ws-token-file', tokenFile], 2, needsMode],
    [['--ws-issuer', ''], 2, needsMode],
    [signed, 2, 'exec-server: `--ws-shared-secret-file` is required when `--ws-auth signed-bearer-token` is set'],
    [[...signed, '--ws-shared-secret-file', secretFile, ...digest], 2, needsCapability],
    [[...capability, ...digest, '--ws-issuer', ''], 2, needsSigned],
    [[...capability, ...digest, '--ws-max-clock-skew-seconds', '5'], 2, needsSigned],
    [
      [...capability, '--ws-token-sha256', 'abc'],
      2,
      'exec-server: --ws-token-sha256 must be a 64-character hex SHA-256 digest',
    ],
    [
      [...capability, '--ws-token-file', '/nowhere'],
      1,
      'exec-server: failed to read websocket auth secret /nowhere: No such file or directory (os error 2)',
    ],
    [
      [...capability, '--ws-token-file', folder],
      1,
      `exec-server: failed to read websocket auth secret ${folder}: Is a directory (os error 21)`,
    ],
    [[...capability, '--ws-token-file', empty], 1, `exec-server: websocket auth secret ${empty} must not be empty`],
    [
      [...capability, '--ws-token-file', huge],
      1,
      `exec-server: failed to read websocket auth secret ${huge}: it has more than 65536 bytes`,
    ],
    [
      [...signed, '--ws-shared-secret-file', short],
      1,
      `exec-server: signed websocket bearer secret ${short} must be at least 32 bytes`,
    ],
    [['--listen', 'stdio', ...capability, ...digest], 2, notOnStdio],
    [['--listen', 'stdio', '--ws-audience', 'x'], 2, notOnStdio],
    [
      ['--listen', 'stdio', '--capability-url'],
      2,
      'exec-server: --capability-url requires a WebSocket listener, not stdio',
    ],
    [
      ['--listen', 'stdio', '--allow-host', 'x'],
      2,
      'exec-server: --allow-host requires a WebSocket listener, not stdio',
    ],
    [
      ['--listen', 'stdio', '--allow-unauthenticated'],
      2,
      'exec-server: --allow-unauthenticated requires a WebSocket listener, not stdio',
    ],
    [
      ['--ws-auth', 'password'],
      2,
      "exec-server: --ws-auth takes capability-token or signed-bearer-token, not 'password'",
    ],
    [['--capability-url', ...capability, ...digest], 2, 'exec-server: --capability-url cannot be used with --ws-auth'],
    [['--capability-url', ...digest], 2, 'exec-server: --capability-url cannot be used with --ws-token-sha256'],
    [[...capability, '--ws-token-file', ''], 2, 'exec-server: --ws-token-file takes a value that is not empty'],
    [[...signed, '--ws-shared-secret-file', secretFile, '--ws-max-clock-skew-seconds', '-1'], 2, 'exec-server: '],
    [
      [...signed, '--ws-shared-secret-file', secretFile, '--ws-max-clock-skew-seconds', '1.5'],
      2,
      'exec-server: --ws-max-clock-skew-seconds takes',
    ],
    [[...capability, ...capability, ...digest], 2, 'exec-server: option --ws-auth was given twice'],
    [[...capability, '--ws-token-file', binary], 1, `exec-server: failed to read websocket auth secret ${binary}: `],
  ]
}

async function endsTheStart([args, exitCode, message]: Contradiction, run: ProgramRunner): Promise<void> {
  const { code, stdout, stderr } = await run(args)
  assert.equal([code, stdout], [exitCode, ''], args.join(' '))
  assert.ok(stderr.startsWith(message), stderr)
  assert.match(stderr, exitCode === 2 ? /^[^\n]+\n(?: {2}[^\n]+\n)+$/ : /^[^\n]+\n$/)
}

test('flags that contradict each other, and secrets that are none, end the start with one line', async () => {
  for (const row of contradictions()) await endsTheStart(row, program)
})

test('flags that contradict each other are refused by the parser with their exit code and one line', () => {
  for (const [args, exitCode, message] of contradictions()) {
    const refusal = refusalOf(args)
    // The files of secrets are read by whoever starts.
    if (refusal === undefined) continue
    assert.is(refusal.exitCode, exitCode, args.join(' '))
    assert.ok(`exec-server: ${refusal.message}`.startsWith(message), refusal.message)
    assert.not.match(refusal.message, /\n/)
  }
})

test.full('a server with flags that contradict each other does not start', async () => {
  const rows = contradictions()
  const run: ProgramRunner = async (args) => {
    const { status, ...outputs } = call(args)
    return { code: status as number, ...outputs }
  }
  for (const exitCode of [1, 2]) await endsTheStart(rows.find(([, code]) => code === exitCode) as Contradiction, run)
})

test.full(
  'an address that others can reach is refused without authentication, unless that is asked for in words',
  async () => {
    const refused = [
      '0.0.0.0',
      '192.0.2.1',
      '10.0.0.1',
      '[::]',
      '[::ffff:0.0.0.0]',
      '[::ffff:192.0.2.1]',
      '[2001:db8::1]',
      '[fe80::1%1]',
      '[64:ff9b::127.0.0.1]',
      '128.0.0.1',
      '1.127.0.0',
    ]
    for (const address of refused) {
      const listen = ['--listen', `ws://${address}:0`]
      assert.throws(
        () => parseServe(listen),
        /^.* can be reached by others.*--capability-url or --ws-auth.*127\.0\.0\.1.*--allow-unauthenticated/,
        address,
      )
      assert.is(parseServe([...listen, '--allow-unauthenticated']).kind, 'serve')
      assert.is(parseServe([...listen, '--capability-url']).kind, 'serve')
      assert.is(
        parseServe([...listen, '--ws-auth', 'capability-token', '--ws-token-sha256', sha256('x')]).kind,
        'serve',
      )
    }
    for (const address of [
      '127.0.0.1',
      '127.255.0.9',
      '[::1]',
      '[0:0:0:0:0:0:0:1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7fff:1]',
    ]) {
      assert.is(parseServe(['--listen', `ws://${address}:0`]).kind, 'serve', address)
    }
    const { status, stdout, stderr } = call(['--listen', 'ws://0.0.0.0:0'])
    assert.equal([status, stdout], [2, ''])
    assert.match(stderr, /^exec-server: [^\n]+\n {2}[^\n]+\n$/)
    await withServer(['--listen', 'ws://0.0.0.0:0', '--allow-unauthenticated'], async ({ port }) => {
      await (await Client.connect(`ws://127.0.0.1:${port}`)).close()
    })
    await withServer(['--listen', 'ws://0.0.0.0:0', '--capability-url'], async ({ port, url }) => {
      assert.is((await upgrade(port)).status, 401)
      await (await Client.connect(url)).close()
    })
  },
)

test.run()
