/** Codex as `exec-server codex` starts it, where environments.toml and the background server lead elsewhere. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { run } from '../client.ts'
import type { CodexRun } from '../client.ts'
import type { Home } from '../home.ts'
import { installedCodex } from '../install.ts'
import { killProcesses } from '../processes.ts'
import type { Release } from '../release.ts'
import { executable } from '../server.ts'

/** Nothing listens there, and Codex would fall back to this machine. */
const ELSEWHERE = 'default = "old"\ninclude_local = true\n\n[[environments]]\nid = "old"\nurl = "ws://127.0.0.1:9"\n'

/** Of the background server, which first copies a program of 300 MB: minutes on a machine with other work. */
const DAEMON_MS = 300_000

/** Runs Codex once, on the server at `url`. */
export async function runLaunched(
  release: Release,
  home: Home,
  url: string,
  prompt: readonly string[],
): Promise<CodexRun> {
  const codex = installedCodex(release.version)
  const daemon = (command: string): Promise<unknown> =>
    promisify(execFile)(codex, ['app-server', 'daemon', command], { env: home.clientEnv, timeout: DAEMON_MS })
  writeFileSync(join(home.codexHome, 'environments.toml'), ELSEWHERE)
  if (release.hasDaemon) await daemon('start')
  try {
    return await run(executable, ['codex', '--codex', codex, '--url', url, ...prompt], home, {})
  } finally {
    if (release.hasDaemon) {
      await daemon('stop')
      // It stays, to install updates.
      killProcesses(home.folder, 'app-server daemon')
    }
  }
}
