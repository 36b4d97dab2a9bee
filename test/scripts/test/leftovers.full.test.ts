/** Nothing of a test file is left, and none hangs the runner, whatever it does. */
import { existsSync, readdirSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import type { Outcome } from '../../../scripts/test/job.ts'
import { eventually, isAlive, isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { runBody } from './fixture.ts'

const test = suite('what a test file leaves')

/** What a file has started is found by /proc. */
const withProcesses = existsSync('/proc/self/environ') ? test : test.skip

/** A number that the file has printed behind a name. */
function printed({ output }: Outcome, name: string): number {
  const number = new RegExp(`${name}=(\\d+)`).exec(output)?.[1]
  if (number === undefined) throw new Error(`no ${name} in ${output}`)
  return Number(number)
}

const spawnSleep = (options: string): string =>
  `spawn('sleep', ['1000'], ${options}); console.log('sleep=' + child.pid); child.unref()`

test('a test that fails while its server and client are open ends with its name, and nothing is left running', async () => {
  const outcome = await runBody(`
    test('breaks off', async () => {
      const server = await startServer()
      console.log('server=' + server.child.pid)
      const client = await Client.connect(server.url)
      await client.start('p', ['sleep', '1000'])
      throw new Error('in the middle')
    })
    test('goes on', () => {})
    test.run()`)
  assert.match(outcome.output, 'in the middle')
  assert.equal([outcome.faults, outcome.counts], [['failed: breaks off'], [1, 1, 0, 0]])
  assert.not(isAlive(printed(outcome, 'server')))
})

/** Runs a file that never ends with ever longer time to get as far as `line`, so that a busy machine does not matter. */
async function runEndless(body: string, line: RegExp): Promise<Outcome & { timeoutMs: number }> {
  for (let timeoutMs = 1000; ; timeoutMs *= 2) {
    const outcome = await runBody(body, { timeoutMs })
    if (line.test(outcome.output) || timeoutMs > 20_000) return { ...outcome, timeoutMs }
  }
}

test('a file that blocks its event loop is killed when its time is up, with the name of its running test', async () => {
  const outcome = await runEndless(
    `import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    test('passes', () => {})
    test('turns and turns', () => {
      writeFileSync(tmpdir() + '/left', '')
      const child = ${spawnSleep("{ stdio: 'inherit', detached: true }")}
      console.log('blocked')
      for (;;);
    })
    test.run()`,
    /blocked/,
  )
  assert.equal(outcome.faults, [`killed after ${outcome.timeoutMs / 1000} s, in the test "turns and turns"`])
  assert.equal([outcome.passed, outcome.failed], [1, 1])
  if (existsSync('/proc/self/environ')) assert.not(isAlive(printed(outcome, 'sleep')))
})

test('a file that never comes to its tests is killed when its time is up', async () => {
  const outcome = await runEndless(
    `console.log('loading'); await new Promise(() => setInterval(() => {}, 1000))`,
    /loading/,
  )
  assert.equal(outcome.faults, [`killed after ${outcome.timeoutMs / 1000} s`])
  assert.is(outcome.failed, 1)
})

withProcesses(
  'a process that a file leaves is a fault that names it, and is ended, also one that holds on',
  async () => {
    const outcome = await runBody(`
    import { spawn } from 'node:child_process'
    test('starts something', () => {
      const child = ${spawnSleep("{ stdio: 'inherit', detached: true }")}
    })
    test.run()`)
    const pid = printed(outcome, 'sleep')
    assert.equal([outcome.faults, outcome.counts], [[`left running: ${pid} sleep 1000`], [1, 1, 0, 0]])
    assert.not(isAlive(pid))
  },
)

test('a process without the environment of its file does not keep the runner when it holds the output', async () => {
  const outcome = await runBody(`
    import { spawn } from 'node:child_process'
    test('starts something', () => {
      const child = ${spawnSleep("{ stdio: 'inherit', detached: true, env: { PATH: process.env.PATH } }")}
    })
    test.run()`)
  const pid = printed(outcome, 'sleep')
  process.kill(pid, 'SIGKILL')
  assert.equal(outcome.faults, ['left running: something that holds its output'])
  await eventually(() => !isAlive(pid))
})

withProcesses('a process that ends by itself soon after its file is no fault', async () => {
  const outcome = await runBody(
    `import { spawn } from 'node:child_process'
    test('starts something', () => {
      const child = spawn('sleep', ['0.3'], { stdio: 'ignore', detached: true })
      console.log('sleep=' + child.pid)
      child.unref()
    })
    test.run()`,
    { lingerMs: 30_000 },
  )
  assert.equal([outcome.faults, outcome.counts], [[], [1, 0, 0, 0]])
})

test('a timer or a socket that a file leaves is a fault that names it', async () => {
  const left: [string, string][] = [
    ['setInterval(() => {}, 1000)', 'Timeout'],
    ["await new Promise((resolve) => net.createServer().listen(0, '127.0.0.1', resolve))", 'TCPServerWrap'],
  ]
  const outcomes = await Promise.all(
    left.map(([what]) =>
      runBody(
        `import net from 'node:net'
        test('leaves it open', async () => { ${what} })
        test.run()`,
        { closingMs: 100 },
      ),
    ),
  )
  for (const [index, { faults, counts, output }] of outcomes.entries()) {
    assert.match(output, 'something keeps the process alive')
    // Deno does not tell what it is.
    assert.equal(faults, [`left open: ${isDeno ? 'unknown' : left[index]?.[1]}`])
    assert.equal(counts, [1, 1, 0, 0])
  }
})

test('what closes soon after the tests is no fault', async () => {
  const { faults } = await runBody(`
    test('leaves a timer', () => { setTimeout(() => console.log('rang'), 100) })
    test.run()`)
  assert.equal(faults, [])
})

test('a file or folder that is left in TMPDIR is a fault that names it, and is deleted', async () => {
  const outcome = await runBody(`
    import { mkdirSync, writeFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    test('writes', () => {
      mkdirSync(tmpdir() + '/a/b', { recursive: true })
      writeFileSync(tmpdir() + '/f', '')
      console.log('folder=' + tmpdir() + '=')
    })
    test.run()`)
  assert.equal([...outcome.faults].sort(), ['left behind in TMPDIR: a', 'left behind in TMPDIR: f'])
  assert.equal(outcome.counts, [1, 1, 0, 0])
  const folder = /folder=(.*?)=/.exec(outcome.output)?.[1] as string
  assert.match(folder, /\/\d+$/)
  assert.throws(() => readdirSync(folder), /ENOENT/)
})

test.run()
