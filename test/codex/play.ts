/** Plays one case: a server, a Codex that is led by the case's script, and nothing left of either afterwards. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { dirname } from 'node:path'
import type { Case, Scene } from './cases.ts'
import { PLAY, runCodex } from './client.ts'
import { makeHome, STARTED_ENVIRONMENT } from './home.ts'
import type { Home } from './home.ts'
import { inTurn } from './in-turn.ts'
import { installedCodex, installedFolder } from './install.ts'
import { runLaunched } from './interactive/launched.ts'
import { placeMcp } from './mcp/mcp-fixture.ts'
import type { McpFixture } from './mcp/mcp-fixture.ts'
import { startModel } from './model.ts'
import { startRelay } from './relay.ts'
import { assertNobodyLeft } from './processes.ts'
import type { Release } from './release.ts'
import { LISTEN_ON_A_PORT, startServer } from './server.ts'
import type { ServerProgram } from './server.ts'

export type Transport = 'ws' | 'stdio'

type Play = { release: Release; program: ServerProgram; example: Case; home: Home }

/** What the two transports differ in. */
type Way = {
  /** By what name Codex knows the executor. */
  environment: string
  /** The arguments that the server has. */
  serverArgs: readonly string[]
  clientEnv: Record<string, string>
  /** The server is there until Codex has ended. */
  serverStays: boolean
  urlPath: string
  cut(): void
}

/** How long Codex is cut off. The server has output for it meanwhile. */
const OUTAGE_MS = 500

const LOG_LINES = 15

/** Throws with everything that went wrong. */
export async function play(
  release: Release,
  transport: Transport,
  program: ServerProgram,
  example: Case,
): Promise<void> {
  const home = makeHome(example.mapped)
  const it = { release, program, example, home }
  await inTurn(
    () => (transport === 'ws' ? overWebSocket(it) : overStdio(it)),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

async function overWebSocket(it: Play): Promise<void> {
  const { release, program, example, home } = it
  // Of a sandbox Codex brings nothing along: neither its program nor its home are in the server's reach.
  const unreachable = [home.codexHome, ...(program.ours ? [installedFolder(release.version)] : [])]
  const server = await startServer(program, home, {
    masked: [
      ...(example.sandbox === undefined ? [] : unreachable),
      ...(example.launched ? [home.work] : []),
      ...(example.mapped ? [dirname(home.work)] : []),
    ],
    more: [
      ...(example.capability ? ['--capability-url'] : []),
      ...(example.mapped ? ['--map', `${home.work}=${home.devbox}`] : []),
    ],
  })
  const relay = await startRelay(server.url)
  await inTurn(
    () =>
      follow(it, {
        environment: 'remote',
        serverArgs: LISTEN_ON_A_PORT,
        clientEnv: { CODEX_EXEC_SERVER_URL: relay.url },
        serverStays: true,
        cut: () => relay.cut(OUTAGE_MS),
        urlPath: new URL(relay.url).pathname,
      }),
    () => example.capability && assertClosed(server.url),
    () => ok(!example.cuts || relay.connections() > 1, 'Codex did not come back after the cut'),
    () => relay.close(),
    () => server.stop(),
    () =>
      program.ours && deepEqual(eventsOf(server.stderr()), example.capability ? [REFUSAL] : [], 'stderr of the server'),
  )
}

/** What {@link assertClosed} leads to: the first refusal is a warning. */
const REFUSAL = 'connectionRefused 401'

/** The events of a log; a line that is none as it is. */
function eventsOf(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      if (!line.startsWith('{')) return line
      const { event, status } = JSON.parse(line) as { event: string; status?: number }
      return `${event} ${status}`
    })
}

/** Codex itself starts the server, and stops it with SIGTERM. */
function overStdio(it: Play): Promise<void> {
  const serverArgs = ['--listen', 'stdio']
  it.home.writeEnvironments(it.program.file, [...it.program.args, ...serverArgs])
  return follow(it, {
    environment: STARTED_ENVIRONMENT,
    serverArgs,
    clientEnv: {},
    serverStays: false,
    urlPath: '',
    cut: () => {
      throw new Error('there is no connection to cut')
    },
  })
}

async function follow(it: Play, way: Way): Promise<void> {
  const { release, program, example, home } = it
  if (example.mcp === undefined) return lead(it, way)
  const server = [program.file, ...program.args, ...way.serverArgs].join(' ')
  const mcp = await placeMcp(example.mcp, { ...way, home, release, server })
  await inTurn(
    () => lead(it, way, mcp),
    () => mcp.assertDone(),
    () => mcp.close(),
  )
}

async function lead({ release, program, example, home }: Play, way: Way, mcp?: McpFixture): Promise<void> {
  example.prepare?.(home.devbox)
  const scene: Scene = {
    work: home.work,
    devbox: home.devbox,
    server: program.file,
    urlPath: way.urlPath,
    cut: way.cut,
    told: () => model.told(),
    ...(mcp === undefined ? {} : { mcp: mcp.tools }),
  }
  const model = await startModel(example.script(scene))
  const sandbox = example.sandbox ?? 'danger-full-access'
  home.writeConfig({
    model: release.model,
    modelUrl: model.baseUrl,
    sandbox,
    mcp: mcp?.table ?? '',
    features: example.features,
  })
  const run = example.launched
    ? runLaunched(release, home, way.clientEnv['CODEX_EXEC_SERVER_URL'] ?? '', PLAY)
    : runCodex(installedCodex(release.version), home, way.clientEnv)
  const { exit, log } = await run.finally(model.close)
  try {
    model.assertPlayed()
    equal(exit, 0, `Codex ended with ${exit}`)
  } catch (error) {
    const tail = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')
    throw new Error(`${(error as Error).message}\nthe end of Codex's log:\n${tail}`)
  }
}

/** Nobody is let in without the token, or with another. */
async function assertClosed(url: string): Promise<void> {
  for (const path of ['/', '/c/', `/c/${'A'.repeat(43)}`]) {
    const socket = new WebSocket(new URL(path, url))
    const outcome = await new Promise((resolve) => {
      socket.onopen = () => resolve('open')
      socket.onerror = () => resolve('refused')
    })
    socket.close()
    equal(outcome, 'refused', path)
  }
}
