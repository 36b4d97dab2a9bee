/** How findings are printed. */
import * as assert from 'uvu/assert'
import { amiss, findingLines, findingsJson, fine } from '../../../src/cli/doctor/findings.ts'
import { test } from '../../support/suite.ts'

test('a finding is a line with its name, and its notes are aligned below', () => {
  assert.is(findingLines(fine('shell', '/bin/sh')), 'shell               /bin/sh\n')
  assert.is(
    findingLines(amiss('/proc', 'none', 'mount it')),
    '/proc               none\n                    mount it\n',
  )
})

test('as JSON they are one object, with the verdict', () => {
  const object = JSON.parse(findingsJson('1.0', false, [amiss('home', 'none', 'set HOME')]))
  const finding = { name: 'home', value: 'none', isFine: false, notes: ['set HOME'] }
  assert.equal(object, { version: '1.0', isFine: false, findings: [finding] })
})

test.run()
