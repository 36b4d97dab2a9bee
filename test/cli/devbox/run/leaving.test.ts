/** When run leaves a devbox that does not answer. With a real one: test/e2e/cli/leaving.full.test.ts. */
import * as assert from 'uvu/assert'
import { createLeaving } from '../../../../src/cli/devbox/run/leaving.ts'
import type { Leaving } from '../../../../src/cli/devbox/run/leaving.ts'
import { manualTimers } from '../../../e2e/client/support/manual-timers.ts'
import type { ManualTimers } from '../../../e2e/client/support/manual-timers.ts'
import { test } from '../../../support/suite.ts'

type State = 'connected' | 'recovering'
type Subject = { leaving: Leaving; left: number[]; said: string[]; time: ManualTimers; answer(): Promise<void> }

function subject({ state = 'connected' as State, isStarting = false } = {}): Subject {
  const time = manualTimers()
  const left: number[] = []
  const said: string[] = []
  const answers: (() => void)[] = []
  const client = { state, call: () => new Promise<void>((resolve) => answers.push(resolve)) }
  const leaving = createLeaving({
    client: client as never,
    isStarting: () => isStarting,
    giveUp: (exitCode) => left.push(exitCode),
    say: (message) => said.push(message),
  })
  const answer = async (): Promise<void> => {
    for (const each of answers.splice(0)) each()
    // The promises behind it.
    for (let turn = 0; turn < 5; turn++) await undefined
  }
  return { leaving, left, said, time, answer }
}

test('a devbox that answers gets every interrupt', async () => {
  const { leaving, left, said, time, answer } = subject()
  for (let count = 0; count < 5; count++) {
    assert.is(leaving.interrupt(130), false)
    await answer()
    time.advance(5000)
  }
  assert.equal([left, said], [[], []])
})

test('one that answers between two that come close together gets both', async () => {
  const { leaving, left, time, answer } = subject()
  leaving.interrupt(130)
  leaving.interrupt(130)
  time.advance(500)
  await answer()
  time.advance(5000)
  assert.equal(left, [])
})

test('the second interrupt leaves a devbox that does not answer, within a second', () => {
  const { leaving, left, time } = subject()
  leaving.interrupt(130)
  time.advance(60_000)
  assert.equal(left, [])
  leaving.interrupt(143)
  time.advance(1000)
  assert.equal(left, [143])
})

test('after 3 s of silence it says how to leave', () => {
  const { leaving, said, time } = subject()
  leaving.interrupt(130)
  time.advance(2999)
  assert.equal(said, [])
  time.advance(1)
  assert.equal(said, ['the devbox does not answer; one more Ctrl-C leaves'])
})

test('while the connection is lost, or the command starts, the second leaves at once', () => {
  for (const options of [{ state: 'recovering' as const }, { isStarting: true }]) {
    const { leaving, left } = subject(options)
    assert.is(leaving.interrupt(130), false)
    assert.is(leaving.interrupt(130), true)
    assert.equal(left, [130])
  }
})

test('a terminal that is gone leaves at once, unless the devbox answers', async () => {
  const silent = subject()
  silent.leaving.hangUp(129)
  silent.time.advance(500)
  assert.equal(silent.left, [129])
  const answering = subject()
  answering.leaving.hangUp(129)
  await answering.answer()
  answering.time.advance(5000)
  assert.equal(answering.left, [])
  const lost = subject({ state: 'recovering' })
  lost.leaving.hangUp(129)
  assert.equal(lost.left, [129])
})

test('Ctrl-C among typed keys counts, and in pasted text does not', () => {
  const { leaving, left, time } = subject()
  leaving.countKeys(Uint8Array.of(97, 3, 98))
  leaving.countKeys(new Uint8Array(100).fill(3))
  time.advance(1000)
  assert.equal(left, [])
  leaving.countKeys(Uint8Array.of(3))
  time.advance(1000)
  assert.equal(left, [130])
})

test('after its end no timer is left to fire', () => {
  const { leaving, left, said, time } = subject()
  leaving.interrupt(130)
  leaving.interrupt(130)
  leaving.end()
  time.advance(60_000)
  assert.equal([left, said], [[], []])
})

test.run()
