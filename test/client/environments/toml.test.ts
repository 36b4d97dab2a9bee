import * as assert from 'uvu/assert'
import { EnvironmentConfigError } from '../../../src/client/environments/errors.ts'
import type { EnvironmentSettings, EnvironmentSpec } from '../../../src/client/environments/spec.ts'
import { parseEnvironments } from '../../../src/client/environments/toml.ts'
import { test } from '../../support/suite.ts'
import { ACCEPTED, at, command, entry, REFUSED, REFUSED_HERE, remote } from './toml-cases.ts'

const HOME = '/home/user/.codex'
const FILE = `${HOME}/environments.toml`
const read = (text: string): Promise<EnvironmentSettings> => parseEnvironments(text, HOME)

async function refusal(text: string): Promise<EnvironmentConfigError> {
  try {
    await read(text)
  } catch (error) {
    assert.instance(error, EnvironmentConfigError)
    return error as EnvironmentConfigError
  }
  assert.unreachable('the file was accepted')
  throw new Error('unreachable')
}

for (const [what, text] of Object.entries(ACCEPTED))
  test(`environments.toml may have ${what}`, async () => void (await read(text)))

for (const [what, [text, said]] of Object.entries({ ...REFUSED, ...REFUSED_HERE })) {
  test(`environments.toml with ${what} is refused, and the error says where`, async () => {
    const { message } = await refusal(text)
    assert.ok(message.startsWith(/^\d/.test(said) ? `${FILE}:${said}` : `${FILE}: ${said}`), message)
    assert.ok(message.length < 600)
  })
}

const only = async (text: string): Promise<EnvironmentSpec | undefined> =>
  (await read(`include_local = false\n${text}`)).environments[0]
const local = { id: 'local', local: true as const }

test('an empty file means this process alone', async () => {
  assert.equal(await read(''), { environments: [local], defaultId: 'local' })
})

test('without this process there is no default unless one is named', async () => {
  assert.equal(await read('include_local = false'), { environments: [], defaultId: undefined })
  assert.is((await read(`include_local = false\n${remote()}`)).defaultId, undefined)
  assert.is((await read(`include_local = false\ndefault = "devbox"\n${remote()}`)).defaultId, 'devbox')
})

test('this process is the default as long as no other is named, and none of them with `none`', async () => {
  assert.is((await read(remote())).defaultId, 'local')
  const none = await read(`default = "None"\n${remote()}`)
  assert.is(none.defaultId, undefined)
  assert.equal(
    none.environments.map(({ id }) => id),
    ['local', 'devbox'],
  )
})

test('a URL comes with its token as a header, its timeouts in milliseconds, and without its fragment', async () => {
  const text = at(
    ' wss://h/c/T?q#f ',
    'auth_bearer_token = " a b "',
    'connect_timeout_sec = 0.0015',
    'initialize_timeout_sec = 3',
  )
  const headers = { authorization: 'Bearer  a b ' }
  assert.equal(await only(text), {
    id: 'devbox',
    url: 'wss://h/c/T?q',
    headers,
    connectTimeoutMs: 2,
    initializeTimeoutMs: 3000,
  })
  assert.equal(await only(remote()), { id: 'devbox', url: 'ws://127.0.0.1:8765' })
})

test('a token beyond ASCII becomes the bytes of its UTF-8', async () => {
  const spec = await only(remote('auth_bearer_token = "ä"'))
  assert.equal(spec && 'headers' in spec && spec.headers, { authorization: 'Bearer \xc3\xa4' })
})

test('timeouts that no timer can count are as long as one can', async () => {
  assert.is((await only(remote('connect_timeout_sec = 1e19')))?.connectTimeoutMs, 2 ** 31 - 1)
})

test('a program comes with its arguments, its variables, and its directory below CODEX_HOME', async () => {
  const first = ['id = "ssh-dev"', 'program = " ssh "']
  const text = entry(
    ...first,
    'args = ["dev", " x "]',
    'env = {A = "b"}',
    'cwd = "work/../x"',
    'initialize_timeout_sec = 20',
  )
  assert.equal(await only(text), {
    id: 'ssh-dev',
    command: ['ssh', 'dev', ' x '],
    env: { A: 'b' },
    cwd: `${HOME}/work/../x`,
    initializeTimeoutMs: 20_000,
  })
  assert.equal(await only(command('cwd = "/abs"')), { id: 'devbox', command: ['ssh'], cwd: '/abs' })
})

test('an error about a URL keeps what may be a secret to itself', async () => {
  const { message } = await refusal(at('ws://user:hunter2@h h/c/TOKEN?key=secret#more'))
  assert.ok(message.endsWith('`ws://h h/c/…`'), message)
})

test('an error about a token does not tell it', async () => {
  const wrong = [
    at('ws://h', 'auth_bearer_token = "hunter2"'),
    remote('auth_bearer_token = "hunter2\\n"'),
    'auth_bearer_token = "hunter2',
  ]
  for (const text of wrong) {
    const error = await refusal(text)
    assert.not.ok(`${error.message}${error.stack}`.includes('hunter2'))
  }
})

test.run()
