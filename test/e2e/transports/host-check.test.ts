/** The names that a server may be called by: what keeps pages out whose own name points at this machine. */
import * as assert from 'uvu/assert'
import { hostCheck, isHostPattern, originForm } from '../../../src/server/http/host-check.ts'
import { Client } from '../../support/client.ts'
import { ask, call, UPGRADE } from '../../support/web/raw-http.ts'
import type { RawAnswer } from '../../support/web/raw-http.ts'
import { startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { withServer } from '../../support/with-server.ts'

const test = suite('host check')
let server: RunningServer
let port: number

const portOf = ({ url }: RunningServer): number => Number(new URL(url.replace('ws:', 'http:')).port)

test.before(async () => {
  server = await startServer()
  port = portOf(server)
})
test.after(() => server.stop().then(() => {}))

const plain = (target: string, hosts: readonly string[], where = port): Promise<RawAnswer> =>
  ask(where, [`GET ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`), 'Connection: close'])
const upgrade = (target: string, hosts: readonly string[], where = port): Promise<RawAnswer> =>
  ask(where, [`GET ${target} HTTP/1.1`, ...hosts.map((host) => `Host: ${host}`), ...UPGRADE])

test('addresses and localhost are let in, with any port, other names are not', async () => {
  for (const host of [
    '127.0.0.1',
    `127.0.0.1:${port}`,
    '127.0.0.1:1',
    '10.1.2.3',
    '[::1]',
    `[::1]:${port}`,
    '[2001:db8::7]:80',
    'localhost',
    `LOCALHOST:${port}`,
    'localhost.',
    'localhost:',
  ]) {
    assert.is((await plain('/readyz', [host])).status, 200, host)
    assert.is((await upgrade('/', [host])).status, 101, host)
  }
  const others = [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    'evil.localhost',
    '127.0.0.1.evil.example',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0x7f000001',
    '127.0.0.01',
    'devbox',
    '_',
    '[::1',
    '::1',
    '[127.0.0.1]x',
  ]
  for (const host of others) {
    for (const answer of [
      await plain('/readyz', [host]),
      await plain('/metrics', [host]),
      await plain('/nowhere', [host]),
      await upgrade('/', [host]),
    ]) {
      assert.ok(answer.status === 403 || answer.status === 400, `${host}: ${answer.text}`)
      if (/^[a-z.]+$/.test(host)) assert.is(answer.status, 403, host)
    }
  }
})

test('the refusal says how to be let in', async () => {
  for (const { status, body, text } of [
    await plain('/readyz', ['devbox.corp:80']),
    await upgrade('/', ['devbox.corp:80']),
  ]) {
    assert.equal(
      [status, body],
      [
        403,
        'this server does not go by the name devbox.corp: use its IP address, or start it with --allow-host devbox.corp',
      ],
    )
    assert.match(text, /^content-type: text\/plain/im)
    assert.match(text, /^connection: close/im)
  }
})

test('there must be one Host and it must be one', async () => {
  for (const hosts of [
    [],
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'evil.example'],
    ['evil.example', '127.0.0.1'],
    [''],
    ['user@127.0.0.1'],
    ['127.0.0.1/x'],
    ['127.0.0.1:x'],
    ['127.0.0.1, evil.example'],
    ['a b'],
    ['localhost%00'],
    ['[::1]evil'],
  ]) {
    assert.is((await upgrade('/', hosts)).status, 400, hosts.join(' and '))
    assert.is((await plain('/readyz', hosts)).status, 400, hosts.join(' and '))
  }
  assert.match((await upgrade('/', [])).body, /^the Host header is missing$/)
  assert.is(
    (await ask(port, ['GET /readyz HTTP/1.1', 'Host: 127.0.0.1', 'hOST: 127.0.0.1', 'Connection: close'])).status,
    400,
  )
})

test('a target that names its server goes by that name, and is routed like any other', async () => {
  for (const scheme of ['http', 'https', 'ws', 'HTTP']) {
    assert.is((await plain(`${scheme}://evil.example/readyz`, ['127.0.0.1'])).status, 403)
    assert.is((await upgrade(`${scheme}://evil.example/`, ['127.0.0.1'])).status, 403)
    assert.is((await plain(`${scheme}://127.0.0.1:${port}/readyz?x`, ['evil.example'])).status, 200)
    assert.is((await upgrade(`${scheme}://localhost`, ['127.0.0.1'])).status, 101)
    assert.is((await upgrade(`${scheme}://localhost?x=/`, ['127.0.0.1'])).status, 101)
    assert.is((await upgrade(`${scheme}://localhost/nowhere`, ['127.0.0.1'])).status, 404)
  }
  for (const target of ['http://', 'http:///', 'http://user@127.0.0.1/', 'http://127.0.0.1:x/', 'http://[::1/']) {
    assert.is((await upgrade(target, ['127.0.0.1'])).status, 400, target)
    assert.is((await plain(target, ['127.0.0.1'])).status, 400, target)
  }
  // These only look as if they did.
  for (const target of ['//evil.example/', '//', '/http://evil.example/', '/\\evil.example'])
    assert.is((await upgrade(target, ['127.0.0.1'])).status, 404, target)
  assert.is((await plain('//evil.example/readyz', ['127.0.0.1'])).status, 404)
})

