/** `GET /metrics`: Prometheus text format, version 0.0.4. Numbers only, nothing about what is run, read or written. */
import { readdirSync } from 'node:fs'
import process from 'node:process'
import { methods } from '../../core/rpc/methods.ts'
import { UNKNOWN_METHOD } from '../../core/base/observer.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { processStates } from '../../core/base/snapshot.ts'
import { ErrorCode } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { escapeControlChars } from '../../base/control-chars.ts'
import { refusalReasons } from './refusals.ts'
import type { Refusals } from './refusals.ts'
import { eventLoopDelay } from './event-loop-delay.ts'
import { version } from '../../base/version.ts'
import type { PreviewCounts } from './preview-traffic.ts'

/** Content type of the metrics. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>
type Sample = readonly [Labels, number]

/** All methods in the order of the table; unused ones are reported as 0, so that every series starts at 0. */
const METHOD_NAMES = [Method.Initialize, ...methods.keys(), UNKNOWN_METHOD]
const ERROR_CODES = Object.values(ErrorCode)

/** What a server may serve besides. Absent: it does not, and its metrics are 0. */
export type OtherCounts = { previews?: (() => PreviewCounts) | undefined; mcpSessions?: (() => number) | undefined }

const NO_PREVIEWS: PreviewCounts = { open: 0, opened: 0, sent: 0, received: 0 }

/**
 * Returns a function that renders the current metrics. `droppedLines` returns how many lines the log has lost, and
 * `refusals` what was not let in.
 */
