/** What is run through `exec-server run` behaves as it does here: the same command lines twice, side by side. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { statFields } from '../../../src/host/proc-stat.ts'
import { eventually, isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { begin, REST, runPrefix } from './call.ts'
import type { Ended } from './call.ts'
import { endScreens, hasProgram, openScreen } from './screen.ts'
import type { Screen } from './screen.ts'

const test = suite('the table')
let server: RunningServer
let folder: string

test.before(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), 'table-'))
})
test.after(() => {
  endScreens()
  rmSync(folder, { recursive: true })
})

// ---- without a terminal ----

type Case = {
  title: string
  /** For bash; `"$@"` stands before the command that is to be run. */
  script: string
  input?: Uint8Array | (() => Uint8Array)
  /** What stands before the command here. */
  here?: readonly string[]
  /** Options of `run`. */
  options?: readonly string[]
  /** The program that is built runs on Node, so that Deno shows a few only. */
  onDeno?: true
  /** Only in the full tier: what takes long, or is much like another case. */
  isFull?: true
}

async function runScript(script: string, input: Uint8Array | undefined, prefix: readonly string[]): Promise<Ended> {
  const { child, ended } = begin(['bash', '--norc', '-c', script, 'bash', ...prefix])
  // Without any it stays open, as a terminal does.
  if (input !== undefined) child.stdin.end(input)
  return ended
}

const MB = 1_000_000
/** No two pieces of it are the same. */
function binary(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let at = 0, state = 1; at < words.length; at++) words[at] = state = Math.imul(state, 1_664_525) + 1_013_904_223
  return new Uint8Array(words.buffer).subarray(0, length)
}

