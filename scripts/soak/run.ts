/**
 * Mixed real load with random faults, for an hour or as long as is asked for, and what became of every request, byte
 * and process of it:
 *
 *   npm run soak -- [--minutes N] [--seed S] [--clients N] [--server ours | reference] [--reference VERSION] [--ours COMMAND]
 *
 * The choices follow from the seed; times are real. One server runs all the time, and its memory and open files are
 * what is watched; another is ended and started again every now and then; a third is spoken to over its stdin.
 */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../src/protocol/wire/errors.ts'
import { installReference } from '../bench/install-reference.ts'
import { childrenOf } from '../bench/proc.ts'
import { removeTemporaryFolder, temporaryFolder } from '../bench/temporary-folder.ts'
import { Client } from './client.ts'
import { makeData } from './data.ts'
import type { Data } from './data.ts'
import { killEverything, startNetwork, stdioEndpoint } from './endpoints.ts'
import type { Endpoint, Subject } from './endpoints.ts'
import { Ledger } from './ledger.ts'
import {
  cutConnections,
  endStdioServer,
  leaveForGood,
  readSlowly,
  restartServer,
  sendMalformed,
} from './disruptions.ts'
import type { Disruption } from './disruptions.ts'
import { readOptions } from './options.ts'
import type { Options } from './options.ts'
import { commandOf, isAlive, zombiesOf } from './processes.ts'
import { startProbe } from './probe.ts'
import { Random } from './random.ts'
import { progress, summary } from './report.ts'
import { AlreadyReported } from './requests.ts'
import { runAbusiveClients } from './abusive-clients.ts'
import { openFds, Samples } from './samples.ts'
import { Over } from './session.ts'
import { processTasks } from './tasks/processes.ts'
import { requestTasks } from './tasks/requests.ts'
import { canConfine, sandboxTasks } from './tasks/sandboxed.ts'
import { startFixture } from './web-fixture.ts'
import type { Fixture } from './web-fixture.ts'
import type { Task } from './work.ts'

/** Things that a client does side by side. */
const LANES = 3
/** Mean time between two of them. */
const THINK_MS = 150
/** Clients of the server that is restarted. */
const RESTARTED_CLIENTS = 2
const ABUSIVE_CLIENT_MS = 400
const SAMPLE_MS = 2000
const LINE_MS = 10_000
/** Short, so that sessions come to their end within the run, yet longer than any client stays away. */
const SESSION_SECONDS = 30
/** The reference's own. */
const REFERENCE_SESSION_SECONDS = 80
/** Little, so that the bound is met in the first minutes and memory is level from then on. */
const RETAINED_MIB = 64
/** Sessions and idle helpers are kept that long; then nothing more may be open than before. */
const SETTLE_MS = 60_000
/** What a server loads on first use stays open: its certificates, its terminals' library. */
const FDS_FOR_GOOD = 8

function ours(options: Options, run: string): Subject {
  const program = join(dirname(dirname(import.meta.dirname)), 'dist', 'exec-server')
  const limits = ['--session-ttl-seconds', String(SESSION_SECONDS), '--retained-mib', String(RETAINED_MIB)]
  return {
    command: [...(options.ours?.split(' ') ?? [program]), ...limits],
    env: process.env,
    run,
    leavesNothing: true,
  }
}

function reference(options: Options, run: string): Subject {
  const program = installReference(options.reference)
  // Away from the user's settings.
  const home = join(temporaryFolder(), 'codex')
  mkdirSync(home)
  return { command: [program, 'exec-server'], env: { ...process.env, CODEX_HOME: home }, run, leavesNothing: false }
}

/** Processes of the server's own that stay as long as it does, to clear up behind it. */
const isServant = (pid: number): boolean => /\b(exec-server-janitor|devbox-warden)\b/.test(commandOf(pid))

type Scene = { ledger: Ledger; random: Random; data: Data; web: Fixture; tasks: readonly Task[]; isOver: () => boolean }

/** One thing after the other, until the time is up. */
async function lane(client: Client, name: string, scene: Scene): Promise<void> {
  const { ledger, data, web, tasks, isOver } = scene
  const random = scene.random.fork(`${client.name}/${name}`)
  const folder = join(data.folder, `${client.name}-${name}`)
  mkdirSync(folder)
  while (!isOver()) {
    const task = random.weighted(tasks)
    try {
      await task.run({ session: await client.session(), ledger, random, data, web, folder })
      ledger.count(ledger.done, task.name)
    } catch (error) {
      if (error instanceof Over) ledger.dropped++
      else if (!(error instanceof AlreadyReported)) ledger.fault(`${task.name} of ${client.name}: ${messageOf(error)}`)
    }
    await sleep(random.pause(THINK_MS))
  }
}

