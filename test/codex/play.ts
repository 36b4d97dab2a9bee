/** Plays one case: a server, a Codex that is led by the case's script, and nothing left of either afterwards. */
import { equal, ok } from 'node:assert/strict'
import type { Case } from './cases.ts'
import { runCodex } from './client.ts'
import { makeHome } from './home.ts'
import type { Home } from './home.ts'
import { installedCodex, installedFolder } from './install.ts'
import { startModel } from './model.ts'
import { startRelay } from './relay.ts'
import { assertNobodyLeft } from './processes.ts'
import type { Release } from './release.ts'
import { executable, startBuiltServer } from './server.ts'

export type Transport = 'ws' | 'stdio'

/** How long Codex is cut off. The server has output for it meanwhile. */
const OUTAGE_MS = 500

const LOG_LINES = 15

/** Throws with everything that went wrong. */
export async function play(release: Release, transport: Transport, example: Case): Promise<void> {
  const home = makeHome()
  await inTurn(
    () => (transport === 'ws' ? overWebSocket(release, home, example) : overStdio(release, home, example)),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

async function overWebSocket(release: Release, home: Home, example: Case): Promise<void> {
  // Of a sandbox Codex brings nothing along: neither its program nor its home are in the server's reach.
  const masked = example.sandbox === undefined ? [] : [home.codexHome, installedFolder(release.version)]
  const server = await startBuiltServer(home, masked)
  const relay = await startRelay(server.url)
  await inTurn(
    () => follow(release, home, example, { CODEX_EXEC_SERVER_URL: relay.url }, () => relay.cut(OUTAGE_MS)),
    () => ok(!example.cuts || relay.connections() > 1, 'Codex did not come back after the cut'),
    () => relay.close(),
    () => server.stop(),
    // The server writes there of faults only.
    () => equal(server.stderr(), '', 'stderr of the server'),
  )
}

/** Codex itself starts the server, and stops it with SIGTERM. */
function overStdio(release: Release, home: Home, example: Case): Promise<void> {
  home.writeEnvironments(executable, ['--listen', 'stdio'])
  return follow(release, home, example, {}, () => {
    throw new Error('there is no connection to cut')
  })
}

async function follow(release: Release, home: Home, example: Case, env: Record<string, string>, cut: () => void): Promise<void> {
  const model = await startModel(example.script({ work: home.work, cut }))
  home.writeConfig({ model: release.model, modelUrl: model.baseUrl, sandbox: example.sandbox ?? 'danger-full-access' })
  const { exit, log } = await runCodex(installedCodex(release.version), home, env).finally(model.close)
  try {
    model.assertPlayed()
    equal(exit, 0, `Codex ended with ${exit}`)
  } catch (error) {
    const tail = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')
    throw new Error(`${(error as Error).message}\nthe end of Codex's log:\n${tail}`)
  }
}

/** Takes every step, whatever becomes of those before, and throws with all that went wrong. */
async function inTurn(...steps: (() => void | Promise<void>)[]): Promise<void> {
  const problems: string[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
}
