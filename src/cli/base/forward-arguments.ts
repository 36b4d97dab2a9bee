/** The options for network connections that clients open on this machine. */
import type { ForwardOptions } from '../../host/net/net-host.ts'
import { UsageError } from '../../base/usage-error.ts'

export const forwardOptions = {
  forward: { type: 'boolean', fallback: true },
  'forward-policy': { type: 'string', inFile: 'table' },
} as const

export const FORWARD_HELP = `  --no-forward                 make and accept no network connections for clients (exec-server forward)
  --forward-policy RULES       which ones are allowed: rules as of --http-policy, and absolute paths of unix sockets
                               (default: loopback and unix sockets)
`

/** What the options say; the rules are neither read nor parsed. */
export type ForwardArguments = { isAllowed: boolean; rules: string | undefined }

/**
 * Parses the options: network connections are allowed unless `--no-forward` is given.
 * @throws {UsageError} for rules about what is off
 */
export function parseForward(values: {
  forward?: boolean | undefined
  'forward-policy'?: string | undefined
}): ForwardArguments {
  const { forward: isAllowed = true, 'forward-policy': rules } = values
  if (!isAllowed && rules !== undefined) throw new UsageError('--no-forward and --forward-policy exclude each other', 2)
  return { isAllowed, rules }
}

/**
 * Reads and compiles the rules; their module is loaded only if there are any.
 * @throws {UsageError}
 */
export async function openForward({ isAllowed, rules }: ForwardArguments): Promise<ForwardOptions> {
  if (rules === undefined) return { isAllowed }
  const { readForwardPolicy } = await import('../../host/net/forward-policy.ts')
  try {
    return { isAllowed, policy: readForwardPolicy(rules) }
  } catch (error) {
    throw new UsageError(`--forward-policy: ${(error as Error).message}`, 2)
  }
}
