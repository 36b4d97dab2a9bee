/** --allow-origin: pages that may open a WebSocket. */
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { ask, call, UPGRADE } from '../../support/web/raw-http.ts'
import { test } from '../../support/suite.ts'
import { withServer } from '../../support/with-server.ts'

const OWN = 'https://app.example'

test('pages of an allowed origin open a WebSocket, and do nothing else; those of others do nothing', () =>
  withServer(['--allow-origin', OWN, '--allow-origin', 'http://localhost:3000'], async ({ port, url }) => {
    const upgrade = (origin: string, host = '127.0.0.1') =>
      ask(port, ['GET / HTTP/1.1', `Host: ${host}`, ...UPGRADE, `Origin: ${origin}`])
    for (const origin of [OWN, 'http://localhost:3000']) assert.is((await upgrade(origin)).status, 101, origin)
    const others = [
      'http://app.example',
      'https://app.example:8443',
      'https://app.example.evil.example',
      'https://evil.example',
      'http://localhost',
      'http://localhost:3001',
      'https://localhost:3000',
      'null',
      '',
      'https://APP.example',
      `${OWN}/`,
      `${OWN}, ${OWN}`,
      '*',
    ]
    for (const origin of others) assert.is((await upgrade(origin)).status, 403, origin)
    const twice = await ask(port, [
      'GET / HTTP/1.1',
      'Host: 127.0.0.1',
      ...UPGRADE,
      `Origin: ${OWN}`,
      'Origin: https://evil.example',
    ])
    assert.is(twice.status, 403)
    // The name that the page calls the server by counts as ever.
    assert.is((await upgrade(OWN, 'app.example')).status, 403)
    for (const target of ['/', '/readyz', '/metrics']) {
      assert.is(
        (await ask(port, [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', `Origin: ${OWN}`])).status,
        403,
        target,
      )
    }
    const page = await Client.open(url, { origin: OWN })
    assert.ok((await page.request('initialize', { clientName: 'page' })).sessionId)
    await page.close()
  }))

test('an allowed origin replaces no authentication', () =>
  withServer(['--allow-origin', OWN, '--capability-url'], async ({ port, url }) => {
    const path = new URL(url.replace('ws:', 'http:')).pathname
    const upgrade = (target: string, origin: string) =>
      ask(port, [`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1', ...UPGRADE, `Origin: ${origin}`])
    assert.is((await upgrade('/', OWN)).status, 401)
    assert.is((await upgrade('/c/0123456789abcdef', OWN)).status, 401)
    assert.is((await upgrade(path, OWN)).status, 101)
    assert.is((await upgrade(path, 'https://evil.example')).status, 403)
  }))

test('what is no origin cannot be allowed', () => {
  const wrong = [
    '*',
    'https://*.example',
    'app.example',
    'https://app.example/',
    'https://app.example:443',
    'http://LOCALHOST:3000',
    'null',
    '',
    'ftp://app.example',
    'file://',
    'https://user@app.example',
    'https://app.example?x',
    'http://a b',
  ]
  for (const origin of wrong.slice(0, 3)) {
    const { status, stdout, stderr } = call(['--allow-origin', OWN, '--allow-origin', origin])
    assert.equal([status, stdout], [2, ''], origin)
    assert.match(stderr, /^exec-server: --allow-origin takes an origin/)
  }
  for (const origin of wrong) assert.throws(() => parseServe(['--allow-origin', origin]), /--allow-origin/, origin)
  assert.throws(() => parseServe(['--listen', 'stdio', '--allow-origin', OWN]), /stdio/)
})

test.run()
