/** Reads the kernel's tables of listening sockets. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { listeningServers, tcpListeners, unixListeners } from '../../../src/cli/devbox/listening.ts'
import { startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:11F8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 171 1 0000000000000000 100 0 0 10 0
   1: 0100007F:11F8 0100007F:A012 01 00000000:00000000 00:00000000 00000000     0        0 172 1 0000000000000000 100 0 0 10 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:11F8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 173 1 0000000000000000 100 0 0 10 0
`
const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 174 /run/my server.sock
0000000000000000: 00000003 00000000 00000000 0001 03 175 /run/my server.sock
0000000000000000: 00000002 00000000 00010000 0001 01 176 @abstract
`

test('listening sockets are listed by URL, connections are not', () => {
  assert.equal(tcpListeners(TCP), [{ inode: '171', url: 'ws://127.0.0.1:4600' }])
  assert.equal(tcpListeners(TCP6), [{ inode: '173', url: 'ws://[::1]:4600' }])
  assert.equal(unixListeners(UNIX), [{ inode: '174', url: 'unix:/run/my server.sock' }])
  assert.equal(tcpListeners(''), [])
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a running server is found by its name, with the URL at which it listens', async () => {
  const server = await startServer()
  const found = listeningServers().find(({ pid }) => pid === server.child.pid)
  assert.equal(found?.urls, [server.url])
})

test.run()
