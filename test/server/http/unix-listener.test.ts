/** Who may connect to a unix socket. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { mayConnect } from '../../../src/server/http/unix-listener.ts'
import { test } from '../../support/suite.ts'

const runsOnLinux = process.platform === 'linux' ? test : test.skip

runsOnLinux('a peer whose user cannot be told is rejected', () => {
  for (const socket of [{}, { _handle: {} }, { _handle: { fd: -1 } }, { _handle: { fd: 1_000_000 } }])
    assert.is(mayConnect(socket), false, JSON.stringify(socket))
})

test.run()
