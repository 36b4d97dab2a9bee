import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { tar } from '../../../scripts/release/tar.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const TIME = 1_700_000_000
const file = (path: string, text: string, isExecutable = false) => ({ path, bytes: Buffer.from(text), isExecutable })

test('tar unpacks content, modes, times and long paths', () => {
  const folder = temporaryFolder()
  const long = `${'a'.repeat(90)}/${'b'.repeat(90)}/c`
  const files = [file('x/run', 'run', true), file('x/text', 'y'.repeat(512)), file(long, 'deep'), file('x/empty', '')]
  writeFileSync(join(folder, 'a.tar'), tar(files, TIME))
  execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder })
  for (const { path, bytes } of files) assert.equal(readFileSync(join(folder, path)), bytes, path.slice(0, 9))
  assert.is(statSync(join(folder, 'x/run')).mode & 0o777, 0o755)
  assert.is(statSync(join(folder, 'x/text')).mode & 0o777, 0o644)
  assert.is(statSync(join(folder, 'x/text')).mtimeMs, TIME * 1000)
})

test('an archive lists folders before their files, all of root', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'a.tar'), tar([file('x/y/z', ''), file('x/a', '')], TIME))
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', join(folder, 'a.tar')], { encoding: 'utf8' })
  const lines = listed.trim().split('\n')
  assert.equal(
    lines.map((line) => line.split(/\s+/).at(-1)),
    ['x/', 'x/a', 'x/y/', 'x/y/z'],
  )
  for (const line of lines) assert.match(line, / 0\/0 /)
})

test('the order of the files makes no difference', () => {
  const [a, b] = [file('a', '1'), file('b', '2')]
  assert.ok(tar([a, b], TIME).equals(tar([b, a], TIME)))
})

test('a name that the format cannot hold is an error', () => {
  assert.throws(() => tar([file('n'.repeat(101), '')], TIME), /too long for an archive/)
})

test.run()
