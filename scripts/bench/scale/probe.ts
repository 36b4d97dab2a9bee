/** What another client of a server waits for its answers. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../servers.ts'
import { Session, SMALL_READ_BYTES } from '../session.ts'
import { percentile, timed } from '../statistics.ts'

const PAUSE_MS = 2

/** Runs `work` while another client asks again and again. Returns its 99th percentile in milliseconds. */
export async function whileAnotherAsks(server: Server, work: () => Promise<unknown>): Promise<number> {
  const session = await Session.open(server, SMALL_READ_BYTES)
  const waits: number[] = []
  let isOver = false
  const asking = (async () => {
    while (!isOver) {
      waits.push(await timed(() => session.ask('environment/status', {})))
      await sleep(PAUSE_MS)
    }
  })()
  try {
    await work()
  } finally {
    isOver = true
    await asking
    await session.close()
  }
  return percentile(waits, 0.99)
}