const cases: Case[] = [
  { title: 'exit code 0', script: '"$@" true', onDeno: true },
  { title: 'exit code 1', script: '"$@" false', isFull: true },
  { title: 'exit code 3', script: '"$@" sh -c "exit 3"', onDeno: true },
  { title: 'exit code 126', script: '"$@" /etc/passwd 2>/dev/null' },
  { title: 'exit code 127', script: '"$@" no-such-program 2>/dev/null', onDeno: true },
  { title: 'exit code 255', script: '"$@" sh -c "exit 255"', isFull: true },
  ...[2, 6, 9, 15].map((signal) => ({
    title: `killed by signal ${signal}`,
    script: `{ "$@" sh -c 'ulimit -c 0; kill -${signal} $$'; } 2>/dev/null; echo $?`,
    ...(signal === 2 || signal === 15 ? { isFull: true as const } : {}),
  })),
  { title: 'output without a new line', script: '"$@" printf abc' },
  { title: 'no output at all', script: '"$@" true; "$@" true </dev/null' },
  {
    title: 'stderr is kept apart',
    script: `"$@" sh -c 'echo out; echo err >&2; echo out; echo err >&2'`,
    onDeno: true,
  },
  {
    title: 'a large stderr',
    script: `"$@" sh -c 'head -c 3000000 /dev/zero | tr "\\0" e >&2' 2> >(md5sum >&2) | cat; wait`,
  },
  {
    title: 'stdout and stderr in one place keep their order',
    // The command goes on when what it wrote has been read.
    script: `d=$(mktemp -d); "$@" sh -c '
      say() { echo $1 $2; until [ -e $d/$1$2 ]; do sleep 0.01; done; }; d=$0
      for i in 1 2 3 4; do say out $i; say err $i >&2; done' $d 2>&1 |
      while read -r stream number; do echo $stream $number; touch $d/$stream$number; done; rm -r $d`,
  },
  {
    title: 'binary stdin',
    script: '"$@" od -An -tx1',
    input: Uint8Array.from({ length: 256 }, (_, byte) => byte),
    onDeno: true,
  },
  { title: '5 MB of binary stdin', script: '"$@" md5sum', input: () => binary(5 * MB) },
  { title: '5 MB of binary stdout', script: '"$@" head -c 5000000 /dev/zero | md5sum' },
  { title: '3 MB both ways at once', script: '"$@" cat | md5sum', input: () => binary(3 * MB) },
  { title: '100 MB of binary stdin', script: '"$@" md5sum', input: () => binary(100 * MB), isFull: true },
  { title: '100 MB of binary stdout', script: '"$@" head -c 100000000 /dev/zero | md5sum', isFull: true },
  { title: '30 MB both ways at once', script: '"$@" cat | md5sum', input: () => binary(30 * MB), isFull: true },
  {
    title: 'text both ways at once, and its last line',
    script: '"$@" tr a-z A-Z',
    input: new TextEncoder().encode('one\ntwo\nthree'),
    onDeno: true,
  },
  { title: 'stdin from /dev/null', script: '"$@" cat </dev/null; echo $?' },
  { title: 'stdin that is closed', script: '"$@" sh -c "echo hi" <&-; echo $?' },
  { title: 'stdin from a file', script: '"$@" cat </etc/passwd', isFull: true },
  { title: 'stdin from an empty pipe', script: ': | "$@" cat; echo $?' },
  { title: 'stdin that ends later', script: '(echo one; sleep 0.2; echo two) | "$@" cat' },
  {
    title: 'stdin that is asked for line by line',
    script: `"$@" sh -c 'read a; read b; echo "$b $a"'`,
    input: new TextEncoder().encode('one\ntwo\n'),
  },
  {
    title: 'a conversation over pipes',
    script: `coproc "$@" sed -u s/a/b/; echo aa >&"\${COPROC[1]}"; read -r x <&"\${COPROC[0]}"; echo "ba? $x"; kill $COPROC_PID`,
  },
  { title: 'a command that ends without reading stdin', script: 'yes | "$@" sh -c "echo done"; echo ${PIPESTATUS[*]}' },
  {
    title: 'whoever writes is told of a command that closes its stdin',
    script: `d=$(mktemp -d); { yes; touch $d/told; } | "$@" sh -c 'exec <&-; until [ -e "$0/told" ]; do sleep 0.05; done; echo told' $d; rm -r $d`,
  },
  { title: 'a reader of stdout that goes away', script: '"$@" yes | head -1; echo ${PIPESTATUS[0]}', onDeno: true },
  {
    title: 'a reader of stderr that goes away',
    script: `{ "$@" sh -c 'yes >&2' 2>&1 >/dev/null; echo $? >&2; } | head -1`,
  },
  {
    title: 'stdout that goes nowhere',
    script: '"$@" sh -c "echo out; echo err >&2" >/dev/null; "$@" sh -c "echo out; echo err >&2" 2>/dev/null',
  },
  { title: 'a slow reader', script: '"$@" seq 300000 | { sleep 0.3; md5sum; }' },
  { title: 'a pipeline of three', script: '"$@" seq 1000 | "$@" grep 7 | "$@" tail -2', isFull: true },
  {
    title: 'a variable',
    isFull: true,
    script: `"$@" sh -c 'echo "$GREETING"'`,
    here: ['env', 'GREETING=hello wörld'],
    options: ['--env-var', 'GREETING=hello wörld'],
  },
  {
    title: 'several variables, one of them empty',
    script: `"$@" sh -c 'echo "[$A][$B]"'`,
    here: ['env', 'A=', 'B=x=y'],
    options: ['--env-var', 'A=', '--env-var', 'B=x=y'],
  },
  { title: 'a directory', script: '"$@" pwd', here: ['env', '-C', '/usr'], options: ['--cwd', '/usr'] },
  {
    title: 'arguments with spaces, quotes, new lines, umlauts, and empty ones',
    script: `"$@" printf '[%s]' 'a  b' '"' "'" '' '$HOME' '*' $'x\\ny' 'ÄÖ→😀' '-n' '--' ' '`,
    onDeno: true,
  },
  {
    title: 'a long argument',
    script: `"$@" sh -c 'echo \${#1}' sh "$(head -c 100000 /dev/zero | tr '\\0' x)"`,
    isFull: true,
  },
  { title: 'the words of options behind the command', script: '"$@" echo -t --url --help -- --cwd' },
  {
    title: 'a child in the background that holds stdout',
    script: `"$@" sh -c '(sleep 0.3; echo late) & echo hi' | cat`,
  },
  {
    title: 'a command in the background of a script',
    script: '"$@" sleep 0.1 </dev/null & wait $!; echo $?',
    isFull: true,
  },
  { title: 'a here document', script: '"$@" sh -s a b <<< "echo \\$2 \\$1; exit 4"', isFull: true },
]

for (const { title, script, input: given, here = ['env'], options = [], onDeno, isFull } of cases) {
  if (isDeno && onDeno !== true) continue
  const define = isFull === true ? test.full : test
  define(title, async () => {
    const input = typeof given === 'function' ? given() : given
    const [expected, actual] = await Promise.all([
      runScript(script, input, here),
      runScript(script, input, runPrefix(server.url, options)),
    ])
    assert.equal(actual, expected)
  })
}

