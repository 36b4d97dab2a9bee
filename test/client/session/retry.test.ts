import * as assert from 'uvu/assert'
import { ConnectError, DisconnectedError, ProtocolError, RpcError } from '../../../src/client/base/errors.ts'
import { retry } from '../../../src/client/session/retry.ts'
import { test } from '../../support/suite.ts'

const limits = { recoveryMs: 60_000, recoveryIntervalMs: 0 }

/** Fails with each of the errors in turn, then succeeds; the number of attempts and the message of the failure. */
async function attempts(errors: Error[], signal = new AbortController().signal): Promise<[number, string | undefined]> {
  let count = 0
  const attempt = async (): Promise<void> => {
    const error = errors[count++]
    if (error !== undefined) throw error
  }
  const message = await retry(attempt, limits, signal).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return [count, message]
}

test('errors that may pass are retried', async () => {
  const errors = [
    new ConnectError('refused', { isTransient: true }),
    new DisconnectedError('cut'),
    new RpcError(-32600, 'session is already attached to another connection'),
  ]
  assert.equal(await attempts(errors), [4, undefined])
})

test('an error that will not pass ends the recovery with its own message', async () => {
  for (const error of [new ConnectError('no'), new ProtocolError('no'), new RpcError(-32600, 'no')])
    assert.equal(await attempts([error]), [1, 'no'])
})

test('the end of the time limit is reported with the last error', async () => {
  const signal = AbortSignal.abort(new Error('closed'))
  const [count, message] = await attempts([new ConnectError('refused', { isTransient: true })], signal)
  assert.equal([count, message], [1, 'closed'])
  let calls = 0
  const attempt = async (): Promise<void> => {
    calls++
    throw new ConnectError('refused', { isTransient: true })
  }
  const slow = retry(attempt, { recoveryMs: 50, recoveryIntervalMs: 60_000 }, new AbortController().signal)
  const error = await slow.catch((error: Error) => error)
  assert.is((error as Error).message, 'recovery took more than 0.05 s, at last: refused')
  assert.is(calls, 1)
})

test.run()
