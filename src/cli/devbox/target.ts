/** Connects to the devbox that the options select. */
import process from 'node:process'
import { isSea } from '../../base/sea.ts'
import { readSecret } from '../../base/secret-file.ts'
import { connect } from '../../client/connect.ts'
import type { ClientOptions } from '../../client/client.ts'
import { messageOf, RpcError } from '../../client/base/errors.ts'
import { displayUrl } from '../../client/transports/target-url.ts'
import type { ExecClient } from '../../client/base/types.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'
import type { TargetValues } from './options.ts'

const CLIENT_NAME = 'exec-server-cli'

/** A connected devbox. */
export type Devbox = {
  client: ExecClient
  /** Terminates the processes started here, and closes the connection. */
  close(): Promise<void>
}

type Limits = ClientOptions['limits']

/**
 * Connects to the selected devbox; never falls back to another if it cannot be reached.
 * @throws {CommandError} with exit code 255
 */
export async function openDevbox(
  { url, env, 'bearer-token-file': tokenFile }: TargetValues,
  limits?: Limits,
): Promise<Devbox> {
  try {
    await trustExtraAuthorities()
    if (url === undefined) return await openEnvironment(env, limits)
    const headers = tokenFile === undefined ? {} : { authorization: `Bearer ${readSecret(tokenFile)}` }
    const client = await connect({ url, headers }, { clientName: CLIENT_NAME, limits })
    return { client, close: () => client.close() }
  } catch (error) {
    // Error responses of the server do not name it.
    const who = url !== undefined && error instanceof RpcError ? `${displayUrl(url)}: ` : ''
    throw new CommandError(`${who}${messageOf(error)}`, OWN_FAILURE)
  }
}

async function openEnvironment(id: string | undefined, limits: Limits): Promise<Devbox> {
  const { loadEnvironmentManager } = await import('../../client/environments/load.ts')
  const manager = await loadEnvironmentManager({ client: { clientName: CLIENT_NAME, limits } })
  const environment = id === undefined ? manager.default() : manager.get(id)
  if (environment === undefined) {
    const known = manager.ids.length === 0 ? 'there is none' : `there are: ${manager.ids.join(', ')}`
    throw new CommandError(
      `${id === undefined ? 'no environment is the default' : `there is no environment ${id}`}; ${known}`,
      OWN_FAILURE,
    )
  }
  const client = await environment.client()
  return { client, close: () => manager.close() }
}

/** The executable's entry has hidden NODE_EXTRA_CA_CERTS from the runtime, which would complain on stderr. */
async function trustExtraAuthorities(): Promise<void> {
  if (!isSea() || !process.env['NODE_EXTRA_CA_CERTS']) return
  const { getCACertificates, setDefaultCACertificates } = await import('node:tls')
  const { extraAuthorities } = await import('../../host/http/http-certificates.ts')
  setDefaultCACertificates([...getCACertificates('default'), ...extraAuthorities()])
}
