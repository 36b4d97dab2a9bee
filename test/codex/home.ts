/** A folder for one run: the CODEX_HOME, and a folder to work in. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { cacheFolder } from './install.ts'
import { killProcesses, markFor } from './processes.ts'
import { CLIENT_TOKEN, SERVER_TOKEN, TOKEN } from './token.ts'

export type Home = {
  folder: string
  codexHome: string
  /** Where Codex is started, which is where its commands run, unless it is mapped. */
  work: string
  /** Where the server has that folder: the same path, unless it is mapped. */
  devbox: string
  /** What all processes of the run have in their environment. */
  mark: Record<string, string>
  /** What Codex and the server are started with: little, so that nothing of the user's own set-up has a say. */
  clientEnv: Record<string, string>
  serverEnv: Record<string, string>
  writeConfig(config: Config): void
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

/** `isMapped`: the server has the folder to work in under another path. */
export function makeHome(isMapped = false): Home {
  // Not in the temporary folder, where Codex refuses to have its home.
  mkdirSync(cacheFolder, { recursive: true })
  const folder = realpathSync(mkdtempSync(join(cacheFolder, 'home-')))
  homes.add(folder)
  // A name that a file URI must encode.
  const work = join(folder, ...(isMapped ? ['laptop'] : []), 'wörk folder')
  const devbox = isMapped ? join(folder, 'devbox', 'app') : work
  const codexHome = join(folder, 'codex')
  for (const path of [work, devbox, codexHome]) mkdirSync(path, { recursive: true })
  const mark = markFor(folder)
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8', ...mark }
  return {
    folder,
    codexHome,
    work,
    devbox,
    mark,
    clientEnv: { ...env, CODEX_HOME: codexHome, [MODEL_KEY]: 'none', [TOKEN]: CLIENT_TOKEN },
    serverEnv: { ...env, [TOKEN]: SERVER_TOKEN },
    writeConfig: (config) => writeFileSync(join(codexHome, 'config.toml'), configToml(config, work)),
    writeEnvironments: (program, args) =>
      writeFileSync(join(codexHome, 'environments.toml'), environmentsToml(program, args)),
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
const MODEL_KEY = 'STAND_IN_MODEL_KEY'

export type SandboxMode = 'danger-full-access' | 'workspace-write' | 'read-only'

export type Config = {
  model: string
  modelUrl: string
  sandbox: SandboxMode
  /** A table of an MCP server, if there is one. */
  mcp: string
  /** Features that are off by default. */
  features?: readonly string[] | undefined
  /** The terminal interface does not ask whether the folder can be trusted. */
  isTrusted?: boolean
}

function configToml({ model, modelUrl, sandbox, mcp, features = [], isTrusted = false }: Config, work: string): string {
  return `model = ${JSON.stringify(model)}
model_provider = "stand-in"
approval_policy = "never"
sandbox_mode = "${sandbox}"
check_for_update_on_startup = false
# Enough for the longest result of a tool here to reach the model whole.
tool_output_token_limit = 200000

[analytics]
enabled = false

[features]
unified_exec = true
${features.map((feature) => `${feature} = true\n`).join('')}
[model_providers.stand-in]
name = "stand-in"
base_url = ${JSON.stringify(modelUrl)}
wire_api = "responses"
env_key = "${MODEL_KEY}"
requires_openai_auth = false
supports_websockets = false

${isTrusted ? `[projects.${JSON.stringify(work)}]\ntrust_level = "trusted"\n\n` : ''}${mcp}`
}

/** The id of the environment whose server Codex starts. */
export const STARTED_ENVIRONMENT = 'devbox'

/** No local environment: Codex would fall back to it without a word, and run the commands itself. */
function environmentsToml(program: string, args: readonly string[]): string {
  return `default = "${STARTED_ENVIRONMENT}"
include_local = false

[[environments]]
id = "${STARTED_ENVIRONMENT}"
env = { ${TOKEN} = "${SERVER_TOKEN}" }
program = ${JSON.stringify(program)}
args = ${JSON.stringify(args)}
`
}
