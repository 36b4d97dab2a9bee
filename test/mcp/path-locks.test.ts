import * as assert from 'uvu/assert'
import { PathLocks } from '../../src/mcp/path-locks.ts'
import { suite } from '../support/suite.ts'

const test = suite('path locks')
const never = new AbortController().signal

/** A change that goes on until it is ended. */
function createChange(name: string, log: string[]): { change: () => Promise<void>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const change = async (): Promise<void> => {
    log.push(`${name} begins`)
    await promise
    log.push(`${name} ends`)
  }
  return { change, end: resolve }
}

test('changes of one path follow each other, and others do not wait for them', async () => {
  const [locks, log] = [new PathLocks(), [] as string[]]
  const [first, second, other] = ['first', 'second', 'other'].map((name) => createChange(name, log)) as [
    ReturnType<typeof createChange>,
    ReturnType<typeof createChange>,
    ReturnType<typeof createChange>,
  ]
  const all = [locks.run(['/a', '/b'], never, first.change), locks.run(['/b', '/c'], never, second.change)]
  other.end()
  await locks.run(['/d'], never, other.change)
  first.end()
  second.end()
  await Promise.all(all)
  assert.equal(log, ['first begins', 'other begins', 'other ends', 'first ends', 'second begins', 'second ends'])
})

test('one that fails, or is cancelled while it waits, lets the next one follow those before it', async () => {
  const [locks, log] = [new PathLocks(), [] as string[]]
  await locks.run(['/a'], never, () => Promise.reject(new Error('failed'))).catch(() => log.push('failed'))
  const first = createChange('first', log)
  const going = locks.run(['/a'], never, first.change)
  const cancel = new AbortController()
  const waiting = locks
    .run(['/a'], cancel.signal, async () => void log.push('never'))
    .catch(() => log.push('cancelled'))
  const last = locks.run(['/a'], never, async () => void log.push('last'))
  cancel.abort()
  await waiting
  first.end()
  await Promise.all([going, last])
  assert.equal(log.slice(-2), ['first ends', 'last'])
  assert.equal([log.includes('cancelled'), log.includes('never')], [true, false])
})

test.run()
