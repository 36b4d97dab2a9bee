import * as assert from 'uvu/assert'
import { Acknowledger } from '../../../src/client/session/acknowledger.ts'
import type { Consumed } from '../../../src/client/session/acknowledger.ts'
import { test } from '../../support/suite.ts'

/** An acknowledger with a window of 400 bytes, whose acknowledgements the test settles one by one. */
function start() {
  const sent: number[] = []
  const pending: PromiseWithResolvers<void>[] = []
  let position: Consumed | undefined = { seq: 0, bytes: 0 }
  const acknowledger = new Acknowledger({
    window: 400,
    consumed: () => position,
    send: (seq) => {
      sent.push(seq)
      const settled = Promise.withResolvers<void>()
      pending.push(settled)
      return settled.promise
    },
  })
  const read = (next: Consumed | undefined): void => {
    position = next
    acknowledger.update()
  }
  const settle = async (error?: Error): Promise<void> => {
    const { resolve, reject } = pending.shift() as PromiseWithResolvers<void>
    if (error === undefined) resolve()
    else reject(error)
    await new Promise<void>((done) => void setImmediate(done))
  }
  return { sent, read, settle }
}

test('an acknowledgement is sent after a quarter of the window', async () => {
  const { sent, read, settle } = start()
  read({ seq: 1, bytes: 99 })
  assert.equal(sent, [])
  read({ seq: 2, bytes: 100 })
  await settle()
  read({ seq: 3, bytes: 199 })
  assert.equal(sent, [2])
})

test('an acknowledgement is sent after 128 chunks, however small', () => {
  const { sent, read } = start()
  read({ seq: 127, bytes: 0 })
  assert.equal(sent, [])
  read({ seq: 128, bytes: 0 })
  assert.equal(sent, [128])
})

test('one acknowledgement is in flight at a time; the next one covers what was read meanwhile', async () => {
  const { sent, read, settle } = start()
  read({ seq: 1, bytes: 100 })
  read({ seq: 2, bytes: 200 })
  read({ seq: 3, bytes: 300 })
  assert.equal(sent, [1])
  await settle()
  assert.equal(sent, [1, 3])
})

test('nothing is acknowledged once the stream is over, or after an error', async () => {
  const over = start()
  over.read(undefined)
  assert.equal(over.sent, [])
  const failed = start()
  failed.read({ seq: 1, bytes: 100 })
  await failed.settle(new Error('refused'))
  failed.read({ seq: 2, bytes: 200 })
  assert.equal(failed.sent, [1])
})

test.run()
