/** A look at a server from its client's side. */
import type { ExecClient } from '../../client/base/types.ts'
import { messageOf } from '../../client/base/errors.ts'
import { openDevbox } from '../devbox/target.ts'
import type { TargetValues } from '../devbox/options.ts'
import { examineForCodex } from './for-codex.ts'
import { amiss, fine } from './findings.ts'
import type { Finding } from './findings.ts'

/** Round trips, of which the median is reported. */
const ROUND_TRIPS = 5

/** How long each look may take, in ms. */
const PATIENCE_MS = 10_000

/**
 * Connects and tries what a client needs.
 * @throws {CommandError} with exit code 255 if it cannot connect
 */
export async function* examineServer(target: TargetValues): AsyncGenerator<Finding, void, undefined> {
  const since = performance.now()
  const devbox = await openDevbox(target)
  try {
    const { client } = devbox
    yield fine('connection', `a session after ${milliseconds(performance.now() - since)}`)
    yield await tried('round trip', () => roundTrip(client))
    yield describeKind(client)
    yield* describeInfo(client)
    yield await tried('command', () => runTrue(client, false))
    yield await tried('terminal', () => runTrue(client, true))
    yield await tried('files', () => listRoot(client))
    yield* examineForCodex(client, target)
  } finally {
    await devbox.close().catch(() => {})
  }
}

const milliseconds = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`

async function tried(name: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return fine(name, await look())
  } catch (error) {
    return amiss(name, messageOf(error))
  }
}

async function roundTrip(client: ExecClient): Promise<string> {
  const times: number[] = []
  while (times.length < ROUND_TRIPS) {
    const since = performance.now()
    await client.readInfo({ signal: AbortSignal.timeout(PATIENCE_MS) })
    times.push(performance.now() - since)
  }
  return milliseconds(times.sort((a, b) => a - b)[Math.floor(ROUND_TRIPS / 2)] as number)
}

function describeKind({ extensions }: ExecClient): Finding {
  if (extensions.size > 0) return fine('server', `exec-server, with ${[...extensions].sort().join(', ')}`)
  return fine('server', "Codex's own, or as old: no list of processes, no terminal sizes, no end of stdin")
}

function* describeInfo({ environmentInfo }: ExecClient): Generator<Finding> {
  if (environmentInfo === undefined) return
  const { shell, cwd, userHomeDir, platformOs } = environmentInfo
  if (platformOs !== undefined) yield fine('platform', String(platformOs))
  if (shell !== undefined) yield fine('shell', shell.path)
  if (cwd !== undefined && cwd !== null) yield fine('directory', String(cwd))
  yield userHomeDir === undefined ? amiss('home', 'none') : fine('home', String(userHomeDir))
}

async function runTrue(client: ExecClient, tty: boolean): Promise<string> {
  const since = performance.now()
  const options = { argv: ['/bin/sh', '-c', 'exit 0'], ...(tty ? { tty: true as const } : {}) }
  const { exitCode } = await client.run(options, { signal: AbortSignal.timeout(PATIENCE_MS) })
  if (exitCode !== 0) throw new Error(`/bin/sh ended with ${exitCode}`)
  return `run in ${milliseconds(performance.now() - since)}`
}

async function listRoot(client: ExecClient): Promise<string> {
  const since = performance.now()
  await client.fs.readDirectory('/', { signal: AbortSignal.timeout(PATIENCE_MS) })
  return `listed in ${milliseconds(performance.now() - since)}`
}
