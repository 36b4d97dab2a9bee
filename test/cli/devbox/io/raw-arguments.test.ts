/** Arguments that are not UTF-8. */
import * as assert from 'uvu/assert'
import { rawArguments } from '../../../../src/cli/devbox/io/raw-arguments.ts'
import { test } from '../../../support/suite.ts'

const line = Buffer.concat([Buffer.from('exec-server\0cp\0a\0'), Buffer.from([0x78, 0xff, 0]), Buffer.from('ä\0')])

test('bytes that the runtime has replaced are restored', () => {
  assert.equal(
    rawArguments(['a', 'x\uFFFD', 'ä'], () => line),
    ['a', 'x\udcff', 'ä'],
  )
})

test('arguments of another command line are left as they are, and so are those that are UTF-8', () => {
  for (const args of [
    ['b', 'x\uFFFD', 'ä'],
    ['a', 'ä'],
  ])
    assert.equal(
      rawArguments(args, () => line),
      args,
    )
  assert.equal(
    rawArguments(['\uFFFD'], () => new Uint8Array()),
    ['\uFFFD'],
  )
})

test.run()
