import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { SpawnSpec } from '../../../src/core/base/host.ts'
import { parseState, withState } from '../../../src/core/shell-snapshot/shell-state.ts'
import type { ShellState } from '../../../src/core/shell-snapshot/shell-state.ts'
import { SNAPSHOT_SHELLS } from '../../../src/core/shell-snapshot/shells.ts'
import type { SnapshotShell } from '../../../src/core/shell-snapshot/shells.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('shells')

type Result = { out: string; err: string; code: number | null }

function run({ argv, cwd, env }: SpawnSpec): Result & { bytes: Uint8Array } {
  const { stdout, stderr, status } = spawnSync(argv[0] as string, argv.slice(1), { cwd, env: Object.fromEntries(env) })
  return { bytes: new Uint8Array(stdout), out: stdout.toString(), err: stderr.toString(), code: status }
}

/** A home directory with startup files, and a shell that may be missing on this machine. */
function homeOf(name: string, path: string, files: Record<string, string>) {
  if (!existsSync(path)) skip(`there is no ${path}`)
  const home = temporaryFolder()
  for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text)
  const shell = SNAPSHOT_SHELLS.get(name) as SnapshotShell
  const env = new Map(Object.entries({ HOME: home, PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' }))
  const spec = (command: string): SpawnSpec => ({
    argv: [path, '-lc', command, 'zero', 'one'],
    cwd: home,
    env,
    stdin: 'closed',
  })
  const capture = (): ShellState | undefined => {
    const { bytes } = run({ ...spec(''), argv: [path, '-lc', shell.capture('MARKER')] })
    return parseState(bytes, 'MARKER', shell)
  }
  const restored = (command: string, state = capture()): Result => {
    assert.ok(state)
    return run(withState({ ...spec(command), env: new Map(state.env) }, state, shell))
  }
  return { home, capture, restored, login: (command: string): Result => run(spec(command)) }
}

const same = (actual: Result, out: string, code = 0): void =>
  assert.equal({ out: actual.out, err: actual.err, code: actual.code }, { out, err: '', code })

test('bash has functions, aliases, options, umask, limits and variables of its startup files, which do not run again', () => {
  const { home, capture, restored } = homeOf('bash', '/bin/bash', {
    '.bash_profile': `echo run >> $HOME/runs; echo noise; echo noise >&2
export SET="a  b" ; PLAIN=1
f() { cat <<X
$1 "quoted" é 😀
X
}
exported() { echo "exported $1"; }
export -f exported
shopt -s extglob expand_aliases
h() { [[ $1 == @(a|b) ]] && echo extglob; }
alias greet='echo "it'\\''s"'
set -o noclobber
umask 027
ulimit -S -n 200`,
    '.bashrc': 'export FROM_RC=1',
  })
  const state = capture()
  const command = `echo "$SET|$FROM_RC|\${PLAIN-}|$0|$1"
f 1; h a; bash -c 'exported 2'
greet
umask; ulimit -S -n
echo 1 > "$HOME/runs" || echo noclobber
env | grep -c EXEC_SERVER; exit 7`
  const { out, err, code } = restored(command, state)
  assert.is(out, 'a  b|1||zero|one\n1 "quoted" é 😀\nextglob\nexported 2\nit\'s\n0027\n200\nnoclobber\n0\n')
  assert.match(err, /^zero: line 6: .*runs: cannot overwrite existing file\n$/)
  assert.is(code, 7)
  same(restored('wc -l < "$HOME/runs"', state), '1\n')
  assert.ok(existsSync(home))
})

test.full('what startup files redefine or switch on does not spoil the capture', () => {
  for (const profile of [
    'printf() { echo shadow; }; declare() { :; }; env() { :; }; shopt -s expand_aliases; alias set=false exit=true',
    'set -euo pipefail; set -o noclobber -o noglob',
    'set -o posix; set -a; set -v',
    'PATH=/nowhere',
    "trap 'echo bye' EXIT",
    'sleep 30 < /dev/null > /dev/null 2>&1 & kill $!',
  ]) {
    const { restored } = homeOf('bash', '/bin/bash', { '.bash_profile': `${profile}\nexport SET=1` })
    const { out } = restored('builtin echo "$SET"')
    assert.match(out, /^1\n/, profile)
  }
})

test.full('a startup file that ends the shell, or whose functions are not UTF-8, leaves nothing to restore', () => {
  for (const profile of ['exit 0', 'exec true', "f() { echo '\xff'; }"]) {
    const { home, capture } = homeOf('bash', '/bin/bash', {})
    writeFileSync(join(home, '.bash_profile'), profile, 'latin1')
    assert.is(capture(), undefined, profile)
  }
})

test.full('errexit and nounset of the startup files hold for the command', () => {
  const { restored } = homeOf('bash', '/bin/bash', { '.bash_profile': 'set -eu' })
  same(restored('echo before; false; echo after'), 'before\n', 1)
})

test('zsh has functions, aliases, options and its path of functions', () => {
  const { restored } = homeOf('zsh', existsSync('/bin/zsh') ? '/bin/zsh' : '/usr/bin/zsh', {
    '.zprofile': `echo noise; export SET="x'y"; fpath=("$HOME/my functions" $fpath); umask 077`,
    '.zshrc': `export FROM_RC=1; f() { echo "function $1 é" }; alias greet='echo "alias"'; setopt extendedglob nonomatch
autoload -Uz later`,
  })
  same(
    restored(`echo "$SET $FROM_RC $0 $1"; f 1
greet; umask; echo nope*
echo \${fpath[1]:t}; whence -w later; env | grep -c EXEC_SERVER; exit 7`),
    "x'y 1 zero one\nfunction 1 é\nalias\n077\nnope*\nmy functions\nlater: function\n0\n",
    7,
  )
})

test('sh has aliases, options, umask and variables', () => {
  const { restored } = homeOf('sh', '/bin/sh', {
    '.profile': `echo noise; export SET="q'r"; alias greet='echo "it'"'"'s"'; set -o noglob; umask 077`,
  })
  same(
    restored(`echo "$SET $0 $1"; greet
greet; umask; echo *; env | grep -c EXEC_SERVER; exit 7`),
    "q'r zero one\nit's\nit's\n0077\n*\n0\n",
    7,
  )
})

test.full('a state that cannot be restored is said, and the command runs', () => {
  const { capture, restored } = homeOf('bash', '/bin/bash', {})
  const state = { ...(capture() as ShellState), code: ['f() {'] }
  const { out, err } = restored('echo runs', state)
  assert.is(out, 'runs\n')
  assert.is(err, 'exec-server: the state of the login shell could not be restored\n')
})

test.full('a large state is passed in pieces', () => {
  const text = Array.from({ length: 400 }, (_, at) => `f${at}() { echo "${'é😀'.repeat(40)} ${at}"; }`).join('\n')
  const { restored } = homeOf('bash', '/bin/bash', { '.bash_profile': text })
  same(restored('f0; f399'), `${'é😀'.repeat(40)} 0\n${'é😀'.repeat(40)} 399\n`)
})

test.run()
