/** `exec-server codex`: runs Codex so that it works on the devbox, or not at all. */
import { resolve } from 'node:path'
import process from 'node:process'
import { messageOf } from '../../../client/base/errors.ts'
import type { EnvironmentSpec } from '../../../client/environments/spec.ts'
import { displayUrl } from '../../../client/transports/target-url.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { printStderr, writeStderr } from '../io/stderr.ts'
import { writeOut } from '../io/write-out.ts'
import { findTarget, openDevbox } from '../target.ts'
import { CODEX_HELP, codexOptions, parseCodex } from './arguments.ts'
import type { CodexArguments } from './arguments.ts'
import { openCodexHome, settingsOf } from './codex-home.ts'
import type { CodexHome } from './codex-home.ts'
import { parseCodexCall } from './command-line.ts'
import { fileFor } from './environments-file.ts'
import { becomeCodex, endAs, runCodex } from './launch.ts'
import { describeDevbox, directoryFault, sandboxFault } from './look.ts'
import { callNotices, mcpNotices } from './notices.ts'
import { planFor } from './plan.ts'
import type { Plan } from './plan.ts'
import { openPrivateHome } from './private-home.ts'
import { findCodex } from './program.ts'
import type { CodexProgram } from './program.ts'
import { changeOf, writeFile } from './write-config.ts'

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: CODEX_HELP, options: codexOptions, operands: 'command' }

const VARIABLE = 'CODEX_EXEC_SERVER_URL'

/**
 * Runs Codex. Resolves with its exit code, if this process does not become Codex.
 * @throws {UsageError | CommandError}
 */
export async function codex(args: readonly string[]): Promise<number> {
  const options = parseCodex(args)
  if (options === undefined) return writeOut(CODEX_HELP)
  const call = parseCodexCall(options.args)
  if (call.usesDaemon !== undefined)
    throw new CommandError(`codex ${call.usesDaemon} works with the background server, and so on its environments`, 2, [
      'use exec, resume or the terminal interface, which work in a process of their own',
    ])
  const program = await findCodex(options.program)
  const spec = await findTarget(options.target)
  const home = await openCodexHome()
  // Refuses what this release cannot use before anything connects.
  planFor(spec, undefined, program.release)
  if (call.kind !== 'none') await checkDevbox(options, spec, resolve(call.directory ?? '.'))
  if (options.writesConfig) await writeConfig(home, spec, program)
  const plan = planFor(spec, await settingsOf(home), program.release)
  const id = spec.id
  for (const notice of [...callNotices(call, program.release), ...mcpNotices(await home.config(), program.release, id)])
    printStderr(notice)
  return start(program, options.args, spec, call.kind === 'none' ? { ...plan, kind: 'file' } : plan, home)
}

/** @throws {CommandError} if Codex could not work there */
async function checkDevbox({ target }: CodexArguments, spec: EnvironmentSpec, directory: string): Promise<void> {
  const devbox = await openDevbox(target)
  try {
    const { client } = devbox
    const name = 'url' in spec ? displayUrl(String(spec.url)) : `environment ${spec.id}`
    const fault = await directoryFault(client, directory)
    if (fault !== undefined)
      throw new CommandError(`${directory} on the devbox: ${fault}`, OWN_FAILURE, [
        'Codex runs its commands in the directory that it is started in: change to one that is on both machines',
        `or make it: exec-server run ${'url' in spec ? '--url URL' : `--env ${spec.id}`} -- mkdir -p DIR`,
      ])
    printStderr(`${name}: ${describeDevbox(client)}, in ${directory}`)
    const sandbox = await sandboxFault(client, directory)
    if (sandbox !== undefined)
      printStderr(`sandboxes do not work there, so Codex's commands fail unless it runs them without: ${sandbox}`)
  } finally {
    await devbox.close().catch(() => {})
  }
}

async function writeConfig(home: CodexHome, spec: EnvironmentSpec, { release }: CodexProgram): Promise<void> {
  const file = `${home.path}/environments.toml`
  if (!release.readsFile)
    throw new CommandError(`Codex ${release.version} does not read ${file}: 0.140.0 is the first`, OWN_FAILURE)
  const change = await changeOf(file, home.text, spec).catch((error: unknown) => {
    throw error instanceof CommandError ? error : new CommandError(messageOf(error), OWN_FAILURE)
  })
  if (change === undefined) return printStderr(`${file} is right`)
  writeStderr(change.diff)
  writeFile(file, change.text)
  home.text = change.text
  printStderr(`wrote ${file}; a background server of Codex takes it up after: codex app-server daemon restart`)
}

async function start(
  { path }: CodexProgram,
  args: readonly string[],
  spec: EnvironmentSpec,
  { kind, variable }: Plan,
  home: CodexHome,
): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env, [VARIABLE]: variable }
  if (kind !== 'private') {
    becomeCodex(path, args, env)
    return endAs(await runCodex(path, args, env))
  }
  const text = await fileFor(spec, home.text, `${home.path}/environments.toml`)
  const opened = openPrivateHome(home.path, text)
  const own = { ...env, CODEX_HOME: opened.path, CODEX_SQLITE_HOME: process.env['CODEX_SQLITE_HOME'] ?? home.path }
  let ended: Awaited<ReturnType<typeof runCodex>>
  try {
    ended = await runCodex(path, args, own)
  } finally {
    opened.close()
  }
  return endAs(ended)
}
