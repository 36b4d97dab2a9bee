/** The handshake of a link over real WebSockets: who gets through, and what an impostor at either end achieves. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import type { RawData } from 'ws'
import { proveAsAccept, proveAsDevbox } from '../../../src/server/link/handshake.ts'
import { defaultLinkLimits } from '../../../src/server/link/link-limits.ts'
import { newNonce, proofOf } from '../../../src/server/link/proof.ts'
import type { Identity } from '../../../src/server/link/proof.ts'
import { websocketPair } from '../../support/web/websocket-pair.ts'
import type { WebSocketEnd } from '../../support/web/websocket-pair.ts'
import { test } from '../../support/suite.ts'

const SECRET = 'a secret of the length that the command line asks for'
const identity = { instance: 'run', host: 'devbox' }
type Outcome<T> = { proven: T } | { failure: string }

const asDevbox = ({ websocket }: WebSocketEnd, secret = SECRET, limits = defaultLinkLimits) =>
  new Promise<Outcome<undefined>>((resolve) => proveAsDevbox(websocket, { secret, identity, limits }, resolve))
const asAccept = (
  { websocket }: WebSocketEnd,
  secret = SECRET,
  refuse: (identity: Identity) => string | undefined = () => undefined,
  limits = defaultLinkLimits,
) => new Promise<Outcome<Identity>>((resolve) => proveAsAccept(websocket, { secret, limits, refuse }, resolve))

/** Every message that an end receives, parsed. */
function received({ websocket }: WebSocketEnd): Record<string, string>[] {
  const messages: Record<string, string>[] = []
  websocket.on('message', (data: RawData) => messages.push(JSON.parse(data.toString())))
  return messages
}
const next = async ({ websocket }: WebSocketEnd): Promise<Record<string, string>> =>
  JSON.parse(String((await once(websocket, 'message'))[0]))
const closeCode = async ({ websocket }: WebSocketEnd): Promise<number> => (await once(websocket, 'close'))[0] as number

test('both ends that know the secret get through, and the secret itself is not sent', async () => {
  const { devbox, accept } = await websocketPair()
  const said = [received(devbox), received(accept)]
  assert.equal(await Promise.all([asDevbox(devbox), asAccept(accept)]), [{ proven: undefined }, { proven: identity }])
  assert.is(said.flat().length, 3)
  assert.not.match(JSON.stringify(said), SECRET)
})

test('a devbox with another secret is refused without a proof of accept', async () => {
  const { devbox, accept } = await websocketPair()
  const told = received(devbox)
  const code = closeCode(devbox)
  const failure = 'the devbox has another secret'
  assert.equal(await Promise.all([asDevbox(devbox, 'wrong'), asAccept(accept)]), [{ failure }, { failure }])
  assert.is(await code, 4401)
  assert.equal(
    told.map((message) => Object.keys(message)),
    [['challenge']],
  )
})

test('an accept with another secret is refused by the devbox', async () => {
  const { devbox, accept } = await websocketPair()
  const code = closeCode(accept)
  const proving = asDevbox(devbox)
  accept.websocket.send(JSON.stringify({ challenge: newNonce() }))
  const { nonce = '', instance = '', host = '' } = await next(accept)
  const proof = proofOf('wrong', 'accept', { challenge: newNonce(), nonce, instance, host })
  accept.websocket.send(JSON.stringify({ proof }))
  assert.equal(await proving, { failure: 'accept has another secret' })
  assert.is(await code, 4401)
})

test('an impostor of accept gains nothing by sending back the proof of the devbox', async () => {
  const { devbox, accept } = await websocketPair()
  const proving = asDevbox(devbox)
  accept.websocket.send(JSON.stringify({ challenge: newNonce() }))
  const { proof } = await next(accept)
  accept.websocket.send(JSON.stringify({ proof }))
  assert.equal(await proving, { failure: 'accept has another secret' })
})

test('what a devbox said once is of no use for another connection', async () => {
  const first = await websocketPair()
  const said = received(first.accept)
  await Promise.all([asDevbox(first.devbox), asAccept(first.accept)])
  const second = await websocketPair()
  const proving = asAccept(second.accept)
  await next(second.devbox)
  second.devbox.websocket.send(JSON.stringify(said[0]))
  assert.equal(await proving, { failure: 'the devbox has another secret' })
})

test('a proven devbox that is not wanted learns why, and gets no proof', async () => {
  const { devbox, accept } = await websocketPair()
  const told = received(devbox)
  const failure = 'another devbox is connected: other'
  const refuse = (given: Identity): string => (assert.equal(given, identity), failure)
  assert.equal(await Promise.all([asDevbox(devbox), asAccept(accept, SECRET, refuse)]), [{ failure }, { failure }])
  assert.is(told.length, 1)
})

test('what is no message of the handshake ends it, at both ends', async () => {
  const messages = [
    '{}',
    '[',
    '{"challenge":"short"}',
    `{"proof":"${newNonce()}"}`,
    Buffer.from('{}'),
    'x'.repeat(5000),
  ]
  for (const message of messages) {
    const one = await websocketPair()
    const asked = asAccept(one.accept)
    await next(one.devbox)
    one.devbox.websocket.send(message)
    assert.equal(await asked, { failure: 'not a message of this handshake' })
    const other = await websocketPair()
    const asking = asDevbox(other.devbox)
    other.accept.websocket.send(message)
    assert.equal(await asking, { failure: 'not a message of this handshake' })
  }
})

test('an end that says nothing, or leaves, does not keep the other waiting', async () => {
  const limits = { ...defaultLinkLimits, linkHandshakeMs: 20 }
  const silent = await websocketPair()
  const failure = 'the handshake took too long'
  assert.equal(await asDevbox(silent.devbox, SECRET, limits), { failure })
  assert.equal(await asAccept((await websocketPair()).accept, SECRET, undefined, limits), { failure })
  const gone = await websocketPair()
  gone.accept.websocket.terminate()
  assert.equal(await asDevbox(gone.devbox), { failure: 'the other end closed the link with 1006' })
})

test.run()
