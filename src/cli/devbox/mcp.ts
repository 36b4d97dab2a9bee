/** `exec-server mcp`: an MCP server on stdin and stdout, for any agent. */
import type { CommandManual } from '../manual/manual.ts'
import { messageOf } from '../../client/base/errors.ts'
import { SANDBOX_MODES } from '../../mcp/policy.ts'
import { NETWORK_STATES, parseMcpPolicy } from '../base/mcp-policy.ts'
import { CommandError } from './base/command-error.ts'
import { writeOut } from './io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from './options.ts'
import { openDevbox } from './target.ts'

const HELP = `Lets any agent work on a devbox: an MCP server (Model Context Protocol) on stdin and stdout.

Usage: exec-server mcp [options]

${TARGET_HELP}  --workspace DIR           the directory on the devbox to work in (default: where its server was started)
  --sandbox MODE            read-only, workspace-write (default) or full: what commands and file calls may write
  --network STATE           on or off (default): whether commands have a network, and fetch is offered; with full it is on

The sandbox is enforced on the devbox, for every tool. Where it cannot be enforced, calls are refused: exec-server doctor.
When the client closes stdin, the server ends, and so does everything that it started.
`

const options = {
  ...targetOptions,
  workspace: { type: 'string' },
  sandbox: { type: 'string' },
  network: { type: 'string' },
} as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = {
  help: HELP,
  options,
  choices: { sandbox: SANDBOX_MODES, network: NETWORK_STATES },
}

/**
 * Serves until the client is gone.
 * @throws {UsageError | CommandError}
 */
export async function mcp(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return writeOut(HELP)
  if (positionals.length > 0) throw usageError(`mcp takes no argument, not '${positionals[0]}'`)
  checkTarget(values)
  const policy = parseMcpPolicy(values)
  const devbox = await openDevbox(values)
  try {
    const { openWorkspace } = await import('../../mcp/workspace.ts')
    const workspace = await openWorkspace(devbox.client, policy).catch((error: unknown) => {
      throw new CommandError(messageOf(error), 1)
    })
    const { serveStdio } = await import('../../mcp/stdio.ts')
    await serveStdio(workspace)
    return 0
  } finally {
    await devbox.close().catch(() => {})
  }
}
