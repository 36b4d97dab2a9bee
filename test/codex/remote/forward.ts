/** Codex's own relay: `codex exec-server forward` on the devbox registers this server, and a client works through it. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/server.ts'
import { PLAY, run } from '../client.ts'
import { makeHome } from '../home.ts'
import type { Home } from '../home.ts'
import { inTurn } from '../in-turn.ts'
import { installedCodex } from '../install.ts'
import { startModel } from '../model.ts'
import type { Script } from '../model.ts'
import { numbers } from '../numbers.ts'
import { assertNobodyLeft, killAtExit } from '../processes.ts'
import type { Release } from '../release.ts'
import { built, executable, startServer } from '../server.ts'
import { applyPatch, exec } from '../tools.ts'
import { startRegistry } from './registry.ts'
import type { Registry } from './registry.ts'

const TOKEN = 'registry-token'

function* work(folder: string): Script {
  const { text, exitCode } = yield exec('readlink /proc/$PPID/exe; pwd; seq 1 2000; exit 7')
  equal(text, `${executable}\n${folder}\n${numbers(1, 2000)}`)
  equal(exitCode, 7)
  yield applyPatch('*** Add File: patched.txt', '+one')
  equal(readFileSync(join(folder, 'patched.txt'), 'utf8'), 'one\n')
}

/** Throws unless all of it worked, and nothing is left. */
export async function playForward(release: Release): Promise<void> {
  const home = makeHome()
  const registry = await startRegistry()
  const server = await startServer(built, home)
  const model = await startModel(work(home.work))
  home.writeConfig({ model: release.model, modelUrl: model.baseUrl, sandbox: 'danger-full-access', mcp: '' })
  const codex = installedCodex(release.version)
  await inTurn(
    () => throughRelay(codex, home, registry, server.url),
    () => model.assertPlayed(),
    () => model.close(),
    () => registry.close(),
    () => server.stop(),
    () => equal(server.stderr(), ''),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

async function throughRelay(codex: string, home: Home, registry: Registry, url: string): Promise<void> {
  const place = ['--remote', registry.url, '--environment-id', registry.environmentId]
  const forward = killAtExit(
    spawn(codex, ['exec-server', 'forward', ...place, '--connect', url, '--registration-bearer-stdin'], {
      cwd: home.folder,
      env: home.clientEnv,
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  )
  const exited = once(forward, 'exit')
  let log = ''
  for (const stream of [forward.stdout, forward.stderr]) stream.on('data', (bytes: Buffer) => (log += bytes.toString()))
  forward.stdin.end(`${TOKEN}\n`)
  try {
    await eventually(() => registry.hasExecutor(), 30_000, 'the executor').catch((error: unknown) => {
      throw new Error(`${(error as Error).message}: ${log}`)
    })
    const env = {
      CODEX_EXEC_SERVER_NOISE_REGISTRY_URL: registry.url,
      CODEX_EXEC_SERVER_NOISE_ENVIRONMENT_ID: registry.environmentId,
      CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN: TOKEN,
    }
    const { exit, log: said } = await run(codex, PLAY, home, env)
    equal(exit, 0, said.slice(-2000))
    deepEqual([...new Set(registry.asked.map(({ what }) => what))], ['register', 'connect', 'validate'])
    ok(registry.asked.every(({ token }) => token === `Bearer ${TOKEN}`))
  } finally {
    forward.kill('SIGTERM')
    await exited
  }
}
