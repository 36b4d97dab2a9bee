import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { listeningPorts } from '../../../src/host/net/listening-ports.ts'
import { parseListeners } from '../../../src/host/net/proc-net-listeners.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const line = (local: string, state: string, uid: number, inode: number): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`

test('listening sockets are read with their addresses, other sockets are left out', () => {
  const table =
    HEAD +
    line('0100007F:1F90', '0A', 1000, 17) +
    line('0100007F:1F90', '01', 1000, 18) +
    line('00000000:0016', '0A', 0, 19) +
    line('00000000000000000000000001000000:1435', '0A', 5, 20) +
    line('00000000000000000000000000000000:0050', '0A', 5, 21) +
    line('B80D01200000000067452301EFCDAB89:0050', '0A', 5, 22)
  assert.equal(
    parseListeners(table).map(({ address, port, uid, inode }) => [address, port, uid, inode]),
    [
      ['127.0.0.1', 8080, 1000, 17],
      ['0.0.0.0', 22, 0, 19],
      ['::1', 5173, 5, 20],
      ['::', 80, 5, 21],
      ['2001:db8::123:4567:89ab:cdef', 80, 5, 22],
    ],
  )
  assert.equal(parseListeners(''), [])
})

test('a listener is found with its process, the parents of that, and its start', async () => {
  if (process.platform !== 'linux') return
  const server = createServer().listen(0, '127.0.0.1')
  atEnd(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [first, second] = await Promise.all([listeningPorts(), listeningPorts()])
  assert.is(first, second, 'one scan for both')
  const found = first.find((each) => each.port === port && each.address === '127.0.0.1')
  assert.is(found?.uid, process.getuid?.())
  const holder = found?.process
  if (holder === undefined) throw new Error('its process is not found')
  const { pid, ancestors, argv, startedAtMs } = holder
  const own = readFileSync('/proc/self/cmdline', 'utf8').split('\0')
  assert.equal([pid, ancestors[0], argv], [process.pid, process.ppid, own.slice(0, -1)])
  const ageMs = Date.now() - startedAtMs
  assert.ok(Math.abs(ageMs - process.uptime() * 1000) < 60_000, `${ageMs} ms, of ${process.uptime()} s`)
})

test.run()
