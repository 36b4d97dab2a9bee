/** Which installed version of a plugin is in use. Every case was compared with the reference. */
import * as assert from 'uvu/assert'
import { activeVersion } from '../../../src/core/capabilities/plugin-version.ts'
import { test } from '../../support/suite.ts'

const HIGHEST: [string, ...string[]][] = [
  ['local', '9.0.0'],
  ['1.10.0', '1.9.0'],
  ['1.0.0', '1.0.0-alpha'],
  ['1.0.0-a.b', '1.0.0-a.1'],
  ['1.0.0-10', '1.0.0-2'],
  ['1.0.0+2', '1.0.0+1'],
  ['1.0.0+10', '1.0.0+9', '1.0.0+01', '1.0.0+1'],
  ['1.0.0+a', '1.0.0'],
  ['1.0.0-rc.1+5', '1.0.0-rc.1'],
  // What is no semantic version is compared as text.
  ['b', 'abc'],
  ['abc', '1.0.0'],
  ['1.2', '1.10'],
  ['1.0.0', '01.0.0'],
  ['Local', '1'],
]

for (const [highest, ...others] of HIGHEST) {
  test(`${highest} is used rather than ${others.join(', ')}`, () => {
    assert.is(activeVersion([highest, ...others]), highest)
    assert.is(activeVersion([...others, highest]), highest)
  })
}

test('other names are no versions', () => {
  assert.is(activeVersion(['1 0', 'a/b', '.', '..', 'é', '']), undefined)
  assert.is(activeVersion([]), undefined)
})

test.run()
