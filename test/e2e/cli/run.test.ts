/** What `exec-server run` does that a command run here has no need for. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { eventually, isAlive, isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { startProxy } from '../client/support/proxy.ts'
import type { Proxy } from '../client/support/proxy.ts'
import { subjects } from '../client/support/subject.ts'
import { begin, call, runPrefix } from './call.ts'
import type { Started } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'

const test = suite('exec-server run')
let server: RunningServer
let folder: string
let command: ProgramRunner

test.before(async () => {
  server = await startServer()
  command = programRunner()
  folder = mkdtempSync(join(tmpdir(), 'run-'))
})
test.after(() => {
  rmSync(folder, { recursive: true })
})

async function withProxy(body: (proxy: Proxy) => Promise<void>): Promise<void> {
  const proxy = await startProxy(server.url)
  try {
    await body(proxy)
  } finally {
    proxy.close()
  }
}

async function started(command: readonly string[], body: (started: Started) => Promise<void>): Promise<void> {
  const running = begin(command)
  try {
    await eventually(() => running.stdout().includes('\n'), 20_000, 'the first line')
    await body(running)
  } finally {
    running.stop()
  }
}

test('arguments that cannot be followed exit 2 with the reason and a hint on stderr', async () => {
  const bad = [
    [],
    ['--bogus', 'x'],
    ['--url'],
    ['--url', 'ws://x', '--env', 'y', 'z'],
    ['--bearer-token-file', 'x', 'y'],
    ['--env-var', '=x', 'ls'],
    ['--cwd', '/', '-w', '/', 'ls'],
    ['--timeout', 'soon', 'ls'],
  ]
  const outcomes = await Promise.all(bad.map(async (args) => ({ args, ...(await command(['run', ...args])) })))
  for (const { args, code, stdout, stderr } of outcomes) {
    assert.is(code, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)+$/)
  }
})

test.full('--help is on stdout, and the list of commands in that of the server', async () => {
  assert.match((await call(['run', '--help'])).stdout, /^Usage: exec-server run /m)
  assert.match((await call(['exec-server', 'run', '-h'])).stdout, /^Usage: exec-server run /m)
  const { stdout } = await call(['--help'])
  for (const word of ['run', 'ps', 'attach', 'kill', 'cp', 'http'])
    assert.match(stdout, new RegExp(`exec-server ${word} `))
})

test('a devbox that is not named, or cannot be reached, exits 255, a wrong --url 2, with the reason, and nothing runs here', async () => {
  const nowhere = ['--url', 'ws://127.0.0.1:1']
  const noWebSocket = 'http://127.0.0.1:1'
  const home = mkdtempSync(join(folder, 'home-'))
  const mark = join(folder, 'ran-here')
  const cases: [string[], NodeJS.ProcessEnv][] = [
    [nowhere, {}],
    [['--url', noWebSocket], {}],
    [['--env', 'unknown'], {}],
    [[], {}],
    [[], { CODEX_EXEC_SERVER_URL: 'ws://127.0.0.1:1' }],
    [[], { CODEX_EXEC_SERVER_URL: 'none' }],
    [['--url', server.url, '--bearer-token-file', join(folder, 'missing')], {}],
  ]
  for (const [options, env] of cases) {
    const { code, stdout, stderr } = await command(['run', ...options, '--', 'touch', mark], {
      ...process.env,
      CODEX_HOME: home,
      ...env,
    })
    assert.is(code, options.includes(noWebSocket) ? 2 : 255, options.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)*$/)
  }
  assert.throws(() => readFileSync(mark))
})

const NOT_STARTED: readonly (readonly [code: number, says: RegExp, args: readonly string[]])[] = [
  [127, /no-such-program: No such file/, ['no-such-program']],
  [126, /\/etc\/passwd: Permission denied/, ['/etc/passwd']],
  [126, /\/nowhere: No such file/, ['--cwd', '/nowhere', 'ls']],
  [126, /\/etc\/passwd: Not a directory/, ['--cwd', '/etc/passwd', 'ls']],
]
const exitsAsInAShell =
  (rows: typeof NOT_STARTED, ...options: string[]) =>
  async (): Promise<void> => {
    for (const [expected, says, args] of rows) {
      const { code, stdout, stderr } = await call(['run', '--url', server.url, ...options, ...args])
      assert.is(code, expected, args.join(' '))
      assert.is(stdout, '')
      assert.match(stderr, says)
      assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)*$/)
    }
  }
const AS_IN_A_SHELL = 'what cannot be started exits as in a shell, with one line on stderr'
test(AS_IN_A_SHELL, exitsAsInAShell(NOT_STARTED.slice(0, 1)))
test.full(`${AS_IN_A_SHELL}, whatever the reason`, exitsAsInAShell(NOT_STARTED))
test.full(`${AS_IN_A_SHELL}, on a terminal`, exitsAsInAShell(NOT_STARTED, '-t'))

test.full('a token is sent to the server that asks for it', async () => {
  const token = join(folder, 'token')
  writeFileSync(token, 'a-token-of-some-length-0123456789\n')
  const guarded = await startServer(['--ws-auth', 'capability-token', '--ws-token-file', token])
  try {
    assert.equal(await call(['run', '--url', guarded.url, '--bearer-token-file', token, 'echo', 'hi']), {
      code: 0,
      stdout: 'hi\n',
      stderr: '',
    })
    const { code, stderr } = await call(['run', '--url', guarded.url, 'echo', 'hi'])
    assert.is(code, 255)
    assert.match(
      stderr,
      /^exec-server: [^\n]*401: missing websocket bearer token\n {2}[^\n]*--bearer-token-file PATH\n$/,
    )
  } finally {
    await guarded.stop()
  }
})

test.full('environments are found as Codex finds them, and this machine is used only if it is named', async () => {
  const home = mkdtempSync(join(folder, 'home-'))
  const env = { ...process.env, CODEX_HOME: home, CODEX_EXEC_SERVER_URL: server.url }
  const whose = ['sh', '-c', 'echo $PPID']
  const parent = async (args: string[], env: NodeJS.ProcessEnv): Promise<number> =>
    Number((await call(['run', ...args, '--', ...whose], { env })).stdout)
  assert.is(await parent([], env), server.child.pid)
  const { CODEX_EXEC_SERVER_URL: _, ...without } = env
  const here = await parent(['--local'], without)
  assert.ok(here > 0 && here !== server.child.pid)
  writeFileSync(
    join(home, 'environments.toml'),
    `default = "box"\n[[environments]]\nid = "box"\nurl = "${server.url}"\n`,
  )
  assert.is(await parent([], without), server.child.pid)
  assert.is.not(await parent(['--env', 'local'], without), server.child.pid)
})

test.full('a connection that is lost comes back, and not a byte of output or input is lost', () =>
  withProxy(async (proxy) => {
    const script = 'for i in $(seq 40); do head -c 100000 /dev/zero | tr "\\0" x; sleep 0.02; done; echo; cat; exit 9'
    const running = begin([...runPrefix(proxy.url), 'sh', '-c', script])
    try {
      for (let written = 0; written < 8; written++) {
        await eventually(() => running.stdout().length > written * 400_000, 20_000, 'output')
        running.child.stdin.write(`line ${written}\n`)
        proxy.cut(written === 4 ? 3 : 0)
      }
      running.child.stdin.end()
      const { code, stdout, stderr } = await running.ended
      assert.is(code, 9)
      assert.is(
        stdout,
        `${'x'.repeat(4_000_000)}\n${Array.from({ length: 8 }, (_, index) => `line ${index}\n`).join('')}`,
      )
      assert.is(stderr, '')
      assert.ok(proxy.connections > 3)
    } finally {
      running.stop()
    }
  }),
)

test.full('Ctrl-C twice gives up a connection that does not come back', async () => {
  const mortal = await startServer()
  await started([...runPrefix(mortal.url), 'sh', '-c', 'echo ready; exec sleep 1000'], async ({ child, ended }) => {
    mortal.child.kill('SIGKILL')
    let hasEnded = false
    void ended.then(() => (hasEnded = true))
    await eventually(
      () => {
        // Deno's own kill works once. Those that come before the loss is noticed do not count.
        if (!hasEnded) process.kill(child.pid as number, 'SIGINT')
        return hasEnded
      },
      30_000,
      'the end',
    )
    assert.equal(await ended, { code: 130, stdout: 'ready\n', stderr: '' })
  })
})

test.full('a signal ends it although something that ignores it holds the output', () =>
  started(
    [...runPrefix(server.url), 'sh', '-c', '(trap "" INT; sleep 1000) & echo $!; wait'],
    async ({ child, ended, stdout }) => {
      child.kill('SIGINT')
      assert.is((await ended).code, 130)
      await eventually(() => !isAlive(Number(stdout())), 30_000, 'the end of what was left')
    },
  ),
)

test.full('nothing of the command is left when a signal has ended us', async () => {
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    await started(
      [...runPrefix(server.url), 'sh', '-c', 'setsid sleep 1000 & echo $! $$; wait'],
      async ({ child, ended, stdout }) => {
        child.kill(signal)
        await ended
        await eventually(
          () =>
            stdout()
              .trim()
              .split(' ')
              .every((pid) => !isAlive(Number(pid))),
          30_000,
          'the end of all',
        )
      },
    )
  }
})

// Deno waits inside its writes to stdout.
const unlessDenoInFull = isDeno ? test.skip : test.full
unlessDenoInFull('a reader of stdout who has stopped keeps us from nothing', () =>
  started([...runPrefix(server.url), 'sh', '-c', 'echo $$; exec yes'], async ({ child, ended, stdout }) => {
    child.stdout.pause()
    const remote = Number.parseInt(stdout())
    // Until everything on the way is full.
    await eventually(
      () => /^\s*State:\s+S/m.test(readFileSync(`/proc/${remote}/status`, 'utf8')),
      20_000,
      'a command that waits',
    )
    child.kill('SIGTERM')
    await eventually(() => !isAlive(remote), 30_000, 'the end of the command')
    // What it wrote is kept for the reader, until one does not want to wait for that any more.
    await eventually(() => !child.kill('SIGTERM') || child.signalCode !== null, 30_000, 'our end')
    child.stdout.resume()
    assert.is((await ended).code, 143)
  }),
)

test.full('a full disk is an error of one line, and ends the command', async () => {
  const { code, stderr } = await begin(['sh', '-c', '"$@" >/dev/full', 'sh', ...runPrefix(server.url), 'yes']).ended
  assert.is(code, 255)
  assert.match(stderr, /^exec-server: cannot write to stdout: [^\n]*[Nn]o space left[^\n]*\n$/)
})

test.full(
  'a terminal without one here has the usual size, gets what is piped, and Ctrl-D at the end of it',
  async () => {
    const script = 'stty -echo; stty size; cat; exit 6'
    const run = begin([...runPrefix(server.url, ['-t']), 'sh', '-c', script])
    // Only then is the echo off.
    await eventually(() => run.stdout().includes('24 80'))
    run.child.stdin.end('one\ntwo')
    const { code, stdout } = await run.ended
    assert.is(code, 6)
    assert.is(stdout.replaceAll('two', '').replace(/\^D\x08\x08/g, ''), '24 80\r\none\r\n')
    assert.match(stdout, /two/)
  },
)

// With EXEC_SERVER_TEST_REFERENCE, see ../support/subject.ts.
for (const subject of subjects.filter(({ isOurs }) => !isOurs)) {
  test.full(`${subject.name}: what it has no way to is done as far as it goes`, async () => {
    const codex = await subject.serve()
    try {
      const prefix = runPrefix(codex.url)
      const script = async (text: string) => begin(['bash', '--norc', '-c', text, 'bash', ...prefix]).ended
      assert.equal(await script('"$@" sh -c "echo hi; echo err >&2; exit 3" </dev/null'), {
        code: 3,
        stdout: 'hi\n',
        stderr: 'err\n',
      })
      assert.equal(await script(': | "$@" cat'), { code: 0, stdout: '', stderr: '' })
      assert.equal(await script('"$@" no-such-program </dev/null 2>/dev/null'), { code: 127, stdout: '', stderr: '' })
      assert.equal(await script('"$@" head -c 20000000 /dev/zero </dev/null | { sleep 0.5; wc -c; }'), {
        code: 0,
        stdout: '20000000\n',
        stderr: '',
      })
      if (!subject.faults.has('noStdin')) {
        assert.equal(await script(`echo one | "$@" sh -c 'read x; echo "got $x"'`), {
          code: 0,
          stdout: 'got one\n',
          stderr: '',
        })
        const { code, stdout, stderr } = await script(`echo one | "$@" sh -c 'timeout 2 cat; true'`)
        assert.equal([code, stdout], [0, 'one\n'])
        assert.match(stderr, /^exec-server: stdin has ended, which this server cannot tell the command[^\n]*\n$/)
      }
      assert.match((await call(['ps', '--url', codex.url])).stderr, /^exec-server: [^\n]*process\/list[^\n]*\n$/)
    } finally {
      await codex.stop()
    }
  })
}

// ---- what a person sees ----

function inTmuxInFull(title: string, body: () => Promise<void>): void {
  if (!isDeno) test.full(title, async () => (hasProgram('tmux') ? body() : skip('there is no tmux')))
}

inTmuxInFull('it says that a connection is lost, and that it is back', () =>
  withProxy(async (proxy) => {
    const screen = openScreen([...runPrefix(proxy.url), 'sh', '-c', 'echo ready; read x; echo "got $x"; exit 3'])
    await screen.until(/ready/)
    proxy.down()
    await screen.until(/exec-server: connection lost, reconnecting…/)
    proxy.up()
    await screen.until(/exec-server: reconnected/)
    screen.type('it\n')
    await screen.until(/got it\n\[exit code 3\]/)
    screen.end()
  }),
)

inTmuxInFull('the terminal is as before when a signal has ended us, or the connection is gone', () =>
  withProxy(async (proxy) => {
    const file = join(folder, 'pid')
    const prefix = ['sh', '-c', 'echo $$ > "$0"; exec "$@"', file, ...runPrefix(proxy.url, ['-t'])]
    const ends: [RegExp, () => void | Promise<void>, string[]][] = [
      [/\[exit code 143\]\n\[terminal as before\]/, () => void process.kill(pid(), 'SIGTERM'), ['sleep', '1000']],
      // It minds no hangup, and its terminal is gone all the same.
      [
        /\[exit code 129\]\n\[terminal as before\]/,
        () => void process.kill(pid(), 'SIGHUP'),
        ['sh', '-c', 'trap "" HUP; echo ready; sleep 1000; sleep 1000'],
      ],
      [/\[exit code 127\]\n\[terminal as before\]/, () => {}, ['no-such-program']],
    ]
    const pid = (): number => Number(readFileSync(file, 'utf8'))
    for (const [shows, end, command] of ends) {
      const screen = openScreen([
        ...prefix,
        ...(command[0] === 'sleep' ? ['sh', '-c', 'echo ready; exec "$@"', 'sh', ...command] : command),
      ])
      if (command[0] !== 'no-such-program') await screen.until(/ready/)
      await end()
      await screen.until(shows)
      screen.end()
    }
    const screen = openScreen([...prefix, 'sh', '-c', 'stty raw -echo; printf "ready\\r\\n"; exec sleep 1000'])
    await screen.until(/ready/)
    proxy.close()
    await eventually(
      async () => {
        if (/\[exit code 130\]\n\[terminal as before\]/.test(screen.text())) return true
        screen.keys('C-c')
        return false
      },
      40_000,
      'the end',
    )
    screen.end()
  }),
)

inTmuxInFull('a terminal that is stopped from outside is lent back, and taken again', async () => {
  const file = join(folder, 'pid')
  const screen = openScreen(['env', 'PS1=$ ', 'bash', '--norc', '--noprofile', '-i'], {
    RUN: runPrefix(server.url, ['-t']).join(' '),
  })
  await screen.until(/^\$/m)
  screen.type(`sh -c 'echo $$ > ${file}; exec $RUN sh -c "echo ready; cat"'\n`)
  await screen.until(/^ready/m)
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGTSTP')
  await screen.until(/Stopped/)
  screen.type('stty -a | grep -o "isig icanon"\n')
  await screen.until(/^isig icanon/m)
  screen.type('fg\n')
  await screen.until(/^fg|\$ fg/m)
  screen.type('again\n')
  await screen.until(/^again\n+again/m)
  screen.keys('C-d')
  await screen.until(/again\n+\$/)
  screen.end()
})

test.run()
