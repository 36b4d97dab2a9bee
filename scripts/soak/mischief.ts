/** What goes wrong in life, done on purpose, each at random moments: to connections, to their readers, to servers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from './client.ts'
import type { Endpoint, EndSignal } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import { cuts } from './links.ts'
import { isAlive } from './processes.ts'
import type { Random } from './random.ts'
import { Told } from './requests.ts'
import { CutOff, Over } from './session.ts'
import { PATH } from './work.ts'

export type Mischief = { ledger: Ledger; random: Random; isOver: () => boolean }

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
async function repeatedly({ random, isOver }: Mischief, meanMs: number, act: () => Promise<void>): Promise<void> {
  for (;;) {
    for (let left = random.pause(meanMs); left > 0 && !isOver(); left -= TURN_MS) await sleep(Math.min(left, TURN_MS))
    if (isOver()) return
    await act()
  }
}

const TURN_MS = 250

/** Cuts the connection; the client comes back and reads what it has missed. */
export const cutConnections = (client: Client, mischief: Mischief): Promise<void> =>
  repeatedly(mischief, CUT_MS, async () => {
    const session = await client.present()
    const how = mischief.random.pick(cuts)
    const awayMs = mischief.random.chance(0.3) ? 0 : Math.min(mischief.random.pause(AWAY_MS), 3 * AWAY_MS)
    const failures = mischief.random.chance(0.2) ? mischief.random.whole(1, 3) : 0
    if (session === undefined) return
    mischief.ledger.count(mischief.ledger.mischief, `connection cut (${how})`)
    if (failures > 0) mischief.ledger.count(mischief.ledger.mischief, 'connection cut again at once')
    await session.cut(how, awayMs, failures)
  })

export const readSlowly = (client: Client, mischief: Mischief): Promise<void> =>
  repeatedly(mischief, SLOW_MS, async () => {
    const session = await client.present()
    if (session === undefined) return
    mischief.ledger.count(mischief.ledger.mischief, 'reader stopped for a while')
    session.pause()
    await sleep(mischief.random.size(...PAUSED_MS))
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

export const sendMalformed = (client: Client, mischief: Mischief): Promise<void> =>
  repeatedly(mischief, MALFORMED_MS, async () => {
    const session = await client.present()
    // An empty line is none on stdio.
    const text = mischief.random.pick(MALFORMED.filter((each) => each !== '' || client.endpoint.resumable))
    if (session === undefined) return
    mischief.ledger.count(mischief.ledger.mischief, 'malformed message')
    try {
      const { code } = await session.malformed(text)
      if (code !== -32600) mischief.ledger.fault(`${text.slice(0, 60)} was refused with ${code}`)
    } catch (error) {
      if (!isExcused(error)) throw error
    }
  })

const isExcused = (error: unknown): boolean => error instanceof CutOff || error instanceof Over || error instanceof Told

/** Connects, starts processes and never comes back: they must end with the session. */
export const leaveForGood = (endpoint: Endpoint, sessionMs: number, mischief: Mischief): Promise<void> => {
  const watches: Promise<void>[] = []
  let count = 0
  const leave = async (): Promise<void> => {
    const { ledger, random } = mischief
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
    ledger.count(ledger.mischief, 'client gone for good')
    await session.leave()
    const watch = async (): Promise<void> => {
      await sleep(sessionMs)
      const alive = await ledger.gone('the end of a session', () => pids.filter(isAlive))
      for (const pid of alive) ledger.leave(`${pid} of a session that nobody came back to`)
    }
    watches.push(watch())
  }
  return repeatedly(mischief, LEAVE_MS, leave)
    .then(() => Promise.all(watches))
    .then(() => {})
}

const signalOf = (random: Random): EndSignal => (random.chance(KILL_SHARE) ? 'SIGKILL' : 'SIGTERM')

export const restartServer = (endpoint: Endpoint, mischief: Mischief): Promise<void> =>
  repeatedly(mischief, RESTART_MS, async () => {
    const signal = signalOf(mischief.random)
    mischief.ledger.count(mischief.ledger.mischief, `server restarted (${signal})`)
    await endpoint.end(signal)
  })

/** The end of stdin is to be answered in full, a signal is not. */
export const endStdioServer = (client: Client, mischief: Mischief): Promise<void> =>
  repeatedly(mischief, STDIO_END_MS, async () => {
    const session = await client.present()
    if (session === undefined) return
    const signal = signalOf(mischief.random)
    const finishes = mischief.random.chance(0.5)
    mischief.ledger.count(mischief.ledger.mischief, `stdio server ended (${finishes ? 'end of stdin' : signal})`)
    await (finishes ? session.finish() : client.endpoint.end(signal))
  })
