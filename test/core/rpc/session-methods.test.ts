import * as assert from 'uvu/assert'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

test('the environment is sent again on request, and the status is ready', async () => {
  const { server, host } = fakeServer()
  const client = await MemoryClient.ready(server)
  for (const params of [undefined, null, {}, { more: 1 }]) {
    assert.equal((await client.ask('environment/info', params)).result, host.environmentInfo())
    assert.equal((await client.ask('environment/status', params)).result, { status: 'ready' })
  }
})

test.run()
