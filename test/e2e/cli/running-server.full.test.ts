/**
 * Commands about runs, on the devbox itself: which of the servers there they find. In a PID namespace, so that they see
 * only the servers of the test.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isDeno, serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { unprivileged } from './cp-table/unprivileged.ts'

const test = suite('the running server of this user', { limitMs: 180_000 })

const asRoot = ['env', '--']
const asNobody = unprivileged.command

/** A server, by what starts it as its user, and its options. */
type Server = { as: readonly string[]; options?: readonly string[] }

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')
const program = (args: readonly string[]): string => quoted(serverCommand(args).flat())

/** Runs commands of a user beside these servers. Gives what each prints and its exit code, with URL1 … for the servers. */
function outputs(
  as: readonly string[],
  servers: readonly Server[],
  commands: readonly (readonly string[])[],
): string[] {
  const folder = temporaryFolder()
  chmodSync(folder, 0o777)
  const urlFile = (index: number): string => join(folder, `url${index + 1}`)
  const withUrl = (args: string): string => args.replace("'URL1'", `"$(cat ${urlFile(0)})"`)
  const script = [
    ...servers.map(
      ({ as: other, options = [] }, index) =>
        `${quoted(other)} ${program(options)} >${urlFile(index)} 2>/dev/null </dev/null &`,
    ),
    ...servers.map((_, index) => `until [ -s ${urlFile(index)} ]; do sleep 0.1; done`),
    ...commands.map((args) => `${quoted(as)} ${withUrl(program(args))} </dev/null 2>&1; echo "[$?]"; echo ----`),
    ...servers.map((_, index) => `cat ${urlFile(index)}`),
  ].join('\n')
  const namespace = ['--pid', '--fork', '--kill-child', '--mount-proc', '--', 'sh', '-c', script]
  const env = { PATH: process.env['PATH'], HOME: folder }
  const { stdout, stderr } = spawnSync('unshare', namespace, { cwd: '/', encoding: 'utf8', env })
  assert.is(stderr, '')
  const parts = stdout.split('----\n')
  const urls = parts.pop()?.trim().split('\n') ?? []
  const masked = (part: string): string =>
    urls.reduce((text, url, index) => text.replaceAll(url.replace(/\/c\/.*/, ''), `URL${index + 1}`), part)
  // A busy machine makes a command wait, which it prints.
  return parts.map((part) => masked(part).replace(/^exec-server: waiting for .*\n/gm, ''))
}

const unnamed = (...urls: string[]): string =>
  [
    'exec-server: no devbox is named',
    '  name one: --url ws://HOST:PORT, --env ID, or CODEX_EXEC_SERVER_URL=ws://HOST:PORT',
    ...urls.map((url) => `  a server of yours listens on this machine: --url ${url}`),
    '  this machine is used only with --local',
    '[255]',
    '',
  ].join('\n')

const FOUND = 'exec-server: no devbox is named: this is the server that you run here, URL1\n'

const define = isDeno || process.geteuid?.() !== 0 ? test.skip : test
for (const [user, as, other] of [
  ['root', asRoot, asNobody],
  ['another user', asNobody, asRoot],
] as const) {
  define(`${user}: what only looks finds the one server of the user, and what acts needs --local`, () => {
    const [started, ps, logs, wait, ...rest] = outputs(
      as,
      [{ as }, { as: other }],
      [
        ['run', '--url', 'URL1', '-d', '--name', 'job', 'sh', '-c', 'echo hello; exit 7'],
        ['ps'],
        ['logs', '-f', 'job'],
        ['wait', 'job'],
        ['attach', 'job'],
        ['kill', 'job'],
        ['rm', 'job'],
        ['attach', '--local', 'job'],
        ['kill', '--local', 'job'],
        ['rm', '--local', 'job'],
      ],
    )
    assert.is(started, 'job\n[0]\n')
    assert.ok(ps?.startsWith(`${FOUND}RUN  NAME `), ps)
    assert.match(ps ?? '', /\n1 +job .* sh -c [^\n]+\n\[0\]\n$/)
    assert.is(logs, `${FOUND}hello\n[0]\n`)
    assert.is(wait, `${FOUND}[7]\n`)
    const refused = unnamed('URL1')
    const over = 'exec-server: run job is over already\n[1]\n'
    assert.equal(rest, [refused, refused, refused, 'hello\n[7]\n', over, '[0]\n'])
  })

  define(`${user}: the server of another user is not found`, () => {
    const missing = `exec-server: no exec-server of this user listens on this machine, as far as can be seen
  name it with --url if it runs as another user, or where there is no /proc
[255]
`
    const commands = [['ps'], ['logs', '1'], ['ps', '--local'], ['kill', '--local', '1']]
    assert.equal(outputs(as, [{ as: other }], commands), [unnamed(), unnamed(), missing, missing])
  })

  define(`${user}: of several servers none is chosen`, () => {
    const several = `exec-server: 2 servers of this user listen on this machine
  a server of yours listens on this machine: --url URL1
  a server of yours listens on this machine: --url URL2
[255]
`
    const commands = [['ps'], ['wait', '1'], ['ps', '--local'], ['attach', '--local', '1']]
    const refused = unnamed('URL1', 'URL2')
    assert.equal(outputs(as, [{ as }, { as }], commands), [refused, refused, several, several])
  })

  define(`${user}: a server that wants a secret says what to add`, () => {
    const refusal = `exec-server: URL1 refused the connection with HTTP status 401: missing capability: connect to the URL that the server printed
  use the whole URL that it printed, /c/TOKEN included; with --ws-auth, --bearer-token-file PATH
[255]
`
    const commands = [['ps'], ['ps', '--local']]
    assert.equal(outputs(as, [{ as, options: ['--capability-url'] }], commands), [`${FOUND}${refusal}`, refusal])
  })
}

define('a server in another network namespace is not taken for one at the same address here', () => {
  const apart = ['unshare', '--net', '--', 'sh', '-c', 'ip link set lo up; exec "$@"', 'sh']
  const [ps, local] = outputs(asRoot, [{ as: apart }], [['ps'], ['ps', '--local']])
  assert.is(ps, unnamed())
  assert.match(local ?? '', /^exec-server: no exec-server of this user listens/)
})

test.run()
