/**
 * The least that Node needs for the same work. Prints the URL of an echo server, then reads commands, a line each, and
 * answers each with a line once it is done:
 *
 *     start N       starts N commands, eight at a time, and waits until each has ended
 *     copy BYTES P  writes so many bytes of a command's output to a socket at port P
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { WebSocketServer } from 'ws'

const IN_FLIGHT = 8

async function start(count: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const child = spawn('/bin/true', { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout.resume()
      child.stderr.resume()
      await once(child, 'close')
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
}

async function copy(bytes: number, port: number): Promise<void> {
  const child = spawn('head', ['-c', String(bytes), '/dev/zero'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await pipeline(child.stdout, connect(port, '127.0.0.1'))
}

const http = createServer()
new WebSocketServer({ server: http }).on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data, { binary: false }))
})
await once(http.listen(0, '127.0.0.1'), 'listening')
console.log(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
for await (const line of createInterface({ input: process.stdin })) {
  const [name, amount, port] = line.split(' ')
  if (name === 'start') await start(Number(amount))
  else await copy(Number(amount), Number(port))
  console.log('done')
}
