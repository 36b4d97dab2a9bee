/** `exec-server http`. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { isSame, pattern } from '../client/support/with-client.ts'
import { begin, call } from './call.ts'

const test = suite('exec-server http')
/** More than what may wait for a reader. */
const LARGE = pattern(5_000_000)
const VERY_LARGE = pattern(60_000_000)
let server: RunningServer
let web: Server
let origin: string
let folder: string
let command: ProgramRunner

test.before(async () => {
  server = await startServer()
  command = programRunner()
  folder = mkdtempSync(join(tmpdir(), 'http-'))
  web = createServer((request, response) => {
    const { method, url, headers } = request
    if (url === '/moved') return void response.writeHead(302, { location: '/echo' }).end('moved\n')
    if (url === '/missing') return void response.writeHead(404, { 'x-why': 'gone' }).end('not here\n')
    if (url === '/nothing') return void response.writeHead(204).end()
    if (url === '/large') return void response.end(LARGE)
    if (url === '/very-large') return void response.end(VERY_LARGE)
    if (url === '/broken') {
      response.writeHead(200, { 'content-length': 100 })
      return void response.write('half', () => request.socket.destroy())
    }
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () =>
      response.end(
        JSON.stringify({
          method,
          url,
          type: headers['content-type'],
          agent: headers['x-agent'],
          body: Buffer.concat(pieces).toString(headers['content-type'] === 'x/y' ? 'hex' : 'utf8'),
        }),
      ),
    )
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  web.unref()
  origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
})
test.after(() => {
  web.closeAllConnections()
  web.close()
  rmSync(folder, { recursive: true })
})

const http = (...args: string[]) => command(['http', '--url', server.url, ...args])
const asked = async (...args: string[]) => JSON.parse((await http(...args)).stdout) as unknown

test('the body of the answer is on stdout, and any status is fine', async () => {
  assert.equal(await asked(`${origin}/a?b`), { method: 'GET', url: '/a?b', body: '' })
  assert.equal(await http(`${origin}/missing`), { code: 0, stdout: 'not here\n', stderr: '' })
  assert.equal(await http(`${origin}/nothing`), { code: 0, stdout: '', stderr: '' })
})

test('method, headers and body are what they are asked to be', async () => {
  assert.equal(await asked('-X', 'DELETE', '-H', 'X-Agent: me', `${origin}/`), {
    method: 'DELETE',
    url: '/',
    agent: 'me',
    body: '',
  })
  assert.equal(await asked('-d', 'a=1', `${origin}/`), {
    method: 'POST',
    url: '/',
    type: 'application/x-www-form-urlencoded',
    body: 'a=1',
  })
  writeFileSync(join(folder, 'body'), Uint8Array.of(0, 10, 255))
  assert.equal(await asked('-X', 'PUT', '-H', 'content-type: x/y', '-d', `@${join(folder, 'body')}`, `${origin}/`), {
    method: 'PUT',
    url: '/',
    type: 'x/y',
    body: '000aff',
  })
  const { stdout } = await call(['http', '--url', server.url, '-d', '@-', `${origin}/`], { input: 'from stdin\n' })
  assert.match(stdout, /"body":"from stdin\\n"/)
})

test('the head comes first where it is asked for, and redirects are followed unless they are not to be', async () => {
  assert.match(
    (await http('-i', `${origin}/missing`)).stdout,
    /^HTTP 404[^\r\n]*\r\n(?:[^\r\n]+\r\n)*x-why: gone\r\n(?:[^\r\n]+\r\n)*\r\nnot here\n$/,
  )
  assert.match((await http('-L', `${origin}/moved`)).stdout, /"url":"\/echo"/)
  assert.match((await http(`${origin}/moved`)).stdout, /"url":"\/echo"/)
  assert.match(
    (await http('-i', '--no-follow', `${origin}/moved`)).stdout,
    /^HTTP 302[^]*location: \/echo[^]*\r\n\r\nmoved\n$/,
  )
})

const comesWhole = (path: string, expected: Uint8Array) => async (): Promise<void> => {
  const file = join(folder, 'large')
  assert.equal(await http('-o', file, `${origin}${path}`), { code: 0, stdout: '', stderr: '' })
  assert.ok(isSame(readFileSync(file), expected))
  const sum = createHash('md5').update(expected).digest('hex')
  const command = serverCommand(['http', '--url', server.url, `${origin}${path}`]).flat()
  const { code, stdout } = await begin(['sh', '-c', '"$@" | { sleep 1; md5sum; }', 'sh', ...command]).ended
  assert.is(code, 0)
  assert.is(stdout, `${sum}  -\n`)
}
test.full('a large body comes whole, to a file, a pipe, and a slow reader', comesWhole('/large', LARGE))
test.full('a body of 60 MB comes whole, to a file, a pipe, and a slow reader', comesWhole('/very-large', VERY_LARGE))

test.full('a reader who leaves early ends it with 141', async () => {
  const command = serverCommand(['http', '--url', server.url, `${origin}/large`]).flat()
  const { stdout } = await begin([
    'bash',
    '--norc',
    '-c',
    '"$@" | head -c 10 | wc -c; echo ${PIPESTATUS[0]}',
    'bash',
    ...command,
  ]).ended
  assert.is(stdout.replace(/ /g, ''), '10\n141\n')
})

test('a status of 400 and above is a failure where that is asked for, without its body', async () => {
  const { code, stdout, stderr } = await http('--fail', `${origin}/missing`)
  assert.is(code, 22)
  assert.is(stdout, '')
  assert.match(stderr, /^exec-server: the answer was 404[^\n]*\n$/)
  assert.is((await http('-f', `${origin}/moved`)).code, 0)
})

test('a request that fails exits 1 with one line, and leaves no half of a file', async () => {
  const { code, stderr } = await http('http://127.0.0.1:1/')
  assert.is(code, 1)
  assert.match(stderr, /^exec-server: [^\n]*ECONNREFUSED[^\n]*\n$/)
  const broken = await http(`${origin}/broken`)
  assert.is(broken.code, 1)
  assert.is(broken.stdout, 'half')
  assert.match(broken.stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)*$/)
  const file = join(folder, 'broken')
  assert.is((await http('-o', file, `${origin}/broken`)).code, 1)
  assert.not(existsSync(file))
})

test('a devbox that cannot be reached exits 255', async () => {
  const { code, stderr } = await command(['http', '--url', 'ws://127.0.0.1:1', `${origin}/`])
  assert.is(code, 255)
  assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)*$/)
})

test('arguments that cannot be followed exit 2 with one line on stderr', async () => {
  const bad = [
    [],
    ['x'],
    ['ftp://x'],
    ['http://'],
    ['http://x', 'http://y'],
    ['-H', 'none', 'http://x'],
    ['-H', 'a b: c', 'http://x'],
    ['-L', '--no-follow', 'http://x'],
    ['--bogus', 'http://x'],
  ]
  const outcomes = await Promise.all(bad.map(async (args) => ({ args, ...(await command(['http', ...args])) })))
  for (const { args, code, stdout, stderr } of outcomes) {
    assert.is(code, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)+$/)
  }
  assert.match((await call(['http', '--help'])).stdout, /^Usage: exec-server http /m)
})

test.run()
