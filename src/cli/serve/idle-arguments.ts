/** The options for a server that ends when it is idle. */
import type { Listen } from '../../server/http/listen-url.ts'
import type { IdleOptions } from '../../server/idle-exit.ts'
import { UsageError } from '../../base/usage-error.ts'

/** A week: a longer time is a typo. */
const MAX_SECONDS = 604_800

export const idleOptions = {
  'exit-when-idle': { type: 'string', inFile: 'number' },
  'on-idle': { type: 'string' },
} as const

export const IDLE_HELP = `  --exit-when-idle SECONDS     exit 0 after so long without a session and without an open process
  --on-idle COMMAND            run this shell command before that exit
`

/**
 * Parses the options. Undefined: the server does not exit by itself.
 * @throws {UsageError}
 */
export function parseIdle(
  values: { 'exit-when-idle'?: string | undefined; 'on-idle'?: string | undefined },
  listen: Listen,
): IdleOptions | undefined {
  const { 'exit-when-idle': seconds, 'on-idle': command } = values
  if (seconds === undefined) {
    if (command !== undefined) throw new UsageError('--on-idle requires --exit-when-idle', 2)
    return undefined
  }
  const number = /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) : 0
  if (number < 1 || number > MAX_SECONDS)
    throw new UsageError(`--exit-when-idle takes a whole number from 1 to ${MAX_SECONDS}, not '${seconds}'`, 2)
  if (command === '') throw new UsageError('--on-idle takes a shell command', 2)
  if (listen.kind === 'stdio')
    throw new UsageError('--exit-when-idle requires a listener: on stdio the server ends with its client', 2)
  return { idleMs: number * 1000, command }
}
