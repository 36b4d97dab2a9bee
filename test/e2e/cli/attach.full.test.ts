/** `exec-server ps`, `attach` and `kill`. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/connect.ts'
import type { ListedProcess } from '../../../src/client/base/types.ts'
import { ageOf } from '../../../src/cli/devbox/io/table.ts'
import { processTable } from '../../../src/cli/devbox/run/ps.ts'
import { eventually, isAlive, isDeno, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { begin, call, REST, runPrefix } from './call.ts'
import type { Started } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'

const test = suite('ps, attach and kill')
let server: RunningServer

test.before.each(async () => {
  server = await startServer()
})

/** Begins a command on the devbox, and waits for its first line. */
async function begun(argv: readonly string[], options: readonly string[] = []): Promise<Started> {
  const started = begin([...runPrefix(server.url, options), ...argv])
  await eventually(() => started.stdout().includes('\n'), 40_000, 'the first line')
  return started
}

const devbox = (word: string, ...args: string[]) => call([word, '--url', server.url, ...args])
const attachTo = (...args: string[]): Started => begin(serverCommand(['attach', '--url', server.url, ...args]).flat())

const example: ListedProcess = {
  run: 7,
  name: null,
  detached: false,
  processId: 'p',
  client: 'codex',
  session: 'abcdefgh',
  attached: true,
  argv: ['sh', '-c', 'echo "a b"'],
  cwd: '/',
  tty: false,
  pid: 4711,
  state: 'running',
  exitCode: null,
  startedAtMs: 1_000_000,
  exitedAtMs: null,
}

test('ps shows a table of what runs and what is over, in order', async () => {
  await begun(['sh', '-c', 'echo ready; cat'])
  await begun(['sh', '-c', 'echo ready; cat'], ['-t'])
  await (await begun(['sh', '-c', 'echo ready; exit 3'])).ended
  const { code, stdout, stderr } = await devbox('ps')
  assert.is(code, 0)
  assert.is(stderr, '')
  const [head, ...rows] = stdout.trimEnd().split('\n')
  assert.match(head as string, /^RUN +NAME +STATE +PID +TTY +CLIENT +AGE +COMMAND$/)
  assert.match(rows[0] as string, /^1 +- +running +\d+ +no +exec-server-cli +\d+s +sh -c 'echo ready; cat'$/)
  assert.match(rows[1] as string, /^2 +- +running +\d+ +yes +exec-server-cli /)
  assert.match(rows[2] as string, /^3 +- +3 +\d+ +no +exec-server-cli \(gone\) /)
  const listed = JSON.parse((await devbox('ps', '--json')).stdout) as ListedProcess[]
  assert.equal(
    listed.map(({ run, state, exitCode }) => [run, state, exitCode]),
    [
      [1, 'running', null],
      [2, 'running', null],
      [3, 'closed', 3],
    ],
  )
})

test('the table is as wide as its terminal, and shows nothing that could move the cursor', () => {
  const table = processTable(
    [example, { ...example, client: '\x1b[2J', state: 'exited', exitCode: 0, argv: ['\x1b]0;x\x07'], pid: null }],
    1_061_000,
    66,
  )
  assert.equal(
    table.split('\n').map((line) => line.trimEnd()),
    [
      'RUN  NAME  STATE    PID   TTY  CLIENT   AGE  COMMAND',
      `7    -     running  4711  no   codex    1m   sh -c 'echo "a b"'`,
      `7    -     0+       -     no   \\x1b[2J  1m   $'\\x1b]0;x\\x07'`,
      '',
    ],
  )
  assert.ok(
    processTable([example], 0, 30)
      .split('\n')
      .every((line) => line.length <= 30),
  )
})

test('an age is shown in its largest unit, and is never below zero', () => {
  assert.equal([-5000, 0, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000 * 400].map(ageOf), [
    '0s',
    '0s',
    '59s',
    '1m',
    '59m',
    '1h',
    '23h',
    '400d',
  ])
})

test('arguments that cannot be followed exit 2 with the reason and a hint on stderr', async () => {
  const bad = [
    ['ps', 'x'],
    ['ps', '--bogus'],
    ['attach'],
    ['attach', '1', '2'],
    ['attach', 'x y'],
    ['attach', '0'],
    ['kill'],
    ['kill', '1x'],
    ['kill', '-s', 'NONE', '1'],
    ['kill', '--grace', '-1', '1'],
    ['kill', '-s', 'INT', '--grace', '1', '1'],
  ]
  const outcomes = await Promise.all(bad.map(async (args) => ({ args, ...(await call(args)) })))
  for (const { args, code, stdout, stderr } of outcomes) {
    assert.is(code, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)+$/)
  }
  for (const word of ['ps', 'attach', 'kill'])
    assert.match((await call([word, '--help'])).stdout, new RegExp(`^Usage: exec-server ${word} `, 'm'))
})

test('who attaches sees what was written before and what comes, writes to it, and has its exit code', async () => {
  const owner = await begun([
    'sh',
    '-c',
    'echo before; echo problem >&2; while read x; do echo "got $x"; [ "$x" = end ] && exit 5; done',
  ])
  const other = attachTo('1')
  await eventually(() => other.stdout().includes('before\n'), 20_000, 'what was before')
  other.child.stdin.write('one\n')
  await eventually(() => other.stdout().includes('got one\n'), 20_000, 'an answer')
  owner.child.stdin.write('two\n')
  await eventually(() => other.stdout().includes('got two\n'), 20_000, 'what the owner asked for')
  other.child.stdin.write('end\n')
  const expected = { code: 5, stdout: 'before\ngot one\ngot two\ngot end\n', stderr: 'problem\n' }
  assert.equal(await other.ended, expected)
  assert.equal(await owner.ended, expected)
  assert.equal(await devbox('attach', '1'), expected)
})

