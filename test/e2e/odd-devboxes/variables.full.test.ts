/** Variables that are meant for Node in general must not steer the executable, and reach its commands. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { authorityFile, plainEnvironment, reply, Web } from '../../support/web/web.ts'
import { connectTo, isExecutable, PATH } from './odd-devbox.ts'

const defined = suite('variables of Node')
const test = isExecutable ? defined : defined.skip

/** `folder` takes what they make Node write. */
const steering = (folder: string): Record<string, string> => ({
  NODE_DEBUG: 'net,http,https,tls,child_process,cluster',
  NODE_REPL_EXTERNAL_MODULE: '/nowhere.js',
  NODE_V8_COVERAGE: join(folder, 'coverage'),
  NODE_COMPILE_CACHE: join(folder, 'cache'),
  NODE_EXTRA_CA_CERTS: '/nowhere.pem',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
  NODE_OPTIONS: '--no-such-option',
  NODE_PENDING_DEPRECATION: '1',
  OPENSSL_CONF: '/etc/passwd',
})

test('they change nothing of a server, and its commands have them, on pipes and terminals', async () => {
  const folder = temporaryFolder()
  const variables = steering(folder)
  const env = {
    PATH,
    HOME: folder,
    XDG_CACHE_HOME: temporaryFolder(),
    ...variables,
    NODE_CHANNEL_FD: '77',
    NODE_UNIQUE_ID: '1',
  }
  const [command, args] = serverCommand([])
  const { client, stop } = await connectTo(command, args, { env })
  const envPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] }
  for (const more of [{ tty: false }, { tty: true }, { tty: true, arg0: 'sh' }]) {
    const { output } = await client.run(JSON.stringify(more), ['/usr/bin/env'], { ...more, env: {}, envPolicy })
    const lines = output.split(/\r?\n/).filter((line) => /^[^=]*(?:ODE|PENSSL)_/.test(line))
    assert.equal(
      lines.sort(),
      Object.entries(variables)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    )
  }
  await stop()
  assert.equal(readdirSync(folder), [])
})

test('they change nothing of the other commands', () => {
  const folder = temporaryFolder()
  const env: Record<string, string> = { PATH, HOME: folder, XDG_CACHE_HOME: temporaryFolder(), ...steering(folder) }
  const call = (...args: string[]) => spawnSync(...serverCommand(args), { env, encoding: 'utf8' })
  assert.match(call('--version').stdout, /^exec-server /)
  const script = 'echo $NODE_DEBUG'
  const { stdout, stderr } = call('run', '--local', '--', '/bin/sh', '-c', script)
  assert.equal({ stdout, stderr }, { stdout: `${env['NODE_DEBUG']}\n`, stderr: '' })
  assert.equal(readdirSync(folder), [])
})

test('options of Node that stand behind a command are the command’s, and unknown to our own', () => {
  const env = { PATH }
  const call = (...args: string[]) => spawnSync(...serverCommand(args), { env, encoding: 'utf8' })
  for (const option of [
    ['--env-file', '/nowhere'],
    ['--env-file-if-exists=/nowhere'],
    ['--experimental-config-file=/nowhere'],
    ['--experimental-default-config-file'],
  ]) {
    const { stdout, stderr } = call('run', '--local', 'echo', ...option)
    assert.equal({ stdout, stderr }, { stdout: `${option.join(' ')}\n`, stderr: '' })
    const { status, stderr: refusal } = call('run', ...option)
    assert.is(status, 2)
    assert.match(refusal, `there is no option ${option[0]?.split('=')[0]}`)
  }
})

test('certificates are verified whatever NODE_TLS_REJECT_UNAUTHORIZED says, and NODE_EXTRA_CA_CERTS adds to them', async () => {
  const web = await Web.start((_, socket) => socket.write(reply('secure')), { secure: true })
  const [command, args] = serverCommand([])
  for (const more of [{}, { NODE_EXTRA_CA_CERTS: authorityFile() }]) {
    const env = plainEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0', ...more })
    const { client, stop } = await connectTo(command, args, { env })
    const { result, error } = await client.ask('http/request', { requestId: 'r', method: 'GET', url: web.url() })
    if ('NODE_EXTRA_CA_CERTS' in more) assert.is(result?.status, 200, error?.message)
    else assert.match(error?.message ?? 'it was trusted', /certificate/)
    await stop()
  }
  await web.stop()
})

defined.run()
