import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { matchedFiles } from '../../../src/host/sandbox/sandbox-disk.ts'
import { parseGlob } from '../../../src/sandbox/policy/glob.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('the files that globs match are found, below their directories only, down to the depth', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  for (const name of ['.env', 'a/.env', 'a/b/.env', 'a/other']) writeFileSync(join(folder, name), '')
  const found = async (pattern: string, depth?: number): Promise<string[]> =>
    (await matchedFiles([parseGlob(`${folder}/${pattern}`)], depth)).map((path) => path.slice(folder.length + 1)).sort()
  assert.equal(await found('**/.env'), ['.env', 'a/.env', 'a/b/.env'])
  assert.equal(await found('**/.env', 2), ['.env', 'a/.env'])
  assert.equal(await found('a/*'), ['a/.env', 'a/other'])
})

test('while a costly glob is matched against many files the event loop goes on', async () => {
  const folder = temporaryFolder()
  for (let index = 0; index < 300; index++) writeFileSync(join(folder, `${'a'.repeat(245)}${1000 + index}`), '')
  let [turns, isDone] = [0, false]
  const matching = matchedFiles([parseGlob(`${folder}/*${'a'.repeat(120)}b`)], undefined).finally(() => (isDone = true))
  for (; !isDone; turns++) await setImmediate()
  assert.equal(await matching, [])
  // Some 15,000 comparisons for each file, and a turn after a million.
  assert.ok(turns >= 4, `${turns} turns`)
})

test.run()