export function createMetrics(
  server: ExecServer,
  droppedLines: () => number,
  refusals: Refusals['counts'],
  { previews, mcpSessions }: OtherCounts = {},
): () => string {
  const { totals } = server.observer
  const startedAt = Date.now()
  const since = performance.now()
  const delay = eventLoopDelay()

  return () => {
    const now = server.snapshot()
    const loop = delay()
    const preview = previews?.() ?? NO_PREVIEWS
    const lines: string[] = []
    const family = (type: 'counter' | 'gauge', name: string, help: string, value: number | readonly Sample[]): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
      const samples: readonly Sample[] = typeof value === 'number' ? [[{}, value]] : value
      for (const [labels, number] of samples) lines.push(`${name}${labelText(labels)} ${number}`)
    }
    const by = <T>(label: string, values: readonly T[], value: (of: T) => number): Sample[] =>
      values.map((of) => [{ [label]: String(of) }, value(of)])

    family('gauge', 'exec_server_build_info', 'The release and what it runs on. Always 1.', [[{ version, runtime }, 1]])
    family('gauge', 'exec_server_uptime_seconds', 'Time since the server began.', (performance.now() - since) / 1000)

    family('gauge', 'exec_server_connections', 'Clients that are connected.', now.connections)
    family('counter', 'exec_server_connections_total', 'Clients that have connected.', totals.connections)
    const refused = by('reason', refusalReasons, (reason) => refusals()[reason])
    family('counter', 'exec_server_connections_refused_total', 'Requests answered with 401, 403 or 503.', refused)
    family('gauge', 'exec_server_sessions', 'Sessions, by whether a client is connected to them.', [
      [{ state: 'attached' }, now.attachedSessions],
      [{ state: 'detached' }, now.detachedSessions],
    ])

    const processes = by('state', processStates, (state) => now.processes[state])
    family('gauge', 'exec_server_processes', 'Exited: output may follow. Closed: kept for reading.', processes)
    family('counter', 'exec_server_processes_started_total', 'Processes that were started.', totals.starts)
    family(
      'counter',
      'exec_server_process_starts_refused_total',
      'Starts that were answered with an error.',
      totals.refusedStarts,
    )

    const requests = by('method', METHOD_NAMES, (method) => totals.requests.get(method) ?? 0)
    family('counter', 'exec_server_requests_total', 'Requests by method.', requests)
    const errors = by('code', ERROR_CODES, (code) => totals.errors.get(code) ?? 0)
    family('counter', 'exec_server_errors_total', 'Error answers by code.', errors)
    family('gauge', 'exec_server_requests_in_flight', 'Requests that are not answered yet.', now.requests)
    family(
      'gauge',
      'exec_server_http_requests_in_flight',
      'Requests of http/request, streamed bodies included.',
      now.httpRequests,
    )
    family('gauge', 'exec_server_net_connections', 'Network connections of clients.', now.netConnections)
    family('gauge', 'exec_server_preview_connections', 'Connections of previews to programs.', preview.open)
    family('counter', 'exec_server_preview_connections_total', 'Those that were opened.', preview.opened)
    family('gauge', 'exec_server_mcp_sessions', 'Sessions of MCP clients over HTTP.', mcpSessions?.() ?? 0)
    family('gauge', 'exec_server_open_file_handles', 'Files that clients hold open.', now.fileHandles)
    family(
      'gauge',
      'exec_server_sandbox_helpers',
      'Helpers of sandboxed file calls. Dying: killed, but they hang in the kernel.',
      by('state', ['busy', 'idle', 'dying'] as const, (state) => now.sandboxHelpers[state]),
    )
    family(
      'counter',
      'exec_server_sandbox_calls_given_up_total',
      'Sandboxed file calls that were given up because they made no progress.',
      now.sandboxHelpers.givenUp,
    )

    family('counter', 'exec_server_received_bytes_total', 'Bytes of messages from clients.', totals.received)
    family('counter', 'exec_server_sent_bytes_total', 'Bytes of messages to clients.', totals.sent)
    family(
      'counter',
      'exec_server_process_output_read_bytes_total',
      'Output that was read from processes.',
      totals.outputRead,
    )
    family(
      'counter',
      'exec_server_process_output_sent_bytes_total',
      'Output that was sent in notifications.',
      totals.outputSent,
    )
    family(
      'counter',
      'exec_server_process_stdin_bytes_total',
      'Bytes written to the stdin of processes.',
      totals.stdinWritten,
    )
    family(
      'counter',
      'exec_server_http_body_sent_bytes_total',
      'Bodies of requests that http/request has sent.',
      totals.httpSent,
    )
    family(
      'counter',
      'exec_server_http_body_received_bytes_total',
      'Bodies of responses to http/request.',
      totals.httpReceived,
    )
    family('counter', 'exec_server_net_sent_bytes_total', 'Sent on network connections of clients.', totals.netSent)
    family('counter', 'exec_server_net_received_bytes_total', 'Received on them.', totals.netReceived)
    family('counter', 'exec_server_preview_sent_bytes_total', 'Sent to the programs of previews.', preview.sent)
    family('counter', 'exec_server_preview_received_bytes_total', 'Received from them.', preview.received)

    family('gauge', 'exec_server_outbound_queue_bytes', 'Bytes that wait for clients to read.', now.outboundBytes)
    family(
      'gauge',
      'exec_server_stdin_queue_bytes',
      'Bytes that wait for processes to read their stdin.',
      now.stdinBytes,
    )
    family(
      'gauge',
      'exec_server_retained_output_bytes',
      'Output kept for process/read, with what keeping it costs.',
      now.retainedBytes,
    )
    family(
      'counter',
      'exec_server_log_lines_dropped_total',
      'Log lines that were lost because nobody read stderr.',
      droppedLines(),
    )

    const delays = by('quantile', [0.5, 0.99], loop.quantile)
    family(
      'gauge',
      'exec_server_event_loop_delay_seconds',
      'How late the event loop was, since the scrape before.',
      delays,
    )
    family('gauge', 'exec_server_event_loop_delay_max_seconds', 'And at the most.', loop.max)

    const { user, system } = process.cpuUsage()
    family('counter', 'process_cpu_seconds_total', 'User and system CPU time.', (user + system) / 1e6)
    family('gauge', 'process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss())
    family('gauge', 'process_start_time_seconds', 'When the server began, in Unix time.', startedAt / 1000)
    const descriptors = openDescriptors()
    if (descriptors !== undefined) family('gauge', 'process_open_fds', 'Open file descriptors.', descriptors)
    return `${lines.join('\n')}\n`
  }
}

const { versions } = process
const runtime = versions['deno'] === undefined ? `node ${versions.node}` : `deno ${versions['deno']}`

/** The labels of a sample, in braces; empty if there are none. */
export function labelText(labels: Labels): string {
  // The format escapes only these two and the line feed; other control characters are shown as text.
  const escaped = (text: string): string => escapeControlChars(text).replace(/[\\"]/g, '\\$&')
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return texts.length === 0 ? '' : `{${texts.join(',')}}`
}

function openDescriptors(): number | undefined {
  try {
    // Minus the descriptor of this readdir.
    return readdirSync(process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd').length - 1
  } catch {
    return undefined
  }
}
