/** A listener that dials out: how many links it keeps, and when it dials again. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import type { LinkLimits } from '../../../src/server/link/link-limits.ts'
import { createLinkListener } from '../../../src/server/link/link-listener.ts'
import type { LinkStream } from '../../../src/server/link/link-stream.ts'
import { linkLimits, linkPair } from '../../support/link.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

/** A listener, the far ends of the links that it has dialled, and its log. */
function listen(changed: Partial<LinkLimits> = {}) {
  const limits = linkLimits({ waitingLinks: 3, retryMinMs: 1, retryMaxMs: 4, stableMs: 0, ...changed })
  const far: LinkStream[] = []
  const events: string[] = []
  const state = { attempts: 0, isDown: false, ready: 0, isAwaited: false }
  const listener = createLinkListener({
    name: 'wss://laptop',
    limits,
    log: {
      has: () => true,
      write: (level, event, fields) => void events.push(`${level} ${event} ${String(fields?.['why'] ?? '')}`.trim()),
      dropped: () => 0,
    },
    onReady: () => state.ready++,
    dial: async () => {
      state.attempts++
      if (state.isDown) throw new Error('it is down')
      const { devbox, accept } = await linkPair(limits)
      far.push(accept)
      if (state.isAwaited) {
        accept.write('GET')
        await once(devbox, 'used')
      }
      return devbox
    },
  })
  atEnd(() => listener.close())
  return { listener, far, events, state }
}

test('some links wait, and one that a client uses is passed on and replaced', async () => {
  const { listener, far, state } = listen()
  const taken: object[] = []
  listener.accept((carrier) => taken.push(carrier))
  await eventually(() => far.length === 3)
  far[1]?.write('GET')
  await eventually(() => taken.length === 1 && far.length === 4)
  listener.opener.open(taken[0] as never, (stream) => {
    assert.is(stream.read()?.toString(), 'GET')
    assert.is(listener.opener.carrierOf(stream as never), taken[0])
  })
  assert.is(state.attempts, 4)
  assert.is(state.ready, 1)
})

test('a link for which a client has waited is passed on, too', async () => {
  const { listener, far, state } = listen()
  const taken: object[] = []
  state.isAwaited = true
  listener.accept((carrier) => {
    taken.push(carrier)
    state.isAwaited = taken.length < 2
  })
  await eventually(() => taken.length >= 2 && far.length - taken.length === 3)
})

test('lost links are replaced, and an end that is down is dialled again and again, one attempt at a time', async () => {
  const { listener, far, events, state } = listen()
  listener.accept(() => {})
  await eventually(() => far.length === 3)
  state.isDown = true
  for (const link of far.splice(0)) link.destroy()
  await eventually(() => state.attempts > 10)
  const before = state.attempts
  state.isDown = false
  await eventually(() => far.length === 3)
  assert.ok(state.attempts - before <= 5, `${state.attempts - before}`)
  assert.is(state.ready, 1)
  assert.is(events[0], 'info linkUp')
  assert.ok(events.some((event) => event.startsWith('warn linkDown')))
  // The same reason again is no news.
  assert.is(events.filter((event) => event === 'warn linkFailed it is down').length, 1)
  assert.ok(events.includes('info linkFailed it is down'))
  assert.is(events.at(-1), 'info linkUp')
})

test('a link that is closed as soon as it is there counts as a failure', async () => {
  const { listener, far, events } = listen({ stableMs: 60_000 })
  listener.accept(() => {})
  const closing = setInterval(() => far.splice(0).forEach((link) => link.destroy()), 1)
  await eventually(() => events.filter((event) => event.includes('at once')).length > 3)
  clearInterval(closing)
})

test('a listener that is closed dials no more, and closes the links that wait', async () => {
  const { listener, far, state } = listen()
  listener.accept(() => {})
  await eventually(() => far.length === 3)
  listener.close()
  await eventually(() => far.every((link) => link.destroyed))
  assert.is(state.attempts, 3)
})

test.run()