test('the end of our stdin, or of ourselves, is not that of the process', async () => {
  const owner = await begun(['sh', '-c', 'echo $$; cat; exit 4'])
  const other = attachTo('1')
  other.child.stdin.end('one\n')
  await eventually(() => owner.stdout().includes('one\n'), 20_000, 'what we wrote')
  other.child.kill('SIGINT')
  assert.is((await other.ended).code, 130)
  assert.ok(isAlive(Number.parseInt(owner.stdout())))
  owner.child.stdin.end('two\n')
  assert.is((await owner.ended).code, 4)
})

test('a run that there is not exits 1', async () => {
  for (const word of ['attach', 'kill']) {
    const { code, stderr } = await devbox(word, '99')
    assert.is(code, 1)
    assert.match(stderr, /^exec-server: there is no run 99[^\n]*\n$/)
  }
})

test('kill asks first, ends what does not heed it, with all that it started, and waits for that', async () => {
  const heeding = await begun(['sh', '-c', `trap "echo bye; exit 7" TERM; echo ready; ${REST}`])
  assert.equal(await devbox('kill', '1'), { code: 0, stdout: '', stderr: '' })
  const { code, stdout } = await heeding.ended
  assert.equal([code, stdout], [7, 'ready\nbye\n'])
  const deaf = await begun(['sh', '-c', 'trap "" TERM; setsid sleep 1000 & echo $$ $!; wait'])
  const pids = deaf.stdout().trim().split(' ').map(Number)
  assert.is((await devbox('kill', '--grace', '0.2', '2')).code, 0)
  await eventually(() => pids.every((pid) => !isAlive(pid)), 30_000, 'the end of all')
  assert.is((await deaf.ended).code, 137)
  assert.equal(await devbox('kill', '2'), { code: 1, stdout: '', stderr: 'exec-server: run 2 is over already\n' })
})

test('kill sends a signal by any of its names, to several, and says which are not there', async () => {
  const trapping = ['bash', '-c', `for s in INT USR1 HUP; do trap "echo got $s" $s; done; echo ready; ${REST}`]
  const all = [await begun(trapping), await begun(trapping)]
  const both = async (signal: string, shows: string): Promise<void> => {
    assert.is((await devbox('kill', '-s', signal, '1', '2')).code, 0)
    for (const { stdout } of all) await eventually(() => stdout().endsWith(shows), 30_000, shows)
  }
  await both('INT', 'got INT\n')
  await both('sigusr1', 'got USR1\n')
  await both('1', 'got HUP\n')
  const { code, stderr } = await devbox('kill', '-s', 'KILL', '1', '99', '2')
  assert.is(code, 1)
  assert.match(stderr, /^exec-server: there is no run 99[^\n]*\n$/)
  for (const { ended } of all) assert.is((await ended).code, 137)
})

test('output that is no longer kept is passed over', async () => {
  await using client = await connect(server.url)
  const process = await client.start({ argv: ['sh', '-c', 'seq 1000000; echo end'] })
  await process.output()
  const { code, stdout } = await devbox('attach', '1')
  assert.is(code, 0)
  assert.ok(stdout.length > 500_000 && stdout.length < 2_000_000)
  assert.match(stdout, /\n999999\n1000000\nend\n$/)
})

if (!isDeno)
  test('a terminal is joined by another: its size, its keys, and Ctrl-P Ctrl-Q to leave it', async () => {
    if (!hasProgram('tmux')) skip('there is no tmux')
    const owner = await begun(
      [
        'bash',
        '--norc',
        '-c',
        'trap "stty size" WINCH; echo "ready $$"; while :; do if read -t 0.1 x; then x=$part$x part=; echo "got $x"; else part=$part$x; fi; [ "$x" = end ] && exit 6; done',
      ],
      ['-t'],
    )
    const pid = Number(/ready (\d+)/.exec(owner.stdout())?.[1])
    const command = serverCommand(['attach', '--url', server.url, '1']).flat()
    const screen = openScreen(command)
    await screen.until(/ready/)
    screen.resize(90, 20)
    await screen.until(/20 90/)
    screen.type('one\n')
    await screen.until(/^got one/m)
    screen.keys('C-p', 'C-q')
    await screen.until(/exec-server: left run 1, which goes on\n\[exit code 0\]\n\[terminal as before\]/)
    assert.ok(isAlive(pid))
    screen.end()
    const again = openScreen(command)
    await again.until(/got one/)
    again.type('end\n')
    await again.until(/\[exit code 6\]\n\[terminal as before\]/)
    again.end()
    assert.is((await owner.ended).code, 6)
  })

test('a server that shows no client what others run says so', async () => {
  const strict = await startServer(['--require-sandbox'], process.env)
  try {
    const { code, stderr } = await call(['ps', '--url', strict.url])
    assert.is(code, 255)
    assert.match(stderr, /^exec-server: [^\n]*--require-sandbox[^\n]*\n$/)
  } finally {
    await strict.stop()
  }
})

test.run()
