/** How the runner judges a test file, and that nothing of it is left, whatever it does. */
import { existsSync, readdirSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import type { Outcome } from '../../../scripts/test/job.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { runBody } from './fixture.ts'

const test = suite('a test file')

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

test('a file whose tests pass has no faults, and skipped tests and those of the full tier are counted', async () => {
  const body = `
    test('one', () => {})
    test('two', async () => {})
    test.skip('left out', () => {})
    test('not shown', () => skip('no such device'))
    test.full('long', () => { console.log('the long one ran') })
    test.run()`
  const quick = await runBody(body)
  assert.equal([quick.faults, quick.counts], [[], [2, 0, 2, 1]])
  assert.not.match(quick.output, 'the long one ran')
  const full = await runBody(body, { env: { EXEC_SERVER_TEST_TIER: 'full' } })
  assert.equal([full.faults, full.counts], [[], [3, 0, 2, 0]])
  assert.match(full.output, 'the long one ran')
})

test('each failing test is a fault with its name, and what it failed with is in the output to the last line', async () => {
  const outcome = await runBody(`
    const named = suite('names')
    test('passes', () => {})
    test('breaks', () => { throw new Error('this is why') })
    named('breaks, too', async () => { throw 'a text' })
    process.on('exit', () => console.error('x'.repeat(1e5) + ' the last line'))
    test.run()
    named.run()`)
  assert.equal(
    [outcome.faults, outcome.counts],
    [
      ['failed: breaks', 'failed: names: breaks, too'],
      [1, 2, 0, 0],
    ],
  )
  assert.match(outcome.output, 'this is why')
  assert.match(outcome.output, 'failed with a text')
  assert.match(outcome.output, 'the last line')
})

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

test('a test that never settles is ended with its name, and those behind it run', async () => {
  const outcome = await runBody(`
    const limited = suite('limits', { limitMs: 100 })
    limited('waits for ever', async () => {
      atEnd(() => console.log('its fixtures have ended'))
      await new Promise(() => {})
    })
    limited('goes on', () => {})
    limited.run()`)
  assert.equal([outcome.faults, outcome.counts], [['failed: limits: waits for ever'], [1, 1, 0, 0]])
  assert.match(outcome.output, 'waits for ever did not settle within 0.1 s')
  assert.match(outcome.output, 'its fixtures have ended')
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
  for (const [left, name] of [
    ['setInterval(() => {}, 1000)', 'Timeout'],
    ["await new Promise((resolve) => net.createServer().listen(0, '127.0.0.1', resolve))", 'TCPServerWrap'],
  ]) {
    const { faults, counts, output } = await runBody(
      `import net from 'node:net'
      test('leaves it open', async () => { ${left} })
      test.run()`,
      { closingMs: 100 },
    )
    assert.match(output, 'something keeps the process alive')
    if (!('Deno' in globalThis)) assert.equal(faults, [`left open: ${name}`])
    assert.equal([faults.length, counts], [1, [1, 1, 0, 0]])
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

test('a before hook that fails fails the tests of its suite, and no others', async () => {
  const outcome = await runBody(`
    const broken = suite('broken')
    broken.before(async () => { throw new Error('no ground') })
    broken('one', () => console.log('one ran'))
    broken('two', () => {})
    test('another', () => {})
    broken.run()
    test.run()`)
  assert.equal(
    [outcome.faults, outcome.counts],
    [
      ['failed: broken: one', 'failed: broken: two'],
      [1, 2, 0, 0],
    ],
  )
  assert.match(outcome.output, 'no ground')
  assert.not.match(outcome.output, 'one ran')
})

test('a hook before or after each test fails the test, and one behind all tests is a failure of its own', async () => {
  const outcome = await runBody(`
    const [before, after, end] = ['before', 'after', 'end'].map((name) => suite(name))
    before.before.each(() => { throw new Error('before each') })
    after.after.each(() => { throw new Error('after each') })
    end.after(() => { throw new Error('after all') })
    for (const each of [before, after, end]) {
      each('a test', () => {})
      each.run()
    }`)
  assert.equal(outcome.faults, ['failed: before: a test', 'failed: after: a test', 'failed: end: after the tests'])
  assert.is(outcome.passed, 1)
  assert.match(outcome.output, 'after all')
})

test('a fixture that cannot be ended fails the test that opened it', async () => {
  const outcome = await runBody(`
    test('opens', () => { atEnd(() => { throw new Error('it is stuck') }) })
    test('another', () => {})
    test.run()`)
  assert.equal([outcome.faults, outcome.counts], [['failed: opens'], [1, 1, 0, 0]])
})

test('a file that ends in the middle of a test has failed with its name, whatever its exit code', async () => {
  const ends: [string, string[]][] = [
    // uvu turns the 0 into a 1.
    ['process.exit(0)', ['ended with exit code 1']],
    ['process.exit(3)', ['ended with exit code 3']],
    ["process.kill(process.pid, 'SIGKILL')", ['ended with SIGKILL']],
    ["setTimeout(() => { throw new Error('from nowhere') }); await new Promise(() => {})", ['ended with exit code 1']],
  ]
  const outcomes = await Promise.all(
    ends.map(([end]) =>
      runBody(`
        test('passes', () => {})
        test('ends', async () => { ${end} })
        test('is never reached', () => {})
        test.run()`),
    ),
  )
  assert.equal(
    outcomes.map(({ faults, counts }) => [faults, counts]),
    ends.map(([, more]) => [
      ['ended before its tests did, in the test "ends"', ...more],
      [1, 1, 0, 0],
    ]),
  )
})

test('a file whose tests pass has failed when it ends with an exit code all the same', async () => {
  const { faults, counts } = await runBody(`
    test('passes', () => { process.on('exit', () => { process.exitCode = 7 }) })
    test.run()`)
  assert.equal([faults, counts], [['ended with exit code 7'], [1, 1, 0, 0]])
})

test('a file that cannot be loaded has failed', async () => {
  const { faults, counts, output } = await runBody(`
    import './not-there.mjs'
    test('is never reached', () => {})
    test.run()`)
  assert.equal(
    [faults, counts],
    [
      ['ended before its tests did', 'ended with exit code 1'],
      [0, 1, 0, 0],
    ],
  )
  assert.match(output, 'not-there.mjs')
})

test('a file that has no tests, or does not run them all, has failed', async () => {
  const none = await runBody('test.run()')
  assert.equal([none.faults, none.counts], [['has no tests, or does not run them'], [0, 1, 0, 0]])
  const some = await runBody(`
    const other = suite('forgotten')
    test('runs', () => {})
    other('does not', () => {})
    test.run()`)
  assert.equal([some.faults, some.counts], [['failed: forgotten: run() is missing'], [1, 1, 0, 0]])
})

test.run()
