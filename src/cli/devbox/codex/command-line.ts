/** What a command line of Codex asks for. Codex itself parses it. */

/** Options before the subcommand that take a value, of all releases. */
const WITH_VALUE = new Set([
  ...[
    '-c',
    '--config',
    '--enable',
    '--disable',
    '--remote',
    '--remote-auth-token-env',
    '-i',
    '--image',
    '-m',
    '--model',
  ],
  ...['--local-provider', '-p', '--profile', '-s', '--sandbox', '-C', '--cd', '--add-dir', '-a', '--ask-for-approval'],
])

/** Subcommands that open the TUI. */
const INTERACTIVE = ['resume', 'fork']
/** Subcommands that run commands, besides. */
const SESSIONS = ['exec', 'e', 'review', 'app-server', 'mcp-server', 'proto']
/** Subcommands that hand their work to the background server, which has read its environments before. */
const OF_DAEMON = ['agents', 'queue', 'remote-control']
/** The other subcommands: they run no commands for the model. A word that is none of these begins a prompt. */
const OTHERS = [
  ...[
    'login',
    'logout',
    'mcp',
    'plugin',
    'completion',
    'update',
    'doctor',
    'sandbox',
    'debug',
    'apply',
    'a',
    'archive',
  ],
  ...['delete', 'migrate-rollouts', 'migrate-nfs-db', 'unarchive', 'cloud', 'exec-server', 'features', 'help'],
]

export type CodexCall = {
  /** `tui` and `batch` run commands on the devbox; `none` runs none. */
  kind: 'tui' | 'batch' | 'none'
  /** What leads past the environments of this process: a subcommand or an option. */
  usesDaemon: string | undefined
  /** The directory of -C, as given. */
  directory: string | undefined
}

/** Reads Codex's arguments. */
export function parseCodexCall(args: readonly string[]): CodexCall {
  let subcommand: string | undefined
  let directory: string | undefined
  let usesDaemon: string | undefined
  let isInformation = false
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string
    if (arg === '--') break
    if (!arg.startsWith('-') || arg === '-') {
      subcommand ??= arg
      if (subcommand === 'app-server' && arg === 'daemon') usesDaemon ??= 'app-server daemon'
      continue
    }
    const [, name = arg, joined] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? /^(-[A-Za-z])(.+)$/s.exec(arg) ?? []
    const value = joined ?? (WITH_VALUE.has(name) ? args[++index] : undefined)
    if (name === '-C' || name === '--cd') directory = value
    if (name === '--remote') usesDaemon ??= name
    isInformation ||= ['-h', '--help', '-V', '--version'].includes(name)
  }
  if (subcommand !== undefined && OF_DAEMON.includes(subcommand)) usesDaemon ??= subcommand
  return { kind: isInformation ? 'none' : kindOf(subcommand), usesDaemon, directory }
}

function kindOf(subcommand: string | undefined): CodexCall['kind'] {
  if (subcommand === undefined || INTERACTIVE.includes(subcommand)) return 'tui'
  if (SESSIONS.includes(subcommand)) return 'batch'
  return OTHERS.includes(subcommand) ? 'none' : 'tui'
}
