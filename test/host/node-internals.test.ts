/** What Node and ws do not document: that it is there in this version, and what is done without it. */
import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import * as assert from 'uvu/assert'
import * as ws from 'ws'
import {
  checkConnectionChecks,
  checkHandle,
  checkCollector,
  checkReads,
  checkReceiver,
  checkSetBlocking,
  descriptorOf,
  garbageCollector,
  pendingWriteBytes,
  receiverOf,
  rewriteReads,
  setBlocking,
  startConnectionChecks,
} from '../../src/host/node-internals.ts'
import type { Internal } from '../../src/host/node-internals.ts'
import { isDeno } from '../support/server.ts'
import { test } from '../support/suite.ts'

const missing = (internals: Internal[]): string[] => internals.flatMap((one) => (one.isPresent ? [] : one.name))
const runsOnNode = isDeno ? test.skip : test

test('nothing is missing in the runtime that the tests run on', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const found = [
    ...checkHandle(server),
    ...checkReceiver(ws),
    ...checkConnectionChecks(createHttpServer()),
    ...checkCollector(),
    ...checkReads(),
  ]
  server.close()
  assert.equal(missing(found), [])
  for (const { lost } of found) assert.ok(lost.length > 20)
})

runsOnNode(
  'a socket tells of its descriptor and of what its peer has not taken, and can be told to block',
  async () => {
    const accepted: Socket[] = []
    const server = createServer((socket) => void accepted.push(socket.pause())).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const fd = descriptorOf(socket)
    assert.ok(fd !== undefined && fd > 2)
    assert.is(pendingWriteBytes(socket), 0)
    const block = Buffer.alloc(64 * 1024 * 1024)
    socket.write(block)
    const pending = pendingWriteBytes(socket)
    assert.ok(pending > 0 && pending <= block.length, `${pending}`)
    assert.equal(checkSetBlocking(socket)[0]?.isPresent, true)
    assert.is(setBlocking(socket, false), true)
    socket.destroy()
    assert.is(descriptorOf(socket), undefined)
    for (const one of accepted) one.destroy()
    server.close()
  },
)

test('without a handle, or with one that tells nothing, nothing is known of a socket', () => {
  for (const socket of [{}, { _handle: null }, { _handle: {} }, { _handle: { fd: '3', writeQueueSize: null } }]) {
    assert.is(pendingWriteBytes(socket), 0)
    assert.is(descriptorOf(socket), undefined)
    assert.is(setBlocking(socket, true), false)
  }
  assert.is(descriptorOf({ _handle: { fd: -1 } }), undefined)
})

runsOnNode('the checks name what a handle lacks', () => {
  const names = ['_handle.writeQueueSize', ...(process.platform === 'linux' ? ['_handle.fd'] : [])]
  assert.equal(missing(checkHandle({})), names)
  assert.equal(missing(checkHandle({ _handle: { fd: 3 } })), names.slice(0, 1))
  assert.equal(missing(checkHandle({ _handle: { fd: 3, writeQueueSize: 0 } })), names.slice(0, 1))
  assert.equal(missing(checkHandle({ _handle: { fd: 3, writeQueueSize: 0, bytesWritten: 0 } })), [])
  assert.equal(missing(checkSetBlocking({ _handle: {} })), ['_handle.setBlocking'])
})

test('a receiver without a member that is used is none', () => {
  const whole = {
    _state: 0,
    _bufferedBytes: 0,
    _payloadLength: 0,
    _totalPayloadLength: 0,
    _opcode: 0,
    _messageLength: 0,
    _fin: false,
    _numFragments: 0,
    _fragmented: 0,
    _loop: false,
    _buffers: [],
    _fragments: [],
    startLoop: () => {},
    getInfo: () => {},
    haveLength: () => {},
    getData: () => {},
    dataMessage: () => {},
    consume: () => {},
    createError: () => {},
  }
  assert.is(receiverOf({ _receiver: whole }), whole)
  assert.is(receiverOf({}), undefined)
  assert.is(receiverOf({ _receiver: null }), undefined)
  for (const name of Object.keys(whole)) {
    const part = { ...whole, [name]: undefined }
    assert.is(receiverOf({ _receiver: part }), undefined, name)
    const Receiver = function (this: object): void {
      Object.assign(this, part)
    }
    assert.equal(missing(checkReceiver({ Receiver })), ['ws _receiver'])
  }
  assert.equal(missing(checkReceiver({})), ['ws _receiver'])
})

test('an HTTP server starts its timeout checks on request, and one that cannot is named', () => {
  const http = createHttpServer()
  let started = 0
  http.on('listening', () => started++)
  startConnectionChecks(http)
  http.close()
  assert.is(started, 1)
  assert.equal(missing(checkConnectionChecks(new EventEmitter())), ["http 'listening'"])
})

test('young objects, or all, are collected on request, unless the runtime does not let us', () => {
  const asked: unknown[] = []
  const recording = garbageCollector(() => (how: unknown) => asked.push(how))
  recording?.minor()
  recording?.all()
  assert.equal(asked, [{ type: 'minor' }, { type: 'major', flavor: 'last-resort' }])
  garbageCollector()?.minor()
  garbageCollector()?.all()
  const refuse = (): never => {
    throw new Error('no such flag')
  }
  for (const none of [garbageCollector(() => undefined), garbageCollector(refuse)]) {
    assert.is(none, undefined)
    assert.equal(missing(checkCollector(none ?? null)), ['--expose-gc'])
  }
})

runsOnNode('what a socket reads passes through a rewrite until its last bytes, and then as it comes', async () => {
  const server = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const seen: (string | null)[] = []
  const pushes = (isLast: boolean): void => {
    rewriteReads(socket, (chunk) => {
      seen.push(chunk && chunk.toString())
      return { bytes: Buffer.from(`<${chunk?.toString() ?? ''}>`), isLast }
    })
  }
  const answer = async (text: string): Promise<string> => {
    socket.write(text)
    return String((await once(socket, 'data'))[0])
  }
  pushes(true)
  assert.is(await answer('a'), '<a>')
  assert.is(await answer('b'), 'b')
  pushes(false)
  assert.is(await answer('c'), '<c>')
  const [last] = await Promise.all([once(socket, 'data'), once(socket, 'end'), socket.end()])
  assert.is(String(last[0]), '<>')
  assert.equal(seen, ['a', 'c', null])
  server.close()
})

test.run()
