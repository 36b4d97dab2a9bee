/** Option parsing shared by the client commands, and the options that select the devbox. */
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { UsageError } from '../../base/usage-error.ts'

/** Options that select the devbox, and --help, for `parseArgs`. */
export const targetOptions = {
  url: { type: 'string' },
  env: { type: 'string' },
  'bearer-token-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Help text of `targetOptions`. */
export const TARGET_HELP = `  --url URL                 the server: ws://HOST:PORT, wss://…, unix:/PATH, or a capability URL
  --env ID                  an environment of $CODEX_HOME/environments.toml; without --url and --env the default one, which
                            CODEX_EXEC_SERVER_URL names if there is no such file, and else this machine, without a server
  --bearer-token-file PATH  the token that the server of --url asks for
  --help                    show this text
`

/** Parsed values of `targetOptions`. */
export type TargetValues = {
  url?: string | undefined
  env?: string | undefined
  'bearer-token-file'?: string | undefined
}

/** A UsageError with exit code 2. */
export const usageError = (message: string): UsageError => new UsageError(`error: ${message}`, 2)

type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>

/**
 * Parses options and positional arguments in any order.
 * @throws {UsageError} for unknown options, missing values, and a repeated option that is not `multiple`
 */
export function parseOptions<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T): Parsed<T> {
  try {
    const config: ParseArgsOptionsConfig = options
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options: config,
      allowPositionals: true,
      tokens: true,
    })
    const seen = new Set<string>()
    for (const token of tokens) {
      if (token.kind !== 'option') continue
      if (seen.has(token.name) && options[token.name]?.multiple !== true)
        throw new Error(`option --${token.name} was given twice`)
      seen.add(token.name)
    }
    return { values, positionals } as Parsed<T>
  } catch (error) {
    throw usageError((error as Error).message.split('\n', 1)[0] as string)
  }
}

type Split = { own: readonly string[]; command: readonly string[] }

/** Splits our options from a command with its own: it starts at the first positional argument, or after `--`. */
export function splitCommand(args: readonly string[], options: ParseArgsOptionsConfig): Split {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const first = tokens.find(({ kind }) => kind !== 'option')
  if (first === undefined) return { own: args, command: [] }
  return {
    own: args.slice(0, first.index),
    command: args.slice(first.kind === 'option-terminator' ? first.index + 1 : first.index),
  }
}

/**
 * Checks the target options against each other.
 * @throws {UsageError} if they conflict
 */
export function checkTarget(values: TargetValues): void {
  if (values.url !== undefined && values.env !== undefined) throw usageError('--url and --env name two devboxes')
  const { url, 'bearer-token-file': tokenFile } = values
  if (tokenFile !== undefined && url === undefined) throw usageError('--bearer-token-file is for the server of --url')
}
