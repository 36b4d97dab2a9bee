/** A folder for one run: the CODEX_HOME, and a folder to work in. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { cacheFolder } from './install.ts'
import { killProcesses, markFor } from './processes.ts'

export type Home = {
  folder: string
  codexHome: string
  /** Where Codex is started, which is where its commands run. */
  work: string
  /** What Codex and the server are started with: little, so that nothing of the user's own set-up has a say. */
  env: Record<string, string>
  writeConfig(config: { model: string; modelUrl: string; sandbox: SandboxMode }): void
  writeEnvironments(program: string, args: readonly string[]): void
  /** Throws if something is left. */
  remove(): void
}

/** Those that an interrupted run leaves to the end of this process. */
const homes = new Set<string>()
process.on('exit', () => {
  for (const folder of homes) {
    killProcesses(folder)
    removeFolder(folder)
  }
})

export function makeHome(): Home {
  // Not in the temporary folder, where Codex refuses to have its home.
  mkdirSync(cacheFolder, { recursive: true })
  const folder = realpathSync(mkdtempSync(join(cacheFolder, 'home-')))
  homes.add(folder)
  // A name that a file URI must encode.
  const work = join(folder, 'wörk folder')
  const codexHome = join(folder, 'codex')
  for (const path of [work, codexHome]) mkdirSync(path)
  return {
    folder,
    codexHome,
    work,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...markFor(folder) },
    writeConfig: ({ model, modelUrl, sandbox }) => writeFileSync(join(codexHome, 'config.toml'), config(model, modelUrl, sandbox)),
    writeEnvironments: (program, args) => writeFileSync(join(codexHome, 'environments.toml'), environments(program, args)),
    remove: () => {
      removeFolder(folder)
      if (existsSync(folder)) throw new Error(`${folder} could not be removed`)
      homes.delete(folder)
    },
  }
}

function removeFolder(folder: string): void {
  // Processes that are being killed may still write.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** The environment variable that Codex takes the model's key from; it insists on one. */
export const MODEL_KEY = 'STAND_IN_MODEL_KEY'

export type SandboxMode = 'danger-full-access' | 'workspace-write' | 'read-only'

function config(model: string, modelUrl: string, sandbox: SandboxMode): string {
  return `model = ${JSON.stringify(model)}
model_provider = "stand-in"
approval_policy = "never"
sandbox_mode = "${sandbox}"
check_for_update_on_startup = false

[analytics]
enabled = false

[features]
unified_exec = true

[model_providers.stand-in]
name = "stand-in"
base_url = ${JSON.stringify(modelUrl)}
wire_api = "responses"
env_key = "${MODEL_KEY}"
requires_openai_auth = false
supports_websockets = false
`
}

/** No local environment: Codex would fall back to it without a word, and run the commands itself. */
function environments(program: string, args: readonly string[]): string {
  return `default = "devbox"
include_local = false

[[environments]]
id = "devbox"
program = ${JSON.stringify(program)}
args = ${JSON.stringify(args)}
`
}
