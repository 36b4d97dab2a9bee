/** The proxy between a server that dials out and `exec-server accept`. */
import { proxyFor } from '../../host/http/http-proxy.ts'
import type { LinkUrl } from './link-url.ts'

/**
 * Returns the proxy that leads to `accept`, as the variables of the environment name it: HTTPS_PROXY, ALL_PROXY and
 * NO_PROXY. Only TLS goes through one: without it others could take the connection over there.
 * @throws {Error} for one that cannot be used
 */
export function linkProxy(
  { href, isSecure }: LinkUrl,
  env: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  return isSecure ? proxyFor(new URL(href.replace(/^wss:/, 'https:')), env) : undefined
}
