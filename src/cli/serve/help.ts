/** The text of `exec-server --help`. */
import { AUTH_HELP } from './auth-arguments.ts'
import { DEFAULT_LISTEN } from './arguments.ts'
import { CONNECT_HELP } from '../connect/connect-arguments.ts'
import { IDLE_HELP } from './idle-arguments.ts'
import { limitHelp } from './limit-arguments.ts'
import { FORWARD_HELP } from '../base/forward-arguments.ts'
import { MAP_HELP } from '../base/map-arguments.ts'
import { START_HELP } from './start-arguments.ts'
import { MCP_HELP } from './mcp-arguments.ts'
import { PREVIEW_HELP } from '../base/preview-arguments.ts'
import { TELEMETRY_HELP } from './telemetry-arguments.ts'
import { TLS_HELP } from '../base/tls-arguments.ts'

/** Width of a command and its arguments, at which the summaries are aligned. */
const USAGE_WIDTH = 24

/** A command as the help lists it. */
export type CommandSummary = {
  name: string
  /** Its arguments. */
  usage: string
  /** What it does, as a phrase. */
  summary: string
  /** Whether it uses a devbox; otherwise it is about the machine that it runs on. */
  usesDevbox: boolean
}

const lines = (commands: readonly CommandSummary[]): string =>
  commands
    .map(({ name, usage, summary }) => `       exec-server ${`${name} ${usage}`.padEnd(USAGE_WIDTH)}${summary}\n`)
    .join('')

/** The text, with a line for each of the commands. */
export const help = (
  commands: readonly CommandSummary[],
): string => `exec-server: lets a coding agent work on this machine

Usage: exec-server [options]
${lines(commands.filter(({ usesDevbox }) => !usesDevbox))}
To use a devbox (each with --help):
${lines(commands.filter(({ usesDevbox }) => usesDevbox))}
Options:
  --listen URL                 where to listen: ws://IP:PORT, unix:/PATH, stdio or stdio:// (default ${DEFAULT_LISTEN});
                               the URL with the real port is the only line on stdout
${AUTH_HELP}${TLS_HELP}${CONNECT_HELP}  --bwrap PATH                 the bubblewrap that confines commands (default: the first on PATH)
  --require-sandbox            refuse every command and file call whose files no sandbox confines
${START_HELP}${MAP_HELP}  --http-policy RULES          whom http/request may talk to: {"allow":[…],"deny":[…]} of host names, *.NAME, IP addresses
                               and ranges, or the absolute path of a JSON file with that (default: anybody)
${FORWARD_HELP}${limitHelp}
${IDLE_HELP}${TELEMETRY_HELP}${MCP_HELP}${PREVIEW_HELP}  --config FILE                read options from this file, TOML or JSON: keys are options without their dashes; the
                               command line wins, where --no-NAME is a flag's opposite; exec-server config shows both
  --help                       show this text
  --version                    show the version
  --licenses                   show the licences of what is inside

Point Codex at the printed URL: CODEX_EXEC_SERVER_URL=ws://127.0.0.1:PORT codex
`
