/** Injects faults at random moments: into connections, their readers, and servers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from './client.ts'
import type { Endpoint, EndSignal } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import { cuts } from './links.ts'
import { isAlive } from './processes.ts'
import type { Random } from './random.ts'
import { AlreadyReported } from './requests.ts'
import { CutOff, Over } from './session.ts'
import { PATH } from './work.ts'

export type Disruption = { ledger: Ledger; random: Random; isOver: () => boolean }

/** Mean times between two of a kind, in milliseconds. */
const CUT_MS = 4000
const SLOW_MS = 6000
const MALFORMED_MS = 2000
const LEAVE_MS = 4000
const RESTART_MS = 25_000
const STDIO_END_MS = 15_000

const AWAY_MS = 1000
const PAUSED_MS = [100, 3000] as const
/** Of ends of servers. */
const KILL_SHARE = 0.25

/** Does it again and again until the run is over. */
async function repeatedly({ random, isOver }: Disruption, meanMs: number, act: () => Promise<void>): Promise<void> {
  for (;;) {
    for (let left = random.pause(meanMs); left > 0 && !isOver(); left -= TURN_MS) await sleep(Math.min(left, TURN_MS))
    if (isOver()) return
    await act()
  }
}

const TURN_MS = 250

/** Cuts the connection; the client comes back and reads what it has missed. */
export const cutConnections = (client: Client, disruption: Disruption): Promise<void> =>
  repeatedly(disruption, CUT_MS, async () => {
    const session = await client.present()
    const how = disruption.random.pick(cuts)
    const awayMs = disruption.random.chance(0.3) ? 0 : Math.min(disruption.random.pause(AWAY_MS), 3 * AWAY_MS)
    const failures = disruption.random.chance(0.2) ? disruption.random.whole(1, 3) : 0
    if (session === undefined) return
    disruption.ledger.count(disruption.ledger.disruptions, `connection cut (${how})`)
    if (failures > 0) disruption.ledger.count(disruption.ledger.disruptions, 'connection cut again at once')
    await session.cut(how, awayMs, failures)
  })

export const readSlowly = (client: Client, disruption: Disruption): Promise<void> =>
  repeatedly(disruption, SLOW_MS, async () => {
    const session = await client.present()
    if (session === undefined) return
    disruption.ledger.count(disruption.ledger.disruptions, 'reader stopped for a while')
    session.pause()
    await sleep(disruption.random.size(...PAUSED_MS))
    session.resume()
  })

const MALFORMED = [
  '',
  '{',
  '[]',
  'null',
  '"text"',
  '{"id":1}',
  '{"id":{},"method":"environment/status"}',
  '{"id":1,"method":5}',
  '{"id":1.5,"method":"environment/status"}',
  '{"id":1,"method":"environment/status","trace":5}',
  `${'['.repeat(20_000)}`,
  '{"id":1,"method":"environment/status","params":{}}}',
  '\u0000',
]

export const sendMalformed = (client: Client, disruption: Disruption): Promise<void> =>
  repeatedly(disruption, MALFORMED_MS, async () => {
    const session = await client.present()
    // An empty line is none on stdio.
    const text = disruption.random.pick(MALFORMED.filter((each) => each !== '' || client.endpoint.resumable))
    if (session === undefined) return
    disruption.ledger.count(disruption.ledger.disruptions, 'malformed message')
    try {
      const { code } = await session.malformed(text)
      if (code !== -32600) disruption.ledger.fault(`${text.slice(0, 60)} was refused with ${code}`)
    } catch (error) {
      if (!isExcused(error)) throw error
    }
  })

const isExcused = (error: unknown): boolean =>
  error instanceof CutOff || error instanceof Over || error instanceof AlreadyReported

/** Connects, starts processes and never comes back: they must end with the session. */
export const leaveForGood = (endpoint: Endpoint, sessionMs: number, disruption: Disruption): Promise<void> => {
  const watches: Promise<void>[] = []
  let count = 0
  const leave = async (): Promise<void> => {
    const { ledger, random } = disruption
    const session = await new Client(`leaver${++count}`, endpoint, ledger).session()
    const pids: number[] = []
    for (let left = random.whole(1, 3); left > 0; left--) {
      const tty = random.chance(0.5)
      const stream = tty ? 'pty' : 'stdout'
      const followed = session.follow({ processId: session.unique('p'), streams: { [stream]: 'text' } })
      const told = Promise.withResolvers<void>()
      followed.watch(() => followed.text(stream).includes('.') && told.resolve())
      const argv = ['/bin/sh', '-c', 'trap "" HUP TERM; sleep 1000 & echo "$$ $!."; wait']
      const how = { cwd: 'file:///', env: { PATH, ...endpoint.mark }, tty, pipeStdin: false, arg0: null }
      await session.request('process/start', { processId: followed.processId, argv, ...how })
      await told.promise
      pids.push(...(followed.text(stream).match(/\d+/g) ?? []).map(Number))
    }
    ledger.count(ledger.disruptions, 'client gone for good')
    await session.leave()
    const watch = async (): Promise<void> => {
      await sleep(sessionMs)
      const alive = await ledger.gone('the end of a session', () => pids.filter(isAlive))
      for (const pid of alive) ledger.leave(`${pid} of a session that nobody came back to`)
    }
    watches.push(watch())
  }
  return repeatedly(disruption, LEAVE_MS, leave)
    .then(() => Promise.all(watches))
    .then(() => {})
}

const signalOf = (random: Random): EndSignal => (random.chance(KILL_SHARE) ? 'SIGKILL' : 'SIGTERM')

export const restartServer = (endpoint: Endpoint, disruption: Disruption): Promise<void> =>
  repeatedly(disruption, RESTART_MS, async () => {
    const signal = signalOf(disruption.random)
    disruption.ledger.count(disruption.ledger.disruptions, `server restarted (${signal})`)
    await endpoint.end(signal)
  })

/** The end of stdin is to be answered in full, a signal is not. */
export const endStdioServer = (client: Client, disruption: Disruption): Promise<void> =>
  repeatedly(disruption, STDIO_END_MS, async () => {
    const session = await client.present()
    if (session === undefined) return
    const signal = signalOf(disruption.random)
    const finishes = disruption.random.chance(0.5)
    disruption.ledger.count(disruption.ledger.disruptions, `stdio server ended (${finishes ? 'end of stdin' : signal})`)
    await (finishes ? session.finish() : client.endpoint.end(signal))
  })
