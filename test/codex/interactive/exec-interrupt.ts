/** Ctrl-C during `codex exec`, in a terminal: with `exec-server codex` as without it. */
import { equal } from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/server.ts'
import { PLAY } from '../client.ts'
import { makeHome } from '../home.ts'
import type { Home } from '../home.ts'
import { inTurn } from '../in-turn.ts'
import { installedCodex } from '../install.ts'
import { startModel } from '../model.ts'
import type { Script } from '../model.ts'
import { assertNobodyLeft } from '../processes.ts'
import type { Release } from '../release.ts'
import { built, executable, startServer } from '../server.ts'
import { exec } from '../tools.ts'
import type { ToolCall } from '../tools.ts'
import { openTerminal } from './terminal.ts'

type Command = { cmd: string; tty: boolean }

/** A command that leaves a child behind, and one that runs in a terminal of the devbox. */
const COMMANDS: readonly Command[] = [
  { cmd: 'sleep 1000 & echo $$ $! > pids.new; mv pids.new pids; wait', tty: false },
  { cmd: 'setsid sleep 1000 & echo $$ $! > pids.new; mv pids.new pids; exec sleep 1000', tty: true },
]

/** Throws unless all of it worked, and nothing is left. */
export async function playExecInterrupt(release: Release): Promise<void> {
  const home = makeHome()
  const server = await startServer(built, home)
  const codex = installedCodex(release.version)
  const launched = [executable, 'codex', '--codex', codex, '--url', server.url]
  await inTurn(
    async () => {
      for (const command of COMMANDS) {
        const alone = await interrupt(release, home, command, ['env', `CODEX_EXEC_SERVER_URL=${server.url}`, codex])
        equal(await interrupt(release, home, command, launched), alone, 'how it ended')
      }
    },
    () => server.stop(),
    () => equal(server.stderr(), ''),
    () => assertNobodyLeft(home.folder),
    () => home.remove(),
  )
}

/** How Codex ended, after all that its command had started. */
async function interrupt(
  release: Release,
  home: Home,
  { cmd, tty }: Command,
  program: readonly string[],
): Promise<number> {
  const model = await startModel(playOnce(exec(cmd, { tty })))
  home.writeConfig({ model: release.model, modelUrl: model.baseUrl, sandbox: 'danger-full-access', mcp: '' })
  const terminal = await openTerminal([...program, ...PLAY], {
    folder: home.folder,
    cwd: home.work,
    env: home.clientEnv,
  })
  const file = join(home.work, 'pids')
  try {
    await eventually(() => existsSync(file), 60_000, 'the command').catch(async (error: unknown) => {
      throw new Error(`${(error as Error).message}:\n${await terminal.screen()}`)
    })
    const pids = readFileSync(file, 'utf8').trim().split(' ')
    await terminal.press('C-c')
    const exit = await terminal.exit()
    await eventually(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), 10_000, 'the end of the command')
    model.assertPlayed()
    return exit
  } finally {
    rmSync(file, { force: true })
    await terminal.close()
    model.close()
  }
}

/** Cut short by the Ctrl-C. */
function* playOnce(step: ToolCall): Script {
  yield* []
  return step
}
