/** Starting processes, and what they inherit. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import * as assert from 'uvu/assert'
import { exitCode } from '../../../src/host/process-tree/child-exits.ts'
import type { ProcessExit } from '../../../src/host/process-tree/child-exits.ts'
import { describeExit, hasPosixSpawn, startProcess, untilClosed } from '../../../src/host/process-tree/start-process.ts'
import type { NewProcess } from '../../../src/host/process-tree/start-process.ts'
import { ptyAddon } from '../../../src/host/process/pty-addon.ts'
import { isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const isLinux = process.platform === 'linux'
const onPosixSpawn = hasPosixSpawn() ? test : test.skip

const ENV = new Map([['PATH', '/usr/bin:/bin']])

const shell = (script: string, more: Partial<NewProcess> = {}): NewProcess => ({
  file: '/bin/sh',
  args: ['-c', script],
  cwd: '/',
  env: ENV,
  stdio: ['ignore', 'pipe', 'pipe'],
  detached: true,
  ...more,
})

async function textOf(stream: Readable | undefined): Promise<string> {
  let text = ''
  for await (const bytes of stream ?? []) text += String(bytes)
  return text
}

async function run(program: NewProcess): Promise<{ exit: ProcessExit; stdout: string; stderr: string }> {
  const child = startProcess(program)
  const closed = untilClosed(child)
  await child.started
  const [stdout, stderr, exit] = await Promise.all([textOf(child.stdout), textOf(child.stderr), closed])
  return { exit, stdout, stderr }
}

const outputOf = async (program: NewProcess): Promise<string> => (await run(program)).stdout.trim()

test('posix_spawn is used where the tests run on Linux and Node', () => {
  assert.is(hasPosixSpawn(), isLinux && !isDeno)
})

test('a process gets its arguments, directory and variables, and ends with its exit code', async () => {
  const cwd = realpathSync(temporaryFolder())
  const env = new Map([...ENV, ['NAME', 'v\u00e4lue = \u{1f600}']])
  const script = 'printf "%s|" "$0" "$@" "$NAME"; pwd; echo bad >&2; exit 7'
  const args = ['-c', script, 'zero', '', 'two words', '\u00fc']
  const { exit, stdout, stderr } = await run(shell('', { args, cwd, env }))
  assert.is(stdout, `zero||two words|\u00fc|v\u00e4lue = \u{1f600}|${cwd}\n`)
  assert.is(stderr, 'bad\n')
  assert.equal(exit, { code: 7, signal: 0 })
})

test('argv[0] is the path, or what is asked for', async () => {
  assert.match(await outputOf(shell('cat /proc/$$/cmdline | tr "\\0" " "')), isLinux ? /^\/bin\/sh -c/ : '')
  if (isLinux) assert.match(await outputOf(shell('cat /proc/$$/cmdline | tr "\\0" " "', { argv0: '-own' })), /^-own -c/)
})

test('a process that a signal ends has its number', async () => {
  const { exit } = await run(shell('kill -USR1 $$'))
  assert.is(exitCode(exit), process.platform === 'linux' ? 138 : 158)
  assert.is(describeExit(exit), 'signal: SIGUSR1')
  assert.is(describeExit({ code: 3, signal: 0 }), 'exit status: 3')
})

test('what cannot be started is an error with its code, and leaves nothing open', async () => {
  const descriptors = (): number => (isLinux ? readdirSync('/proc/self/fd').length : 0)
  const before = descriptors()
  for (const [program, code] of [
    [shell('', { file: '/no/such/program' }), 'ENOENT'],
    [shell('', { cwd: '/no/such/folder' }), 'ENOENT'],
    [shell('', { file: '/etc/passwd' }), 'EACCES'],
  ] as const) {
    const child = startProcess(program)
    assert.is(child.pid, undefined)
    const error: unknown = await child.started.catch((reason) => reason)
    assert.is((error as NodeJS.ErrnoException).code, code)
    child.kill()
  }
  assert.is(descriptors(), before)
})

onPosixSpawn('descriptors come in the order asked for, also those that lie in each other\u2019s way', async () => {
  const folder = temporaryFolder()
  const files = Array.from({ length: 12 }, (_, index) => {
    writeFileSync(join(folder, String(index)), `file ${index}`)
    return openSync(join(folder, String(index)), 'r')
  })
  try {
    // The lowest of them are below the number of descriptors that the child gets.
    const given = files.toReversed()
    const script = given.map((_, index) => `cat <&${index + 3}; echo`).join(';')
    const output = await outputOf(
      shell('', { file: '/bin/bash', args: ['-c', script], stdio: ['ignore', 'pipe', 'pipe', ...given] }),
    )
    assert.equal(output.split('\n'), files.map((_, index) => `file ${index}`).toReversed())
  } finally {
    for (const fd of files) closeSync(fd)
  }
})

onPosixSpawn('a process inherits no other descriptor, no ignored and no blocked signal', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'open'), '')
  const fd = openSync(join(folder, 'open'), 'r')
  try {
    const output = await outputOf(shell('ls /proc/$$/fd | tr "\\n" " "; grep -h ^Sig[IB] /proc/$$/status'))
    assert.match(output, /^0 1 2 /)
    assert.match(output, /SigBlk:\s0+\n/)
    assert.match(output, /SigIgn:\s0+$/)
    assert.not.match(output, new RegExp(` ${fd} `))
  } finally {
    closeSync(fd)
  }
})

test('pipes of a process can be opened again by name', async () => {
  if (!isLinux) return
  const { stdout, stderr } = await run(shell('echo out > /dev/stdout; echo err > /dev/stderr'))
  assert.equal([stdout, stderr], ['out\n', 'err\n'])
})

onPosixSpawn('a terminal that is opened in a new session is its controlling one', async () => {
  const { master, slave, pty } = ptyAddon().open(80, 24)
  const stdio = [{ terminal: pty }, 'pipe', 'pipe'] as const
  try {
    const { stdout } = await run(shell('tty; echo x > /dev/tty && echo has one', { stdio }))
    assert.is(stdout, `${pty}\nhas one\n`)
    const without = await run(shell('echo x > /dev/tty && echo has one', { stdio: [slave, 'pipe', 'pipe'] }))
    assert.is(without.stdout, '')
  } finally {
    closeSync(master)
    closeSync(slave)
  }
})

test('the exits of many processes at once arrive, beside those of the runtime\u2019s own', async () => {
  const own = Array.from({ length: 10 }, () => once(spawn('/bin/sh', ['-c', 'exit 3'], { stdio: 'ignore' }), 'exit'))
  const ours = Array.from({ length: 40 }, (_, index) => run(shell(`exit ${index}`)))
  assert.equal(
    (await Promise.all(ours)).map(({ exit }) => exit.code),
    Array.from({ length: 40 }, (_, index) => index),
  )
  assert.equal(
    (await Promise.all(own)).map(([code]) => code as number),
    Array.from({ length: 10 }, () => 3),
  )
})

test('the pipe to a process is closed when it exits, also if nothing was written to it', async () => {
  const child = startProcess(shell('exit', { stdio: ['pipe', 'ignore', 'ignore'] }))
  const stdin = child.stdin as Writable
  const closed = once(stdin, 'close')
  await Promise.all([child.started, untilClosed(child), closed])
  assert.ok(stdin.destroyed)
})

test('a process that was killed leaves no zombie', async () => {
  const child = startProcess(shell('exec sleep 100', { stdio: ['ignore', 'ignore', 'ignore'] }))
  const closed = untilClosed(child)
  await child.started
  child.kill()
  assert.is(describeExit(await closed), 'signal: SIGKILL')
  assert.throws(() => process.kill(child.pid as number, 0), /ESRCH/)
})

test.run()
