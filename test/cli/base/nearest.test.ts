import * as assert from 'uvu/assert'
import { editDistance, nearest } from '../../../src/cli/base/nearest.ts'
import { test } from '../../support/suite.ts'

const NAMES = ['run', 'ps', 'attach', 'kill', 'cp', 'http', 'completions', 'version']

test('a distance counts insertions, deletions, replacements and swaps', () => {
  const rows: [string, string, number][] = [
    ['', '', 0],
    ['run', 'run', 0],
    ['rn', 'run', 1],
    ['runn', 'run', 1],
    ['ran', 'run', 1],
    ['rnu', 'run', 1],
    ['', 'run', 3],
    ['kitten', 'sitting', 3],
  ]
  for (const [from, to, edits] of rows) assert.is(editDistance(from, to), edits, `${from} ${to}`)
})

test('the nearest name is found by few edits, or by its beginning', () => {
  const rows: [string, string | undefined][] = [
    ['rnu', 'run'],
    ['atach', 'attach'],
    ['compl', 'completions'],
    ['htpp', 'http'],
    ['vresion', 'version'],
    ['frobnicate', undefined],
    ['stop', undefined],
    ['htp', 'http'],
    ['x', undefined],
    ['', undefined],
  ]
  for (const [text, name] of rows) assert.is(nearest(text, NAMES), name, text)
})

test('the dashes of an option do not count', () => {
  assert.is(nearest('--rm', ['--url', '--env']), undefined)
  assert.is(nearest('--ulr', ['--url', '--env']), '--url')
})

test.run()
