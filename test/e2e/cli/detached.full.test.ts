/** Runs of `run -d`: they belong to the server, and can be looked at. */
import { createHash } from 'node:crypto'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { eventually, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { begin, call } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'

const test = suite('detached runs')
let server: RunningServer

test.before.each(async () => {
  server = await startServer(['--session-ttl-seconds', '1', '--retained-per-process', '4'])
})

const devbox = (word: string, ...args: string[]) => call([word, '--url', server.url, ...args])
const hash = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

test('a run goes on when its client has ended and its session has expired, and its output is whole', async () => {
  const script = 'seq 1 100000; echo problem >&2; read line < "$0"; seq 100001 200000; echo LAST; exit 7'
  const fifo = `/tmp/exec-server-detached-${process.pid}`
  await call(['run', '--url', server.url, '--', 'mkfifo', fifo])
  const starter = await devbox('run', '-d', '--name', 'job', '--', 'sh', '-c', script, fifo)
  assert.equal([starter.code, starter.stdout, starter.stderr], [0, 'job\n', ''])
  // Another session that comes and goes: by its time-out the first one has expired, too.
  await eventually(async () => {
    const metrics = await fetch(`${server.url.replace('ws:', 'http:')}/metrics`)
    return /^exec_server_sessions\{state="detached"\} 0$/m.test(await metrics.text())
  })
  assert.match((await devbox('ps')).stdout, /^\d+ +job +running .*\(detached\)/m)
  const following = begin(serverCommand(['logs', '--url', server.url, '-f', 'job']).flat())
  await call(['run', '--url', server.url, '--', 'sh', '-c', `echo go > ${fifo}; rm ${fifo}`])
  assert.is((await devbox('wait', 'job')).code, 7)
  const all = `${Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')}LAST\n`
  const { stdout, stderr, code } = await following.ended
  assert.equal([code, hash(stdout), stderr], [0, hash(all), 'problem\n'])
  assert.is((await devbox('logs', '--tail', '2', 'job')).stdout, '200000\nLAST\n')
  assert.is((await devbox('logs', '--since', '2100-01-01', 'job')).stdout, '')
  assert.equal((await devbox('rm', 'job')).code, 0)
  assert.match((await devbox('logs', 'job')).stderr, /there is no run job, or none any more/)
})

test('a run that there is not, or no longer, is named the same by each command, which exits 1', async () => {
  for (const command of ['attach', 'kill', 'logs', 'rm', 'wait'])
    for (const run of ['99', 'nowhere'])
      assert.equal(await devbox(command, run), {
        code: 1,
        stdout: '',
        stderr: `exec-server: there is no run ${run}, or none any more\n`,
      })
})

test('a name is taken once, and what has not ended is not removed', async () => {
  await devbox('run', '-d', '--name', 'one', '--', 'sleep', '1000')
  assert.match((await devbox('run', '-d', '--name', 'one', '--', 'true')).stderr, /there is a run one already/)
  const { code, stderr } = await devbox('rm', 'one')
  assert.equal([code, /has not ended/.test(stderr)], [1, true])
  assert.is((await devbox('kill', '--grace', '0', 'one')).code, 0)
  assert.is((await devbox('wait', 'one')).code, 137)
  assert.is((await devbox('rm', 'one')).code, 0)
})

test('arguments that cannot be followed exit 2', async () => {
  for (const args of [
    ['run', '--name', 'x', '--', 'true'],
    ['run', '-d', '--name', '1', '--', 'true'],
    ['logs'],
    ['logs', '--tail', 'x', '1'],
    ['logs', '--since', 'never', '1'],
    ['wait'],
    ['rm'],
  ]) {
    const { code, stderr } = await call(args)
    assert.equal([code, stderr.startsWith('exec-server: ')], [2, true], args.join(' '))
  }
})

/** Fills the terminal of a run with 20 MiB of redraws, and compares what attach shows with what its first client does. */
async function comparesAfterRedraws(program: readonly string[], shows: RegExp): Promise<void> {
  const first = openScreen(serverCommand(['run', '--url', server.url, '-t', '--', ...program]).flat())
  await first.until(shows)
  const bytes = async (): Promise<number> =>
    JSON.parse((await devbox('ps', '--json')).stdout)[0] === undefined
      ? 0
      : Number(
          /^exec_server_process_output_read_bytes_total (\d+)/m.exec(
            await (await fetch(`${server.url.replace('ws:', 'http:')}/metrics`)).text(),
          )?.[1],
        )
  const redraws = Array.from({ length: 400 }, () => 'C-l')
  for (let read = await bytes(); read < 20 * 1024 * 1024; read = await bytes()) first.keys(...redraws)
  // What is compared must not move.
  await devbox('kill', '-s', 'STOP', '1')
  const expected = await first.untilSteady(shows)
  const attached = openScreen(serverCommand(['attach', '--url', server.url, '1']).flat())
  assert.is(await attached.untilSteady(shows), expected)
  await devbox('kill', '-s', 'KILL', '1')
}

for (const [name, program, shows] of [
  ['vim', ['vim', '-u', 'NONE', '-N', '--cmd', 'set ruler number', '/etc/services'], /tcpmux/],
  ['htop', ['htop', '-d', '100'], /F10/],
] as const)
  test(`attach shows what ${name} shows, cell by cell, after 20 MiB of redraws`, async () => {
    if (!hasProgram('tmux')) skip('tmux is not installed')
    if (!hasProgram(name)) skip(`${name} is not installed`)
    await comparesAfterRedraws(program, shows)
  })

test.run()
