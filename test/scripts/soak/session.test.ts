/** The book-keeping of the soak's sessions: what its own disruption brings about is no fault, and nothing else is excused. */
import * as assert from 'uvu/assert'
import type { Endpoint } from '../../../scripts/soak/endpoints.ts'
import { Ledger } from '../../../scripts/soak/ledger.ts'
import type { Link } from '../../../scripts/soak/links.ts'
import { Random } from '../../../scripts/soak/random.ts'
import { Over, Session } from '../../../scripts/soak/session.ts'
import { requestTasks } from '../../../scripts/soak/tasks/requests.ts'
import type { Work } from '../../../scripts/soak/work.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

type Request = { id: number; method: string; params: { requestId: string } }

const CLOSING = 'error decoding response body: the connection is closing'

/** A session with a server that answers `initialize` and is silent otherwise. */
async function setup() {
  const requests: Request[] = []
  const links: Link[] = []
  const isRefusing = { now: false }
  const endpoint = {
    name: 'fake',
    resumable: true,
    generation: 0,
    pid: 0,
    url: '',
    mark: {},
    open: async () => {
      if (isRefusing.now) throw new Error('read ECONNRESET')
      const link: Link = {
        onMessage: () => {},
        onEnd: () => {},
        send: (text) => {
          const request: Request = JSON.parse(text)
          if (request.method === 'initialize') queueMicrotask(() => say({ id: request.id, result: { sessionId: 's' } }))
          else if (request.method === 'http/request') requests.push(request)
        },
        pause: () => {},
        resume: () => {},
        cut: () => link.onEnd('cut'),
        finish: () => {},
      }
      const say = (message: object): void => link.onMessage(JSON.stringify(message))
      links.push(link)
      return link
    },
    end: async () => {},
    finish: async () => {},
  } satisfies Endpoint
  const ledger = new Ledger()
  const session = await Session.open('fake.1', endpoint, ledger)
  const say = (message: object): void => links.at(-1)?.onMessage(JSON.stringify(message))
  return {
    ledger,
    session,
    endpoint,
    isRefusing,
    say,
    end: () => links.at(-1)?.onEnd('the server ended with 0'),
    requests,
    /** Begins a streamed request, or another task's. Its outcome is `done`, or the error. */
    stream: async (task = 'HTTP, streamed') => {
      const work = {
        session,
        ledger,
        random: new Random('x'),
        data: { lines: Buffer.alloc(1024), noise: Buffer.alloc(1024) },
        web: { url: (path: string) => `http://fake${path}` },
        folder: '',
      } as unknown as Work
      const outcome = requestTasks
        .find(({ name }) => name === task)
        ?.run(work)
        .then(
          () => 'done',
          (error: Error) => error,
        )
      await settled()
      const request = requests.at(-1) as Request
      const delta = (more: object): void =>
        say({
          method: 'http/request/bodyDelta',
          params: { requestId: request.params.requestId, deltaBase64: '', done: false, error: null, ...more },
        })
      return { outcome, request, delta }
    },
  }
}

test('a body that the server cuts off because stdin has ended is no fault', async () => {
  const { ledger, session, say, end, stream } = await setup()
  const { outcome, request, delta } = await stream()
  say({ id: request.id, result: {} })
  delta({ seq: 1, deltaBase64: btoa('part') })
  const finished = session.finish()
  delta({ seq: 2, done: true, error: CLOSING })
  end()
  await finished
  assert.instance(await outcome, Over)
  assert.equal(ledger.findings, [])
  assert.ok(ledger.clean)
  assert.is(ledger.waiting, 0)
})

test('a streamed request that is refused because stdin has ended is no fault', async () => {
  const { ledger, session, say, end, stream } = await setup()
  const { outcome, request } = await stream()
  const finished = session.finish()
  say({ id: request.id, error: { code: -32603, message: 'http/request failed: the connection is closing' } })
  await settled()
  end()
  await finished
  assert.instance(await outcome, Over)
  assert.ok(ledger.clean)
})

test('a body that is cut off before stdin has ended fails', async () => {
  const { session, say, stream } = await setup()
  const { outcome, request, delta } = await stream()
  say({ id: request.id, result: {} })
  delta({ seq: 1, done: true, error: CLOSING })
  const found = await outcome
  assert.not.instance(found, Over)
  assert.ok(String(found).includes(CLOSING))
  await session.leave()
})

test('a body that fails for another reason after stdin has ended fails', async () => {
  const { session, say, end, stream } = await setup()
  const { outcome, request, delta } = await stream()
  say({ id: request.id, result: {} })
  const finished = session.finish()
  delta({ seq: 1, done: true, error: 'error decoding response body: aborted' })
  end()
  await finished
  const found = await outcome
  assert.not.instance(found, Over)
  assert.match(String(found), /aborted/)
})

test('a request for a whole body that is refused at once when stdin has ended fails', async () => {
  const { session, say, end, stream } = await setup()
  const { outcome, request } = await stream('HTTP, whole')
  const finished = session.finish()
  say({ id: request.id, error: { code: -32603, message: 'http/request failed: the connection is closing' } })
  await settled()
  end()
  await finished
  const found = await outcome
  assert.not.instance(found, Over)
  assert.match(String(found), /the connection is closing/)
})

test('a body without an end before the server ends is a fault', async () => {
  const { ledger, session, say, end, stream } = await setup()
  const { outcome, request, delta } = await stream()
  say({ id: request.id, result: {} })
  delta({ seq: 1, deltaBase64: btoa('part') })
  const finished = session.finish()
  end()
  await finished
  assert.instance(await outcome, Over)
  assert.is(ledger.faults, 1)
  assert.match(ledger.findings.join(), /has no end/)
})

test('a return that fails because the server is being ended is no fault to who waits for a process', async () => {
  const { ledger, session, endpoint, isRefusing } = await setup()
  const followed = session.follow({ processId: 'p', streams: {} })
  isRefusing.now = true
  const cut = session.cut('reset', 0, 0)
  endpoint.generation++
  await cut
  assert.instance(await followed.closed.catch((error: unknown) => error), Over)
  assert.ok(ledger.clean)
})

test('a return that fails for no reason of ours is one fault', async () => {
  const { ledger, session, isRefusing } = await setup()
  session.follow({ processId: 'p', streams: {} })
  isRefusing.now = true
  await session.cut('reset', 0, 0)
  assert.is(ledger.faults, 1)
  assert.ok(session.isOver)
})

test.run()
