/** What the options of a server say of previews. */
import type { HttpPolicy } from '../../host/http/http-policy.ts'
import { defaultForwardPolicy } from '../../host/net/forward-policy.ts'
import type { ForwardOptions } from '../../host/net/net-host.ts'
import type { PreviewSource } from './preview.ts'
import { PreviewTraffic } from '../telemetry/preview-traffic.ts'

/** Previews connect to this machine, so the rules for network connections apply to them. */
export function previewOf({
  preview,
  hosts,
  httpPolicy,
  forward,
}: {
  preview: boolean
  hosts: readonly string[]
  httpPolicy: HttpPolicy | undefined
  forward: Pick<ForwardOptions, 'policy'>
}): PreviewSource | undefined {
  if (!preview) return undefined
  const rules = forward.policy ?? defaultForwardPolicy(httpPolicy)
  return { hosts, allows: (address) => rules.allows('localhost', address), traffic: new PreviewTraffic() }
}