async function watch(endpoint: Endpoint, samples: Samples, { ledger, isOver }: Scene): Promise<void> {
  const start = performance.now()
  for (let line = LINE_MS; !isOver(); ) {
    await sleep(SAMPLE_MS)
    const sample = await samples.take(childrenOf(endpoint.pid).length)
    const elapsed = performance.now() - start
    if (elapsed < line) continue
    line += LINE_MS
    process.stdout.write(`${progress(elapsed / 1000, ledger, sample)}\n`)
  }
}

async function main(): Promise<boolean> {
  const options = readOptions()
  const { minutes, seed } = options
  process.stdout.write(`seed ${seed}, ${minutes} minutes, ${options.clients} clients, ${options.server}\n`)
  const ledger = new Ledger()
  const random = new Random(seed)
  const run = `${process.pid}-${Date.now()}`
  const subject = options.server === 'ours' ? ours(options, run) : reference(options, run)
  const sessionMs = (options.server === 'ours' ? SESSION_SECONDS : REFERENCE_SESSION_SECONDS) * 1000
  const data = makeData(random)
  const web = await startFixture(data.lines)
  if (!canConfine()) process.stdout.write('(bubblewrap does not work here: nothing runs in a sandbox)\n')
  const tasks = [...processTasks, ...requestTasks, ...(canConfine() ? sandboxTasks : [])]

  const steady = await startNetwork('steady', subject, ledger)
  const restarted = await startNetwork('restarted', subject, ledger)
  const stdio = stdioEndpoint('stdio', subject, ledger)
  const end = performance.now() + minutes * 60_000
  const scene: Scene = { ledger, random, data, web, tasks, isOver: () => performance.now() > end }
  const disruption = (name: string): Disruption => ({
    ledger,
    random: random.fork(`disruption/${name}`),
    isOver: scene.isOver,
  })

  const clients = (count: number, endpoint: Endpoint): Client[] =>
    Array.from({ length: count }, (_, index) => new Client(`${endpoint.name}${index + 1}`, endpoint, ledger))
  const onStdio = new Client('stdio1', stdio, ledger)
  const resuming = [...clients(options.clients, steady), ...clients(RESTARTED_CLIENTS, restarted)]

  const fdsBefore = openFds(steady.pid) + FDS_FOR_GOOD
  const samples = new Samples(steady.pid, steady.url)
  const probe = startProbe(steady.url)
  await Promise.all([
    watch(steady, samples, scene),
    ...resuming.map((client) => cutConnections(client, disruption(`${client.name}/cut`))),
    ...[...resuming, onStdio].flatMap((client) => [
      ...Array.from({ length: LANES }, (_, index) => lane(client, String(index + 1), scene)),
      readSlowly(client, disruption(`${client.name}/slow`)),
      sendMalformed(client, disruption(`${client.name}/malformed`)),
    ]),
    leaveForGood(steady, sessionMs, disruption('leavers')),
    runAbusiveClients(steady, disruption('abusive-clients'), ABUSIVE_CLIENT_MS),
    restartServer(restarted, disruption('restart')),
    endStdioServer(onStdio, disruption('stdio')),
  ])

  process.stdout.write('the time is up; what is left is looked at\n')
  const { sent, failure } = await probe.stop()
  ledger.sent += sent
  ledger.answered += failure === undefined ? sent : sent - 1
  if (failure !== undefined) ledger.lose(`the measured connection: ${failure}`)
  for (const client of resuming) await (await client.present())?.leave()
  await (await onStdio.present())?.finish()
  await stdio.finish()
  const workers = (): number[] => childrenOf(steady.pid).filter((pid) => !isServant(pid))
  const settled = (): boolean => openFds(steady.pid) <= fdsBefore && workers().length === 0
  for (const deadline = Date.now() + SETTLE_MS; !settled() && Date.now() < deadline; ) await sleep(200)
  const fdsAfter = openFds(steady.pid)
  const zombies = zombiesOf(steady.pid)
  for (const pid of workers().filter(isAlive))
    ledger.leave(`${commandOf(pid)}, a child of a server that has nothing to do`)
  await Promise.all([steady.finish(), restarted.finish(), web.stop()])

  const { text, isGood } = summary(ledger, {
    minutes,
    seed,
    samples,
    roundTripsMs: probe.timesMs,
    zombies,
    fdsBefore,
    fdsAfter,
  })
  process.stdout.write(`\n${text}`)
  return isGood
}

// However the end comes about.
process.on('exit', () => {
  killEverything()
  removeTemporaryFolder()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

try {
  process.exit((await main()) ? 0 : 1)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