// ---- signals ----

const TRAPS = `for s in INT TERM HUP QUIT USR1 USR2; do trap "echo got $s" $s; done; echo ready; ${REST}`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
  if (isDeno && signal !== 'SIGTERM') continue
  const define = signal === 'SIGQUIT' || signal === 'SIGUSR2' ? test.full : test
  define(`${signal} reaches a trap, or ends the command`, async () => {
    const outcomes = [['env'], runPrefix(server.url)].map(async (prefix) => {
      const trapping = begin([...prefix, 'bash', '--norc', '-c', TRAPS])
      const plain = begin([...prefix, 'sh', '-c', 'echo ready; exec sleep 100'])
      try {
        for (const { child, stdout } of [trapping, plain]) {
          await eventually(() => stdout().includes('ready'), 40_000, 'the start')
          child.kill(signal)
        }
        await eventually(() => trapping.stdout().includes('got'), 10_000, 'the trap')
        return { traps: trapping.stdout(), code: (await plain.ended).code }
      } finally {
        trapping.stop()
        plain.stop()
      }
    })
    const [expected, actual] = await Promise.all(outcomes)
    assert.equal(actual, expected)
  })
}

const stateOf = (pid: number): string | undefined => statFields(pid)?.[0]

if (!isDeno)
  test('SIGTSTP stops the command and us, and SIGCONT lets both go on', async () => {
    const { child, stdout, ended } = begin([
      ...runPrefix(server.url),
      'bash',
      '-c',
      'echo $$; while [ ! -e "$1" ]; do sleep 0.02; done; echo went on; exit 5',
      'bash',
      join(folder, 'go'),
    ])
    await eventually(() => stdout().includes('\n'), 20_000, 'the start')
    const remote = Number(stdout())
    const ours = child.pid as number
    child.kill('SIGTSTP')
    await eventually(() => stateOf(ours) === 'T' && stateOf(remote) === 'T', 20_000, 'both stopped')
    writeFileSync(join(folder, 'go'), '')
    child.kill('SIGCONT')
    assert.equal(await ended, { code: 5, stdout: `${remote}\nwent on\n`, stderr: '' })
  })

// ---- with a terminal ----

type TerminalCase = {
  title: string
  needs?: string
  /** Whether the shell that it is about runs here, with what makes a command one of the devbox in $RUN. */
  isShellHere?: true
  /** `place` is an empty directory of its own. */
  argv: (place: string) => readonly string[]
  isFull?: true
  /** What is done, and what is seen of it. */
  act: (screen: Screen, place: string) => Promise<unknown>
}

/** A shell that draws the same prompt everywhere. */
const bash = ['env', 'PS1=$ ', 'bash', '--norc', '--noprofile', '-i']
const over = /\[exit code (\d+)\]\n\[terminal as before\]/

