/** What the server needs for some work, as a multiple of what Node needs at least for the same. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { firstLine } from '../../../test/support/first-line.ts'
import { cpuSeconds, ioCalls } from '../proc.ts'
import { clientFrame, RawClient } from '../raw-client.ts'
import type { Server } from '../servers.ts'
import { Session } from '../session.ts'
import { rate } from '../statistics.ts'

const REQUESTS = 20_000
const REQUESTS_IN_FLIGHT = 32
const STARTS = 300
const STARTS_IN_FLIGHT = 8
const OUTPUT_BYTES = 256 * 1024 * 1024

export type Kind = 'request' | 'start' | 'output'

/** Of one kind of work: how much of it (requests, starts, MB), CPU time of both, and our calls of read and write. */
export type Work = { count: number; ours: number; plain: number; calls: number }

/** CPU seconds and calls that `run` takes in a process. */
async function costOf(pid: number, run: () => Promise<unknown>): Promise<{ cpu: number; calls: number }> {
  const [cpu, calls] = [cpuSeconds(pid), ioCalls(pid)]
  await run()
  return { cpu: cpuSeconds(pid) - cpu, calls: ioCalls(pid) - calls }
}

/** A Node process that does the same work, see `plain.ts`. */
async function startPlain() {
  const child = spawn(
    process.execPath,
    ['--min-semi-space-size=4', '--max-semi-space-size=4', join(import.meta.dirname, 'plain.ts')],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const url = await firstLine(child)
  const lines = createInterface({ input: child.stdout })
  return {
    pid: child.pid as number,
    url,
    do: async (command: string): Promise<void> => {
      child.stdin.write(`${command}\n`)
      await once(lines, 'line')
    },
    stop: async (): Promise<void> => {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

async function echo(url: string): Promise<void> {
  const client = await RawClient.connect(url)
  const frame = clientFrame('{"id":1,"method":"environment/status","params":{}}')
  const waiting: (() => void)[] = []
  client.onMessage = () => waiting.shift()?.()
  await rate(REQUESTS, REQUESTS_IN_FLIGHT, () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    client.send(frame)
    return promise
  })
  await client.close()
}

/** Measures each kind of work once, first on the server and then on plain Node. */
export async function measureWork(server: Server): Promise<Record<Kind, Work>> {
  const session = await Session.open(server)
  const plain = await startPlain()
  const sink = createServer((socket) => socket.resume())
  await once(sink.listen(0, '127.0.0.1'), 'listening')
  const { port } = sink.address() as AddressInfo

  type Run = () => Promise<unknown>
  const both = async (count: number, ours: Run, theirs: Run): Promise<Work> => {
    const { cpu, calls } = await costOf(server.pid, ours)
    return { count, ours: cpu, plain: (await costOf(plain.pid, theirs)).cpu, calls }
  }
  const ask = (): Promise<unknown> => session.ask('environment/status', {})
  try {
    return {
      request: await both(
        REQUESTS,
        () => rate(REQUESTS, REQUESTS_IN_FLIGHT, ask),
        () => echo(plain.url),
      ),
      start: await both(
        STARTS,
        () => rate(STARTS, STARTS_IN_FLIGHT, () => session.run(['/bin/true'])),
        () => plain.do(`start ${STARTS}`),
      ),
      output: await both(
        OUTPUT_BYTES / 1e6,
        () => session.run(['head', '-c', String(OUTPUT_BYTES), '/dev/zero']),
        () => plain.do(`copy ${OUTPUT_BYTES} ${port}`),
      ),
    }
  } finally {
    await session.close()
    await plain.stop()
    sink.close()
  }
}
