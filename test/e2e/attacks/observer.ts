/** Measures how long another client waits for its answers while a server is attacked. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { cpuSeconds, memory } from '../../../scripts/bench/proc.ts'
import { endChild, endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { sleep } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import type { Attack } from './attacks.ts'

/** Round trips in milliseconds. */
export type Waits = { count: number; median: number; p99: number; max: number }

/** What an attack does to another client, and to the server. */
export type Effect = {
  /** Without the attack, on the same server just before. */
  control: Waits
  attacked: Waits
  /** Seconds that a new client needs to get in meanwhile. */
  entry: number
  /** Share of one core that the server takes meanwhile. */
  cpu: number
  /** Resident memory in MiB at the end. */
  memory: number
}

/** Interval between two requests of the observer. */
const PAUSE_MS = 2

/** How much longer than planned an attack may take before it is ended. */
const GIVE_UP_FACTOR = 3

/** Attacks a server for `ms` milliseconds. */
export async function measureEffect(server: RunningServer, attack: Attack, ms: number): Promise<Effect> {
  const client = await Client.connect(server.url)
  const trips = (duration: number): Promise<Waits> => roundTrips(client, duration, attack.observed)
  await trips(ms / 4)
  const control = await trips(ms)
  const attacker = endWithTest(
    fork(join(import.meta.dirname, 'attacker.ts'), [attack.name, server.url], { stdio: 'inherit' }),
    'SIGKILL',
  )
  await once(attacker, 'message')
  // A server that stands still goes on once the attack ends.
  const giveUp = setTimeout(() => void endChild(attacker, 'SIGKILL'), GIVE_UP_FACTOR * ms)
  const pid = server.child.pid as number
  const [cpuBefore, since] = [cpuSeconds(pid), performance.now()]
  const entering = performance.now()
  const entered = Client.connect(server.url).then(async (second) => {
    const seconds = (performance.now() - entering) / 1000
    await second.drop()
    return seconds
  })
  const attacked = await trips(ms)
  const cpu = (cpuSeconds(pid) - cpuBefore) / ((performance.now() - since) / 1000)
  const entry = await entered
  const { resident } = memory(pid)
  clearTimeout(giveUp)
  await endChild(attacker, 'SIGKILL')
  await client.drop()
  return { control, attacked, entry, cpu, memory: resident }
}

async function roundTrips(
  client: Client,
  ms: number,
  { method, params }: NonNullable<Attack['observed']> = { method: 'environment/status', params: null },
): Promise<Waits> {
  const waits: number[] = []
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const before = performance.now()
    await client.request(method, params)
    waits.push(performance.now() - before)
    client.messages.length = 0
    await sleep(PAUSE_MS)
  }
  waits.sort((a, b) => a - b)
  const at = (share: number): number => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] as number
  return { count: waits.length, median: at(0.5), p99: at(0.99), max: at(1) }
}

/** Whether processes can be looked at, as measuring needs it. */
export const canMeasure = process.platform === 'linux'
