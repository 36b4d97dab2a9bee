import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { defaultHostLimits } from '../../../src/host/limits.ts'
import type { SandboxedCommand } from '../../../src/host/process/sandboxed-command.ts'
import { helperPool } from '../../../src/host/sandbox/helper-pool.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

/** A helper that answers every line with its pid and the line, until it is told to die. */
const ECHO = 'while read -r line; do [ "$line" = die ] && { echo "last words" >&2; exit 7; }; echo "$$ $line"; done'

const caller = { isGone: false }
const start = (): SandboxedCommand => ({ file: '/bin/sh', args: ['-c', ECHO], descriptors: [], close: () => {} })
const pool = (limits: object = {}) => helperPool({ ...defaultLimits, ...defaultHostLimits, ...limits })
const ask = (from: ReturnType<typeof pool>, key: string | undefined, line: string) =>
  from.withHelper(
    caller,
    () => key,
    start,
    (helper) => helper.ask(line),
  )
/** Ends an idle helper of the caller, or none. */
const endHelper = (from: ReturnType<typeof pool>, key: string): Promise<unknown> =>
  ask(from, key, 'die').catch(() => undefined)
const pidOf = (answer: string): number => Number(answer.split(' ')[0])

test('calls of one sandbox share a helper, those of others do not, and an idle one ends', async () => {
  const helpers = pool({ helperIdleMs: 200 })
  const first = await ask(helpers, 'a', 'one')
  assert.match(first, / one$/)
  assert.is(pidOf(await ask(helpers, 'a', 'two')), pidOf(first))
  assert.is.not(pidOf(await ask(helpers, 'b', 'three')), pidOf(first))
  await eventually(() => !isAlive(pidOf(first)))
})

test('a sandbox is planned in its turn: the plans of many calls do not come all at once', async () => {
  const helpers = pool({ helperCount: 4, helpersPerCaller: 3, helperIdleMs: 200 })
  let [planned, open] = [0, 0]
  const go = Promise.withResolvers<void>()
  const getKey = async (): Promise<string> => {
    planned++
    await go.promise
    return 'a'
  }
  const calls = Array.from({ length: 10 }, () =>
    helpers.withHelper(caller, getKey, start, async (helper) => {
      open++
      return helper.ask('x')
    }),
  )
  await eventually(() => planned === 3)
  assert.is(open, 0)
  // Another client is not behind them.
  await helpers.withHelper(
    { isGone: false },
    () => 'b',
    start,
    (helper) => helper.ask('y'),
  )
  assert.is(planned, 3)
  go.resolve()
  await Promise.all(calls)
  assert.is(planned, 10)
  await eventually(() => helpers.counts().idle + helpers.counts().dying === 0)
})

test('a helper is left to the connection that used it, until that has gone or makes no more calls', async () => {
  const owner = { isGone: false }
  const askFrom = (from: ReturnType<typeof pool>, by: { isGone: boolean }, key: string): Promise<number> =>
    from
      .withHelper(
        by,
        () => key,
        start,
        (helper) => helper.ask('x'),
      )
      .then(pidOf)
  const helpers = pool({ helperCount: 3 })
  const own = await askFrom(helpers, owner, 'a')
  assert.is.not(await askFrom(helpers, caller, 'a'), own)
  assert.is(await askFrom(helpers, owner, 'a'), own)
  // Helpers of other sandboxes displace the caller's own before it displaces those of others.
  for (const key of ['b', 'c', 'd', 'e']) await askFrom(helpers, caller, key)
  assert.is(await askFrom(helpers, owner, 'a'), own)
  owner.isGone = true
  assert.is(await askFrom(helpers, caller, 'a'), own)

  const unhurried = pool({ helperCount: 3, helperOwnedMs: -1 })
  assert.is(await askFrom(unhurried, caller, 'a'), await askFrom(unhurried, { isGone: false }, 'a'))
  await Promise.all([helpers, unhurried].flatMap((from) => ['a', 'd', 'e'].map((key) => endHelper(from, key))))
})

test('there are never more helpers than allowed, and every waiting call is served', async () => {
  const helpers = pool({ helperCount: 2, helperIdleMs: 200 })
  const pids = new Set(
    (await Promise.all(Array.from({ length: 12 }, (_, index) => ask(helpers, `k${index % 3}`, 'x')))).map(pidOf),
  )
  assert.ok(pids.size >= 3)
  await eventually(() => [...pids].filter(isAlive).length === 0)
})

test('a call that waits for a helper opens the files of its sandbox only when its turn has come', async () => {
  const helpers = pool({ helperCount: 1, helperIdleMs: 100 })
  const opened: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const hold = (key: string, use: () => Promise<void>): Promise<void> => {
    const getKey = (): string => {
      opened.push(key)
      return key
    }
    return helpers.withHelper(caller, getKey, start, use)
  }
  const first = hold('first', () => promise)
  const others = ['second', 'third'].map((key) => hold(key, async () => {}))
  await settled()
  assert.equal(opened, ['first'])
  resolve()
  await Promise.all([first, ...others])
  assert.equal(opened, ['first', 'second', 'third'])
})

