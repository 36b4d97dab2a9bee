import * as assert from 'uvu/assert'
import { parseState, stateBytes } from '../../../src/core/shell-snapshot/shell-state.ts'
import type { SnapshotShell } from '../../../src/core/shell-snapshot/shells.ts'
import { test } from '../../support/suite.ts'

const shell: SnapshotShell = {
  flag: '-c',
  sections: 2,
  parsesAtOnce: false,
  capture: () => '',
  restore: (sections) => [...sections],
}

const parse = (text: string, encoding: 'utf8' | 'latin1' = 'utf8') =>
  parseState(new Uint8Array(Buffer.from(text, encoding)), 'M', shell)

test('the sections and the environment are read between the markers, whatever is around them', () => {
  const state = parse('noise M \0noise\0M\0one é\ntwo\0three\0A=1\0B=x=y\n\0EMPTY=\0\0M\0 more noise')
  assert.equal(state?.code, ['one é\ntwo', 'three'])
  assert.equal(
    [...(state?.env ?? [])],
    [
      ['A', '1'],
      ['B', 'x=y\n'],
      ['EMPTY', ''],
    ],
  )
})

test('what is cut off anywhere is no state', () => {
  const whole = '\0M\0one\0two\0A=1\0\0M\0'
  assert.ok(parse(whole))
  for (let length = 0; length < whole.length; length++) assert.is(parse(whole.slice(0, length)), undefined, `${length}`)
})

test('code that is not UTF-8 is no state, and variables that are not are left out', () => {
  assert.is(parse('\0M\0one \xff\0two\0A=1\0\0M\0', 'latin1'), undefined)
  assert.equal([...(parse('\0M\0one\0two\0A=1\0B=\xff\0\0M\0', 'latin1')?.env ?? [])], [['A', '1']])
})

test('a state without any variable is none: env has failed', () => {
  assert.is(parse('\0M\0one\0two\0\0M\0'), undefined)
})

test('the size counts code, names and values', () => {
  assert.is(stateBytes({ code: ['ab', 'c'], env: new Map([['D', 'ef']]) }), 12)
})

test.run()
