import * as assert from 'uvu/assert'
import type { SpawnSpec } from '../../../src/core/base/host.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import { SessionRegistry } from '../../../src/core/session/session.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import type { RpcError } from '../../../src/protocol/wire/errors.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

const spec = (): SpawnSpec => ({ argv: ['fake'], cwd: '/', env: new Map(), stdin: 'closed' })

function setup(changes: Partial<Limits> = {}) {
  const [host, clock] = [new FakeHost(), new ManualClock()]
  return {
    host,
    clock,
    sessions: new SessionRegistry({
      host,
      clock,
      limits: { ...defaultLimits, ...changes },
      budget: new RetainedBudget(1e9),
      observer: silentObserver(),
    }),
  }
}

function codeOf(run: () => unknown): number | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as RpcError).code
  }
}

test('a session that a connection holds is not taken from it', () => {
  const { sessions, clock } = setup()
  const session = sessions.create()
  assert.is(
    codeOf(() => sessions.resume(session.id)),
    ErrorCode.SessionAttached,
  )
  clock.advance(1_000_000)
  assert.is(
    codeOf(() => sessions.resume(session.id)),
    ErrorCode.SessionAttached,
  )
  sessions.detach(session)
  assert.is(sessions.resume(session.id), session)
  assert.is(
    codeOf(() => sessions.resume(session.id)),
    ErrorCode.SessionAttached,
  )
})

test('an id that is unknown, empty or a name of the language is refused', () => {
  const { sessions } = setup()
  for (const id of ['', 'x', '__proto__', 'constructor', 'x'.repeat(10_000)])
    assert.is(
      codeOf(() => sessions.resume(id)),
      ErrorCode.InvalidRequest,
    )
})

const open = { peer: { connection: 1, address: 'memory' }, isSandboxed: false, ready: undefined }

test('a detached session can be resumed for 80 seconds, and is gone at that very moment', async () => {
  const { sessions, clock, host } = setup()
  const session = sessions.create()
  await session.processes.start('p', spec, open)
  sessions.detach(session)
  clock.advance(79_999)
  assert.is(sessions.resume(session.id), session)
  sessions.detach(session)
  clock.advance(79_999)
  assert.is(host.child.kills, 0)
  clock.advance(1)
  assert.is(host.child.kills, 1)
  assert.is(sessions.size, 0)
  assert.is(
    codeOf(() => sessions.resume(session.id)),
    ErrorCode.InvalidRequest,
  )
})

test('a resumed session does not end when its first time would have been up', () => {
  const { sessions, clock } = setup()
  const session = sessions.create()
  sessions.detach(session)
  clock.advance(50_000)
  sessions.resume(session.id)
  clock.advance(1_000_000)
  assert.is(sessions.size, 1)
  assert.is(clock.timers, 0)
})

test('sessions do not know each other', async () => {
  const { sessions } = setup()
  const [one, other] = [sessions.create(), sessions.create()]
  assert.is.not(one.id, other.id)
  await one.processes.start('p', spec, open)
  assert.is(other.processes.findStarted('p'), undefined)
  await other.processes.start('p', spec, open)
  assert.is.not(one.processes.findStarted('p'), other.processes.findStarted('p'))
})

test('when all end at once, every process is killed and nothing is left to come', async () => {
  const { sessions, clock, host } = setup()
  const [one, other] = [sessions.create(), sessions.create()]
  await one.processes.start('p', spec, open)
  await other.processes.start('p', spec, open)
  sessions.detach(other)
  sessions.dispose()
  assert.equal(
    host.children.map(({ kills }) => kills),
    [1, 1],
  )
  assert.is(sessions.size, 0)
  assert.is(clock.timers, 0)
})

test('so many sessions may be, and one that ends makes room', () => {
  const { sessions, clock } = setup({ sessions: 2 })
  const [one] = [sessions.create(), sessions.create()]
  assert.is(
    codeOf(() => sessions.create()),
    ErrorCode.Overloaded,
  )
  // One that has lost its connection is still one, and can be resumed.
  sessions.detach(one)
  assert.is(
    codeOf(() => sessions.create()),
    ErrorCode.Overloaded,
  )
  assert.is(sessions.resume(one.id), one)
  sessions.detach(one)
  clock.advance(80_000)
  assert.is(
    codeOf(() => sessions.create()),
    undefined,
  )
  assert.is(sessions.size, 2)
})

test.run()