test('helpers start one after another, clients in turns, and a call uses one that has become idle', async () => {
  const helpers = pool({ helpersStarting: 1, helperStartMs: 60_000, helperIdleMs: 500 })
  const other = { isGone: false }
  const order: string[] = []
  /** Waits for a line before it answers the first one. */
  const slow = (): SandboxedCommand => ({ ...start(), args: ['-c', `read -r line; echo begun; ${ECHO}`] })
  const called = (by: { isGone: boolean }, key: string, name: string): Promise<void> =>
    helpers.withHelper(
      by,
      () => key,
      () => {
        order.push(name)
        return slow()
      },
      async (helper) => {
        await settled()
        assert.is(order.at(-1), name, 'no other has started meanwhile')
        await helper.ask('x')
      },
    )
  await Promise.all([
    called(caller, 'a', 'first'),
    called(caller, 'b', 'second'),
    called(caller, 'c', 'third'),
    called(other, 'e', 'other'),
  ])
  assert.equal(order, ['first', 'second', 'other', 'third'])

  const shared = (name: string): Promise<string> =>
    helpers.withHelper(
      caller,
      () => 'd',
      () => {
        order.push(name)
        return start()
      },
      (helper) => helper.ask('x'),
    )
  const [one, two] = await Promise.all([shared('one'), shared('two')])
  assert.is(pidOf(two as string), pidOf(one as string))
  assert.equal(order.slice(4), ['one'])
  await Promise.all(['a', 'b', 'c', 'd'].map((key) => endHelper(helpers, key)))
})

test('a helper that hangs as it starts keeps others waiting for a moment only', async () => {
  const helpers = pool({ helpersStarting: 1, helperStartMs: 10, helperIdleMs: 100 })
  const { promise, resolve } = Promise.withResolvers<void>()
  const hanging = helpers.withHelper(
    { isGone: false },
    () => 'hangs',
    () => ({ ...start(), confirm: () => promise }),
    (helper) => helper.ask('late'),
  )
  assert.match(await ask(helpers, 'a', 'x'), / x$/)
  resolve()
  assert.match(await hanging, / late$/)
})

test('one without a key is for one call', async () => {
  const helpers = pool()
  const pid = pidOf(await ask(helpers, undefined, 'x'))
  await eventually(() => !isAlive(pid))
})

test('a helper that dies fails its call with its last words, lets go of what it held, and is replaced', async () => {
  const helpers = pool({ helperIdleMs: 200 })
  let ended = 0
  const holding = (): SandboxedCommand => ({ ...start(), ended: () => ended++ })
  const before = pidOf(
    await helpers.withHelper(
      caller,
      () => 'a',
      holding,
      (helper) => helper.ask('x'),
    ),
  )
  const failure = await ask(helpers, 'a', 'die').catch((error: Error) => error.message)
  assert.match(failure as string, /exit status: 7: last words/)
  assert.is(ended, 1)
  assert.is.not(pidOf(await ask(helpers, 'a', 'x')), before)
})

test('a helper that has died answers no second question of the same call', async () => {
  const answers = pool().withHelper(
    caller,
    () => 'a',
    start,
    async (helper) => {
      await helper.ask('die').catch(() => {})
      return helper.ask('again')
    },
  )
  assert.match(await answers.catch((error: Error) => error.message), 'has ended')
})

test('a helper that cannot be started is an error, and no slot is lost', async () => {
  const helpers = pool({ helperCount: 1, helperIdleMs: 100 })
  const missing = (): SandboxedCommand => ({ ...start(), file: '/no/such/program' })
  for (let index = 0; index < 3; index++) {
    assert.match(
      await helpers
        .withHelper(
          caller,
          () => 'm',
          missing,
          (helper) => helper.ask('x'),
        )
        .catch((error: Error) => error.message),
      'failed to start',
    )
  }
  assert.match(await ask(helpers, 'a', 'x'), / x$/)
})

test('a helper whose sandbox is not confirmed is asked nothing and ends; the next call gets another one', async () => {
  const helpers = pool({ helperIdleMs: 100 })
  let asked = 0
  let pid = 0
  const unconfirmed = (): SandboxedCommand => ({
    ...start(),
    confirm: async (sandbox) => {
      pid = sandbox
      throw new Error('not as planned')
    },
  })
  const use = async (): Promise<void> => void asked++
  const getKey = (): string => 'a'
  const error = await helpers.withHelper(caller, getKey, unconfirmed, use).catch((reason: Error) => reason)
  assert.match(String(error), /not as planned/)
  await eventually(() => !isAlive(pid))
  assert.is(asked, 0)
  assert.is.not(pidOf(await ask(helpers, 'a', 'one')), pid)
})

test.run()
