/** What the man page and the completions tell of the server and of the commands about this machine. */
import { logLevels } from '../../base/log-level.ts'
import type { CommandManual } from '../manual/manual.ts'
import { SANDBOX_MODES } from '../../mcp/policy.ts'
import { NETWORK_STATES } from '../base/mcp-policy.ts'
import { serveOptions } from './arguments.ts'
import { help } from './help.ts'
import type { CommandSummary } from './help.ts'

/** The server, whose help lists these commands. */
export const serverManual = (commands: readonly CommandSummary[]): CommandManual => ({
  help: help(commands),
  options: serveOptions,
  choices: {
    'log-level': logLevels,
    'ws-auth': ['capability-token', 'signed-bearer-token'],
    'mcp-sandbox': SANDBOX_MODES,
    'mcp-network': NETWORK_STATES,
  },
})

export const fsHelperManual: CommandManual = {
  help: 'Answers file calls on stdin, for use in a sandbox: a server starts it.\n\nUsage: exec-server fs-helper\n',
  options: {},
}
