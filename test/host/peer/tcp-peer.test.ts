/** Who is at the other end of a TCP connection. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { endpointOf } from '../../../src/host/peer/endpoint.ts'
import type { Tuple } from '../../../src/host/peer/endpoint.ts'
import { findInTables } from '../../../src/host/peer/proc-net-tcp.ts'
import { findByNetlink } from '../../../src/host/peer/sock-diag.ts'
import { findTcpPeer } from '../../../src/host/peer/tcp-peer.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'

const onLinux = process.platform === 'linux' ? test : (test.skip as typeof test)

/** A connection over loopback: the accepted socket, and the client's. */
async function connected(listen: string, host: string): Promise<{ accepted: Socket; client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, listen)
  atEnd(() => server.close())
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, host)
  atEnd(() => client.destroy())
  const [accepted] = (await once(server, 'connection')) as [Socket]
  accepted.on('error', () => {})
  atEnd(() => accepted.destroy())
  return { accepted, client }
}

const noNetlink = (): undefined => undefined

onLinux('the peer is found by netlink and in the tables, over IPv4, IPv6 and IPv4 in IPv6', async () => {
  for (const [listen, host] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
    ['0.0.0.0', '127.0.0.2'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['::', '::1'],
  ] as const) {
    const { accepted } = await connected(listen, host)
    const peer = findTcpPeer(accepted)
    if (typeof peer === 'string') assert.unreachable(`${listen} ${host}: ${peer}`)
    else assert.is(peer.user, process.geteuid?.())
    assert.equal(findTcpPeer(accepted, noNetlink), peer)
    assert.equal(
      findTcpPeer(accepted, findByNetlink, () => ''),
      peer,
    )
  }
})

onLinux('a peer that has closed its socket, which the kernel then gives to root, has no user', async () => {
  const { accepted, client } = await connected('127.0.0.1', '127.0.0.1')
  accepted.resume()
  client.destroy()
  await eventually(() => findTcpPeer(accepted) === 'gone')
  assert.is(findTcpPeer(accepted, noNetlink), 'gone')
})

onLinux('once netlink has found a socket, what it does not find is not looked for where that takes long', async () => {
  const { accepted } = await connected('127.0.0.1', '127.0.0.1')
  assert.not.type(findTcpPeer(accepted, findByNetlink), 'string')
  const ends = { localAddress: '127.0.0.1', localPort: 1, remoteAddress: '127.0.0.1', remotePort: 2 }
  const read = (): string => assert.unreachable() ?? ''
  assert.is(findTcpPeer(ends, findByNetlink, read), 'gone')
})

onLinux('a peer that has ended its side only is still known', async () => {
  const { accepted, client } = await connected('127.0.0.1', '127.0.0.1')
  accepted.resume()
  client.end()
  await once(accepted, 'end')
  for (const find of [findByNetlink, noNetlink])
    assert.is((findTcpPeer(accepted, find) as { user: number }).user, process.geteuid?.())
})

onLinux('a connection whose other end is not on this machine is from elsewhere', async () => {
  const { accepted } = await connected('127.0.0.1', '127.0.0.1')
  const own = { state: 1, user: 1, inode: 0 }
  const find = ({ local }: Tuple) =>
    local.port === accepted.localPort ? { ...own, inode: inodeOf(accepted) } : undefined
  assert.is(findTcpPeer(accepted, find), 'elsewhere')
  // Its own end is another socket's by now, as far as the runtime tells.
  if (isDeno) return
  assert.is(
    findTcpPeer(accepted, () => ({ ...own, inode: 1 })),
    'gone',
  )
})

/** By way of its peer, for whom it is the other end. */
function inodeOf(accepted: Socket): number {
  const { localAddress, localPort, remoteAddress, remotePort } = accepted
  const local = endpointOf(localAddress, localPort)
  const remote = endpointOf(remoteAddress, remotePort)
  assert.ok(local && remote)
  return findByNetlink({ local, remote })?.inode ?? -1
}

onLinux('a peer that is still connecting, or in TIME_WAIT, has no user', async () => {
  const { accepted } = await connected('127.0.0.1', '127.0.0.1')
  const inode = inodeOf(accepted)
  for (const [state, expected] of [
    [1, { user: 7, inode }],
    [2, 'gone'],
    [3, 'gone'],
    [6, 'gone'],
    [7, 'gone'],
    [12, 'gone'],
  ] as const)
    assert.equal(
      findTcpPeer(accepted, () => ({ state, user: 7, inode })),
      expected,
    )
})

onLinux('where the kernel cannot be asked, the peer is unknown', async () => {
  const { accepted } = await connected('127.0.0.1', '127.0.0.1')
  assert.is(
    findTcpPeer(accepted, noNetlink, () => ''),
    'unknown',
  )
  accepted.destroy()
  assert.is(findTcpPeer({ localPort: 1, remoteAddress: '::1', remotePort: 2 }), 'gone')
})

test('a table is read as the kernel writes it', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 36 1 0000 100 0 0 10 0
  10: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000 20 4 30 10 -1
  11: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1F90 08 00000000:00000000 00:00000000 00000000 65534        0 17 1 0
  12: B80D0120000000000000000001000000:0050 B80D0120000000000000000002000000:FFFF 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
`
  const find = (local: [string, number], remote: [string, number]) => {
    const [one, other] = [endpointOf(...local), endpointOf(...remote)]
    assert.ok(one && other)
    return findInTables(table, { local: one, remote: other })
  }
  assert.equal(find(['127.0.0.1', 50_000], ['127.0.0.1', 8080]), { state: 1, user: 1000, inode: 4242 })
  assert.equal(find(['127.0.0.1', 50_001], ['::ffff:127.0.0.1', 8080]), { state: 8, user: 65_534, inode: 17 })
  assert.equal(find(['2001:db8::1', 80], ['2001:db8::2', 65_535]), { state: 6, user: 0, inode: 0 })
  assert.is(find(['127.0.0.1', 8080], ['127.0.0.1', 50_000]), undefined)
  assert.is(find(['127.0.0.1', 5000], ['127.0.0.1', 8080]), undefined)
})

test.run()
