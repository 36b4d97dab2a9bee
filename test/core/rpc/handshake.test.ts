import * as assert from 'uvu/assert'
import { EXTENSIONS } from '../../../src/protocol/schemas/session.ts'
import { initializeResult } from '../../../src/core/rpc/handshake.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { test } from '../../support/suite.ts'

/** The extensions that are not offered. */
function missing(configure: (host: FakeHost) => void): string[] {
  const host = new FakeHost()
  configure(host)
  const { extensions } = initializeResult('s', host.environmentInfo(), host)
  return EXTENSIONS.filter((name) => !extensions.includes(name))
}

test('an extension that the configuration does not allow is not offered', () => {
  assert.equal(
    missing(() => {}),
    [],
  )
  assert.equal(
    missing((host) => (host.requiresSandbox = true)),
    ['processList', 'detached', 'copyAgent', 'ports'],
  )
  assert.equal(
    missing((host) => (host.starts = { direct: true, prepared: false })),
    ['prepared'],
  )
  assert.equal(
    missing((host) => (host.starts = { direct: false, prepared: true })),
    ['copyAgent'],
  )
  assert.equal(
    missing((host) => (host.net = { ...host.net, isOffered: false })),
    ['netConnect', 'netListen'],
  )
  assert.equal(
    missing((host) => (host.net = { ...host.net, ports: undefined })),
    ['ports'],
  )
})

test.run()
