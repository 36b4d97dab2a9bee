/** The runner as it is called: which files it runs, what it says of them, and with which code it exits. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parseOptions } from '../../../scripts/test/options.ts'
import { endWithTest } from '../../support/child.ts'
import { eventually, isAlive, isDeno, root } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder, testFile, writeFiles } from './fixture.ts'

const test = suite('the runner')

/** A checkout that has the runner, these test files below test/, and nothing else. */
function checkout(files: Record<string, string>): string {
  const folder = temporaryFolder()
  cpSync(join(root, 'scripts', 'test'), join(folder, 'scripts', 'test'), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(realpathSync(join(root, 'node_modules', 'uvu')), join(folder, 'node_modules', 'uvu'))
  writeFiles(folder, {
    'package.json': '{ "type": "module" }',
    ...Object.fromEntries(Object.entries(files).map(([file, body]) => [`test/${file}`, testFile(body)])),
  })
  symlinkSync(join(root, 'test', 'support'), join(folder, 'test', 'support'))
  return folder
}

function start(folder: string, args: readonly string[]) {
  const runner = join(folder, 'scripts', 'test', 'run.ts')
  const runtime = isDeno ? ['run', '-A', '--no-check'] : ['--disable-warning=ExperimentalWarning']
  const child = endWithTest(
    spawn(process.execPath, [...runtime, runner, '--source', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<[number | null, string]>((resolve) =>
    child.once('close', (code: number | null) => resolve([code, output])),
  )
  return { child, exited }
}

const run = (folder: string, ...args: string[]): Promise<[number | null, string]> => start(folder, args).exited

test('it runs what matches, names what has failed, counts, and exits with 1 if something has', async () => {
  const folder = checkout({
    'good.test.ts': `
      test('passes', () => {})
      test.full('is long', () => {})
      test.skip('is not for here')
      test.run()`,
    'bad.test.ts': `
      test('breaks', () => { throw new Error('this is why') })
      test.run()`,
    'long.full.test.ts': `
      test('is long, too', () => {})
      test.run()`,
    'codex/other.test.ts': `throw new Error('it has a runner of its own')`,
  })
  const [[quick, all], [code, good], [full, listed]] = await Promise.all([
    run(folder),
    run(folder, 'good'),
    run(folder, '--full', '--list'),
  ])
  assert.is(quick, 1)
  assert.match(all, 'this is why')
  assert.match(all, /^failed:\n {2}test\/bad\.test\.ts\n {4}failed: breaks\n/m)
  assert.match(all, '1 tests of these files are in the full tier')
  assert.match(all, /^1 passed, 1 failed, 1 skipped$/m)
  assert.is(code, 0)
  assert.match(good, /^1 passed, 0 failed, 1 skipped$/m)
  assert.not.match(good, 'bad.test.ts')
  assert.is(full, 0)
  assert.equal(listed.trim().split('\n').sort(), ['test/bad.test.ts', 'test/good.test.ts', 'test/long.full.test.ts'])
})

test('it exits with 2 where there is nothing to run or the arguments are wrong', async () => {
  const folder = checkout({ 'good.test.ts': `test.run()` })
  const outcomes = await Promise.all(
    [['nothing-like-it'], ['--jobs', '0'], ['--unknown'], ['(']].map((args) => run(folder, ...args)),
  )
  assert.equal(
    outcomes.map(([code]) => code),
    [2, 2, 2, 2],
  )
  assert.match(outcomes[0]?.[1] as string, 'no test file matches /nothing-like-it/')
  assert.match(outcomes[1]?.[1] as string, '--jobs takes a whole number from 1 on, not 0')
})

test('one that is interrupted ends what its files have started, begins no other file, and leaves no folder', async () => {
  const folder = checkout({
    'a.test.ts': `
      import { spawn } from 'node:child_process'
      import { writeFileSync } from 'node:fs'
      test('waits', async () => {
        const child = spawn('sleep', ['1000'])
        writeFileSync('${'FOLDER'}/started', JSON.stringify([process.pid, child.pid, process.env.TMPDIR]))
        await new Promise(() => {})
      })
      test.run()`,
    'b.test.ts': `
      import { writeFileSync } from 'node:fs'
      writeFileSync('${'FOLDER'}/second', '')
      test('is never reached', () => {})
      test.run()`,
  })
  for (const name of ['a', 'b']) {
    const file = join(folder, 'test', `${name}.test.ts`)
    writeFiles(folder, { [`test/${name}.test.ts`]: readFileSync(file, 'utf8').replaceAll('FOLDER', folder) })
  }
  const { child, exited } = start(folder, ['--jobs', '1'])
  const started = join(folder, 'started')
  await eventually(() => existsSync(started) && readFileSync(started, 'utf8').endsWith(']'), 30_000, 'the first file')
  const [file, sleep, temporary] = JSON.parse(readFileSync(started, 'utf8')) as [number, number, string]
  child.kill('SIGTERM')
  assert.is((await exited)[0], 130)
  await eventually(() => !isAlive(file) && !isAlive(sleep))
  assert.not(existsSync(join(folder, 'second')))
  assert.not(existsSync(join(temporary, '..')))
})

test('options: what they are without arguments, and what they may be', () => {
  assert.equal(parseOptions([]), {
    patterns: [],
    isFull: false,
    jobs: availableParallelism(),
    timeoutMs: 120_000,
    isVerbose: false,
    fromSource: false,
    isList: false,
  })
  const options = parseOptions(['--full', '--jobs', '3', '--verbose', '--source', '--list', 'core/', 'x$'])
  assert.equal(options, {
    patterns: [/core\//, /x$/],
    isFull: true,
    jobs: 3,
    timeoutMs: 300_000,
    isVerbose: true,
    fromSource: true,
    isList: true,
  })
  assert.is(parseOptions(['--timeout', '7'])?.timeoutMs, 7000)
  assert.is(parseOptions(['--help']), undefined)
  for (const wrong of [['--jobs', '1.5'], ['--timeout', 'x'], ['--timeout', '-1'], ['--list=1']])
    assert.throws(() => parseOptions(wrong))
})

test.run()
