/** The command line of `exec-server codex`. */
import { parseOptions } from '../../base/parse-options.ts'
import type { Advice } from '../../base/parse-options.ts'
import { checkTarget, splitCommand, targetOptions } from '../options.ts'
import type { TargetValues } from '../options.ts'

export const CODEX_HELP = `Runs Codex so that it works on a devbox, or not at all: never on this machine instead.

Usage: exec-server codex [options] [--] [ARGUMENTS OF CODEX…]

  --url URL                 the server: ws://HOST:PORT, wss://…, or a capability URL
  --env ID                  an environment of $CODEX_HOME/environments.toml; without --url and --env the default one, which
                            CODEX_EXEC_SERVER_URL names if there is no such file
  --bearer-token-file PATH  the token that the server of --url asks for (Codex 0.160.0 or newer)
  --codex PATH              the program (default: codex on PATH)
  --write-config            make the devbox the default of environments.toml, and this machine none; shows the difference first
  -h, --help                show this text

Before Codex starts: the devbox must answer and have this directory (or that of -C). What this release of Codex does not do on
a devbox, and MCP servers without a place there, are lines on stderr. Codex has this terminal and its signals; its exit code
is the exit code. 127: there is no codex; 255: the devbox cannot be used.

Where environments.toml names another devbox, or this machine too, Codex gets a home of its own in $CODEX_HOME/exec-server,
whose other files are links to yours.

Options of Codex stand after a word of its own, or after --: exec-server codex --env devbox -- -m MODEL
`

const { url, env, help, 'bearer-token-file': tokenFile } = targetOptions

export const codexOptions = {
  url,
  env,
  'bearer-token-file': tokenFile,
  codex: { type: 'string' },
  'write-config': { type: 'boolean' },
  help,
} as const

/** What Codex has and this command has not. */
const OF_CODEX = [
  ...[
    '-c',
    '-i',
    '-m',
    '-p',
    '-s',
    '-C',
    '-a',
    '-V',
    '--config',
    '--enable',
    '--disable',
    '--image',
    '--model',
    '--oss',
  ],
  ...['--profile', '--sandbox', '--cd', '--add-dir', '--ask-for-approval', '--search', '--remote', '--version'],
]

const ADVICE: Advice = {
  ...Object.fromEntries(OF_CODEX.map((name) => [name, `${name} is an option of Codex: those stand after --`])),
  '--local': 'there is no --local: to work on this machine, run codex itself',
  '--tls-ca': 'Codex takes no --tls-ca: it trusts what this machine trusts, or what SSL_CERT_FILE names instead',
}

export type CodexArguments = {
  target: TargetValues
  program: string | undefined
  writesConfig: boolean
  /** Of Codex. */
  args: readonly string[]
}

/**
 * Parses the command line. Undefined: --help.
 * @throws {UsageError}
 */
export function parseCodex(args: readonly string[]): CodexArguments | undefined {
  const { own, command } = splitCommand(args, codexOptions)
  const { values } = parseOptions(own, codexOptions, ADVICE)
  if (values.help === true) return undefined
  checkTarget(values)
  return {
    target: values,
    program: values.codex,
    writesConfig: values['write-config'] === true,
    args: command,
  }
}
