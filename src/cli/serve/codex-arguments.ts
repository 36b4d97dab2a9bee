/** Options of `codex exec-server` that this server does not have: some are ignored, the others refused with the reason. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { UsageError } from '../../base/usage-error.ts'

type Values = Readonly<Record<string, unknown>>

/** Without effect here: requests always run concurrently, and Codex's configuration is the client's. */
const ignored = {
  'concurrent-requests': { type: 'string' },
  enable: { type: 'string', multiple: true },
  disable: { type: 'string', multiple: true },
  'strict-config': { type: 'boolean' },
} as const

const PID_NAMESPACE = 'linux-sandbox-pid-namespace'

const policy = {
  [PID_NAMESPACE]: { type: 'string' },
  'linux-sandbox-transparent-tcp': { type: 'boolean' },
  'tcp-upstream-proxy': { type: 'string' },
  'proxy-private-ips-via-upstream': { type: 'boolean' },
} as const

const remote = {
  remote: { type: 'string' },
  'remote-transport': { type: 'string' },
  'environment-id': { type: 'string' },
  name: { type: 'string' },
  'use-agent-identity-auth': { type: 'boolean' },
  'registration-bearer-stdin': { type: 'boolean' },
  'executor-credential-stdin': { type: 'boolean' },
  'chatgpt-token-stdin': { type: 'boolean' },
  'chatgpt-account-id': { type: 'string' },
  'aws-sigv4': { type: 'boolean' },
  'aws-profile': { type: 'string' },
  'aws-region': { type: 'string' },
  'aws-service': { type: 'string' },
  'exit-on-stdin-close': { type: 'boolean' },
} as const

/** All of them, for `parseArgs`. They are not in the help: they are for scripts that start either server. */
export const codexOptions: ParseArgsOptionsConfig = { ...ignored, ...policy, ...remote }

/** `--config` has another use here, too: config-argument.ts tells a file from an override of Codex's configuration. */
const IGNORED: readonly string[] = ['concurrent-requests', 'config', 'enable', 'disable', 'strict-config']

/**
 * Returns the names of the options that are ignored. `values` has `config` only where it holds overrides.
 * @throws {UsageError} for one that must not be: commands would have other rights, or the server another client, than
 * the caller expects
 */
export function checkCodexOptions(values: Values): string[] {
  for (const name of Object.keys(values)) {
    const reason = refusal(name, values)
    if (reason !== undefined) throw new UsageError(`--${name} ${reason}`, 2)
  }
  return IGNORED.filter((name) => Object.hasOwn(values, name))
}

function refusal(name: string, values: Values): string | undefined {
  const value = values[name]
  if (name === 'concurrent-requests' && !/^[0-9]{0,9}[1-9][0-9]{0,9}$/.test(String(value)))
    return `takes a whole number from 1, not '${String(value)}'`
  if (name === PID_NAMESPACE)
    return value === 'isolate' ? undefined : 'takes only isolate: every sandboxed command has its own PID namespace'
  if (Object.hasOwn(policy, name)) return 'is not supported: this server has no network proxy'
  if (Object.hasOwn(remote, name))
    return 'is not supported: use --listen, and `codex exec-server forward --connect URL` to register the server'
  return undefined
}
