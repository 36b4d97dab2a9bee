/** How the runner judges a test file. */
import * as assert from 'uvu/assert'
import { suite } from '../../support/suite.ts'
import { runBody } from './fixture.ts'

const test = suite('a test file')

test('a file whose tests pass has no faults, and skipped tests and those of the full tier are counted', async () => {
  const body = `
    test('one', () => {})
    test('two', async () => {})
    test.skip('left out', () => {})
    test('not shown', () => skip('no such device'))
    test.full('long', () => { console.log('the long one ran') })
    test.run()`
  const [quick, full] = await Promise.all([runBody(body), runBody(body, { env: { EXEC_SERVER_TEST_TIER: 'full' } })])
  assert.equal([quick.faults, quick.counts], [[], [2, 0, 2, 1]])
  assert.not.match(quick.output, 'the long one ran')
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
  const [none, some] = await Promise.all([
    runBody('test.run()'),
    runBody(`
      const other = suite('forgotten')
      test('runs', () => {})
      other('does not', () => {})
      test.run()`),
  ])
  assert.equal([none.faults, none.counts], [['has no tests, or does not run them'], [0, 1, 0, 0]])
  assert.equal([some.faults, some.counts], [['failed: forgotten: run() is missing'], [1, 1, 0, 0]])
})

test.run()
