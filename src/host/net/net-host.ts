/** Network connections of this machine, as far as the policy allows. */
import process from 'node:process'
import type { NetHost } from '../../core/net/net-host.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { HttpPolicy } from '../http/http-policy.ts'
import { defaultForwardPolicy } from './forward-policy.ts'
import type { ForwardPolicy } from './forward-policy.ts'

/** What is known of network connections when the server starts. */
export type ForwardOptions = {
  /** Whether clients may use any: not with --no-forward. */
  isAllowed: boolean
  /** Absent: the default. */
  policy?: ForwardPolicy | undefined
}

/** Only looks, so it is there with --no-forward, too. */
const ports =
  process.platform === 'linux' ? async () => (await import('./listening-ports.ts')).listeningPorts() : undefined

/** Creates it. `isSandboxRequired`: then nothing is allowed but by a policy. */
export function netHost(
  { isAllowed, policy }: ForwardOptions,
  { isSandboxRequired, httpPolicy }: { isSandboxRequired: boolean; httpPolicy: HttpPolicy | undefined },
): NetHost {
  const refuse = (why: string) => async (): Promise<never> => {
    throw invalidRequest(`this executor makes and accepts no network connections ${why}`)
  }
  const refusing = (why: string): NetHost => ({ isOffered: false, connect: refuse(why), listen: refuse(why), ports })
  if (!isAllowed) return refusing('(--no-forward)')
  if (isSandboxRequired && policy === undefined)
    return refusing('unless --forward-policy says which (--require-sandbox)')
  const rules = policy ?? defaultForwardPolicy(httpPolicy)
  return {
    isOffered: true,
    // Loaded on first use: most sessions have none.
    connect: async (target, signal) => (await import('./connect.ts')).connectTo(target, rules, signal),
    ports,
    listen: async (target, accept) => (await import('./listen.ts')).listenOn(target, rules, accept),
  }
}
