/** What is run through `exec-server run` behaves as it does here: the same command lines twice, side by side. Without a terminal. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { eventually, isDeno, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { begin, REST, runPrefix } from './call.ts'
import type { Ended } from './call.ts'

const test = suite('the table')
let server: RunningServer
let folder: string

test.before(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), 'table-'))
})
test.after(() => rmSync(folder, { recursive: true }))

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
    title: 'the writer gets EPIPE when the command closes its stdin',
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

test.run()