const terminalCases: TerminalCase[] = [
  {
    title: 'it is a terminal, of our size and kind',
    argv: () => [
      'sh',
      '-c',
      'tty -s && echo terminal; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; stty size; echo $TERM; exit 7',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'its modes are the usual ones',
    argv: () => [
      'sh',
      '-c',
      'stty -a | grep -v "^speed" | tr " ;" "\\n\\n" | grep -E "^-?(echo|icanon|isig|icrnl|opost|onlcr|ixon)$" | sort | tr "\\n" " "',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'a program that moves the cursor by bare line feeds finds it where it should be',
    isFull: true,
    argv: () => ['sh', '-c', 's=$(stty -g); stty raw -echo; printf "a\\nb\\nc\\r\\nd\\r\\n"; stty $s'],
    act: (screen) => screen.until(over),
  },
  {
    title: 'colours and other sequences come as they are',
    argv: () => [
      'printf',
      '\\033[31mred\\033[0m \\033[1;4mbold\\033[0m\\r\\n\\033[5;10Hhere\\033[2;1H\\033[38;5;208morange\\033[m\\n',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'keys are echoed, and lines edited',
    argv: () => ['sh', '-c', 'echo ready; read line; echo "[$line]"'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('helo')
      await screen.until(/helo/)
      screen.keys('BSpace', 'l', 'o')
      await screen.until(/hello/)
      screen.keys('Enter')
      return screen.until(over)
    },
  },
  {
    title: 'UTF-8 is typed',
    argv: () => ['sh', '-c', 'echo ready; read line; printf %s "$line" | od -An -tx1'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('grüße → 😀')
      screen.keys('Enter')
      return screen.until(over)
    },
  },
  {
    title: 'a password is not shown',
    argv: () => ['bash', '-c', 'read -sp "Password: " secret; echo; echo "${#secret} characters"'],
    act: async (screen) => {
      // The shell may say so before it turns the echo off.
      await screen.untilSteady(/Password:/)
      screen.type('hunter2')
      const typed = await screen.untilSteady(/Password:/)
      screen.keys('Enter')
      return [typed, await screen.until(over)]
    },
  },
  {
    title: 'Ctrl-D ends the input',
    argv: () => ['sh', '-c', 'echo ready; cat; echo over'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.type('one')
      screen.keys('Enter')
      await screen.until(/one\none/)
      screen.keys('C-d')
      return screen.until(over)
    },
  },
  {
    title: 'Ctrl-C ends a program',
    argv: () => ['sh', '-c', 'echo ready; exec sleep 100'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.keys('C-c')
      return screen.until(over)
    },
  },
  {
    title: 'Ctrl-\\ quits a program',
    isFull: true,
    argv: () => ['sh', '-c', 'ulimit -c 0; echo ready; exec sleep 100'],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.keys('C-\\')
      // Of ours that is not said by the shell.
      return (await screen.until(over)).replace(/Quit\s*/, '').trim()
    },
  },
  {
    title: 'Ctrl-C in a shell ends what runs in the foreground, and not the shell',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('sh -c "echo up; exec sleep 100"; echo "got $?"\n')
      await screen.until(/^up/m)
      screen.keys('C-c')
      await screen.until(/\^C\n+\$/)
      screen.type('echo still here\n')
      await screen.until(/\nstill here\n\$/)
      screen.type('exit 4\n')
      return screen.until(over)
    },
  },
  {
    title: 'a shell that leaves something in the background ends all the same',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('sleep 30 & \n')
      await screen.until(/\[1\] \d+\n+\$/)
      screen.type('exit 8\n')
      return (await screen.until(over)).replace(/\[1\] \d+/, '')
    },
  },
  {
    title: 'Ctrl-Z and fg in a shell',
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('sh -c "echo up; read x; echo x is \\$x"\n')
      await screen.until(/^up/m)
      screen.keys('C-z')
      const stopped = await screen.until(/Stopped[^\n]*\n\$/)
      screen.type('jobs\n')
      await screen.until(/Stopped[^]*Stopped[^\n]*\n\$/)
      screen.type('fg\n')
      await screen.until(/fg\nsh -c/)
      screen.type('five\n')
      await screen.until(/x is five\n\$/)
      screen.type('exit\n')
      return [stopped, await screen.until(over)]
    },
  },
  {
    title: 'a resize is told to the program',
    argv: () => [
      'bash',
      '-c',
      'trap "stty size" WINCH; echo ready; until [ -e "$0/done" ]; do sleep 0.05; done',
      '/nowhere',
    ],
    act: async (screen) => {
      await screen.until(/ready/)
      screen.resize(100, 30)
      await screen.until(/\n30 100/)
      screen.resize(60, 20)
      await screen.until(/\n20 60/)
      screen.keys('C-c')
      return (await screen.until(over)).trim()
    },
  },
  {
    title: 'vim edits a file',
    needs: 'vim',
    argv: (place) => ['vim', '-u', 'NONE', '-i', 'NONE', '-n', '--cmd', 'set nomore shortmess+=I', join(place, 'text')],
    act: async (screen, place) => {
      await screen.until(/~\n[^]*~\n/)
      screen.type('ione\ntwo ü\nthree')
      screen.keys('Escape')
      await screen.untilSteady(/three/)
      screen.type('kddggPyyp')
      const seen = shown(await screen.untilSteady(/two[^]*two[^]*one[^]*three/), place)
      screen.type(':wq')
      screen.keys('Enter')
      await screen.until(over)
      return [seen, readFileSync(join(place, 'text'), 'utf8')]
    },
  },
  {
    title: 'vim follows a resize',
    isFull: true,
    needs: 'vim',
    argv: (place) => ['vim', '-u', 'NONE', '-i', 'NONE', '-n', '--cmd', 'set nomore shortmess+=I', join(place, 'text')],
    act: async (screen, place) => {
      await screen.untilSteady(/~\n[^]*~\n/)
      screen.resize(70, 12)
      await screen.until(/^([^\n]*\n){10}[^\n]*~[^\n]*\n[^\n~]*\n$/)
      screen.type(':set lines? columns?')
      screen.keys('Enter')
      const seen = shown(await screen.untilSteady(/lines=12[^]*columns=70/), place)
      screen.keys('Enter')
      screen.type(':q!')
      screen.keys('Enter')
      await screen.until(over)
      return seen
    },
  },
  {
    title: 'less pages, searches, and leaves the screen as it was',
    needs: 'less',
    argv: () => ['sh', '-c', 'seq 500 | less'],
    act: async (screen) => {
      const first = await screen.untilSteady(/\n23\n:/)
      screen.keys('Space')
      const second = await screen.untilSteady(/\n46\n:/)
      screen.type('/300')
      screen.keys('Enter')
      const found = await screen.untilSteady(/322/)
      screen.keys('G')
      const last = await screen.untilSteady(/500\n/)
      screen.keys('q')
      return [first, second, found, last, await screen.until(over)]
    },
  },
  {
    title: 'a screen that is drawn again and again',
    isFull: true,
    argv: () => [
      'sh',
      '-c',
      'i=0; while [ $i -lt 60 ]; do printf "\\033[H\\033[Jframe %s\\n" $i; seq -s " " $i $((i + 100)); i=$((i + 1)); done',
    ],
    act: (screen) => screen.until(over),
  },
  {
    title: 'a paste of 64 KB',
    argv: (place) => ['sh', '-c', 'echo ready; head -n 1000 > "$1"; echo received', 'sh', join(place, 'pasted')],
    act: async (screen, place) => {
      await screen.until(/ready/)
      screen.paste(Array.from({ length: 1000 }, (_, line) => `${line} ${'x'.repeat(60)}\n`).join(''))
      await screen.until(over)
      return readFileSync(join(place, 'pasted'), 'utf8')
    },
  },
  {
    title: 'Ctrl-Z and fg in a shell here, of a command without a terminal of its own',
    isShellHere: true,
    argv: () => bash,
    act: async (screen) => {
      await screen.until(/^\$/m)
      screen.type('$RUN sh -c "echo up; exec sed -u s/^/got:/"\n')
      await screen.until(/^up/m)
      screen.type('one\n')
      await screen.until(/got:one/)
      screen.keys('C-z')
      await screen.until(/Stopped[^\n]*\n\$/)
      screen.type('echo meanwhile\n')
      await screen.until(/\nmeanwhile\n\$/)
      screen.type('fg\n')
      await screen.until(/fg\n\$RUN/)
      screen.type('two\n')
      await screen.until(/got:two/)
      screen.keys('C-d')
      await screen.until(/got:two\n\$/)
      screen.type('for i in 1 2; do $RUN sh -c "echo up; exec sleep 100"; done\n')
      await screen.until(/done\nup/)
      screen.keys('C-c')
      await screen.until(/\^C\n+\$/)
      screen.type('exit 9\n')
      return screen.until(over)
    },
  },
]

/** The two of a pair work in directories of their own. */
const shown = (text: string, place: string): string => text.replaceAll(place, 'PLACE')

async function play(
  { title, argv, act, isShellHere }: TerminalCase,
  prefix: readonly string[],
  name: string,
): Promise<unknown> {
  const place = join(folder, `${terminalCases.findIndex((each) => each.title === title)}-${name}`)
  mkdirSync(place)
  const screen =
    isShellHere === true ? openScreen(argv(place), { RUN: prefix.join(' ') }) : openScreen([...prefix, ...argv(place)])
  try {
    return await act(screen, place)
  } finally {
    screen.end()
  }
}

if (!isDeno)
  for (const each of terminalCases) {
    const define = each.isFull === true ? test.full : test
    define(`in a terminal: ${each.title}`, async () => {
      const missing = ['tmux', each.needs ?? 'tmux'].find((name) => !hasProgram(name))
      if (missing !== undefined) skip(`there is no ${missing}`)
      const [expected, actual] = await Promise.all([
        play(each, ['env'], 'here'),
        play(each, runPrefix(server.url, each.isShellHere === true ? [] : ['-t']), 'run'),
      ])
      assert.equal(actual, expected)
    })
  }

test.run()
