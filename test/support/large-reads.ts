/** Measures the memory that concurrent large reads cost a server. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from './client.ts'
import { atEnd } from './scope.ts'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

/** A value of /proc/PID/status, in bytes. */
export const memory = ({ child }: RunningServer, name: 'RssAnon' | 'VmHWM'): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1]) *
  1024

/**
 * Sends `count` reads of a sparse file before it reads a response. `bytes` is the total size of the responses, `growth`
 * the growth of the server's peak memory; `size` and both are in bytes.
 */
export async function readAtOnce(count: number, size: number): Promise<{ bytes: number; growth: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'exec-server-large-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'file')
  writeFileSync(path, '')
  truncateSync(path, size)
  const server = await startServer()
  const client = await Client.connect(server.url)
  const before = memory(server, 'VmHWM')
  let [answers, bytes] = [0, 0]
  client.socket.removeAllListeners('message')
  const all = new Promise<void>((resolve, reject) => {
    client.socket.on('close', (code) => reject(new Error(`closed with ${code} after ${answers} answers`)))
    client.socket.on('message', (data: Buffer) => {
      bytes += data.length
      if (++answers === count) resolve()
    })
  })
  for (let id = 0; id < count; id++) client.send(JSON.stringify({ id, method: 'fs/readFile', params: { path } }))
  await all
  const growth = memory(server, 'VmHWM') - before
  await client.close()
  await server.stop()
  return { bytes, growth }
}
