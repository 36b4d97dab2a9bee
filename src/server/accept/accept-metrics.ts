/** `GET /metrics` of `accept`: its links and clients. What the devbox does is in the metrics of its server. */
import { refusalReasons } from '../telemetry/refusals.ts'
import type { Refusals } from '../telemetry/refusals.ts'
import type { LinkPool } from './link-pool.ts'

/** Returns a function that renders the current numbers, in Prometheus' text format. */
export function acceptMetrics(counts: LinkPool['counts'], refusals: Refusals['counts']): () => string {
  return () => {
    const { waiting, used, clients } = counts()
    const refused = refusals()
    const lines = [
      '# HELP exec_server_accept_links Links of the devbox: waiting for a client, or used by one.',
      '# TYPE exec_server_accept_links gauge',
      `exec_server_accept_links{state="waiting"} ${waiting}`,
      `exec_server_accept_links{state="used"} ${used}`,
      '# HELP exec_server_accept_clients_waiting Clients that wait for a link.',
      '# TYPE exec_server_accept_clients_waiting gauge',
      `exec_server_accept_clients_waiting ${clients}`,
      '# HELP exec_server_connections_refused_total Requests answered with 401, 403 or 503.',
      '# TYPE exec_server_connections_refused_total counter',
      ...refusalReasons.map((reason) => `exec_server_connections_refused_total{reason="${reason}"} ${refused[reason]}`),
    ]
    return `${lines.join('\n')}\n`
  }
}