test('an Origin is refused whatever the Host is', async () => {
  for (const host of ['127.0.0.1', 'evil.example']) {
    for (const target of ['/readyz', '/metrics', '/nowhere']) {
      assert.is(
        (
          await ask(port, [
            `GET ${target} HTTP/1.1`,
            `Host: ${host}`,
            'Connection: close',
            `Origin: http://127.0.0.1:${port}`,
          ])
        ).status,
        403,
      )
    }
  }
})

test('names can be allowed, by themselves, below a name, or all', async () => {
  const args = [
    '--allow-host',
    'DevBox',
    '--allow-host',
    '*.corp.example',
    '--listen',
    'ws://0.0.0.0:0',
    '--allow-unauthenticated',
  ]
  await withServer(args, async ({ port: at }) => {
    for (const host of [
      'devbox',
      'DEVBOX:99',
      'devbox.',
      'a.corp.example',
      'a.b.CORP.example.',
      'localhost',
      '127.0.0.1',
    ])
      assert.is((await upgrade('/', [host], at)).status, 101, host)
    for (const host of ['corp.example', '.corp.example', 'acorp.example', 'xdevbox', 'devbox.corp'])
      assert.is((await upgrade('/', [host], at)).status, 403, host)
    assert.is((await upgrade('/', ['*.corp.example'], at)).status, 400)
    const client = await Client.open(`ws://127.0.0.1:${at}`, { headers: { host: 'devbox' } })
    assert.ok((await client.request('initialize', { clientName: 'test' })).sessionId)
    await client.close()
  })
  await withServer(['--allow-host', '*'], async ({ port: at }) => {
    assert.is((await upgrade('/', ['evil.example'], at)).status, 101)
    assert.is(
      (await ask(at, ['GET / HTTP/1.1', 'Host: evil.example', ...UPGRADE, 'Origin: http://evil.example'])).status,
      403,
    )
  })
})

test('what is no name cannot be allowed', () => {
  for (const name of ['', 'a b', 'devbox:80', 'http://devbox', '*.', '*x', 'a.*.b', '**', '-', '[::1]', 'a/b'])
    assert.not(isHostPattern(name), name)
  for (const name of ['devbox', 'a_b', 'a.b.', '*.a', '*', 'xn--bcher-kva.example', '10.0.0.1'])
    assert.ok(isHostPattern(name), name)
  const { status, stdout, stderr } = call(['--allow-host', 'ok', '--allow-host', 'devbox:80'])
  assert.equal([status, stdout], [2, ''])
  assert.match(stderr, /^exec-server: --allow-host takes a host name[^\n]*'devbox:80'\n/)
})

/** Headers, targets and patterns of about so many characters that would keep a careless expression busy. */
function strange(length: number): (() => unknown)[] {
  const check = hostCheck(['*.a'])
  const hosts = [
    'a.'.repeat(length / 2),
    `${'a'.repeat(length)}!`,
    `[${':'.repeat(length)}`,
    `${'.'.repeat(length)}a`,
    `${'a-'.repeat(length / 2)}:`,
  ]
  return [
    ...hosts.map((host) => () => check({ rawHeaders: ['Host', host], url: '/' })),
    () => check({ rawHeaders: [], url: `${'a+'.repeat(length / 2)}:/` }),
    () => isHostPattern(`${'a-'.repeat(length / 2)}!`),
  ]
}

test('the longest headers that are accepted are checked, however strange they are', () => {
  // Whatever tries all ways to read these does not come back.
  for (const check of strange(16_000)) check()
})

test.full('checking a strange header takes time linear in its length', () => {
  const quickest = (check: () => unknown): number => {
    // So often that it is undisturbed for once.
    const times = Array.from({ length: 200 }, () => {
      const since = performance.now()
      check()
      return performance.now() - since
    })
    return Math.min(...times)
  }
  const [short, long] = [strange(16_000), strange(256_000)]
  for (const [index, check] of short.entries()) {
    // Sixteen times, and 256 times if it were the square.
    const ratio = quickest(long[index] as () => unknown) / Math.max(quickest(check), 0.005)
    assert.ok(ratio < 100, `the time of ${index} is multiplied by ${ratio}`)
  }
})

test('the path of a target is what follows the name of the server', () => {
  for (const [target, path] of [
    ['/', '/'],
    ['/x?y', '/x?y'],
    ['http://h', '/'],
    ['http://h?x', '/?x'],
    ['http://h/x', '/x'],
    ['*', '*'],
    ['//h/x', '//h/x'],
    ['/http://h/', '/http://h/'],
  ]) {
    assert.is(originForm(target as string), path)
  }
})

test.run()
