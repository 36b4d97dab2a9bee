/** The options for the log and the audit log. */
import { DEFAULT_LOG_LEVEL, logLevels } from '../../base/log-level.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { UsageError } from '../../base/usage-error.ts'

export type TelemetryOptions = {
  logLevel: LogLevel
  auditLog: string | undefined
  logDir: string | undefined
  recordDir: string | undefined
}

export const telemetryOptions = {
  'log-level': { type: 'string', fallback: DEFAULT_LOG_LEVEL },
  'audit-log': { type: 'string' },
  'log-dir': { type: 'string' },
  record: { type: 'string' },
} as const

export const TELEMETRY_HELP = `  --log-level LEVEL            what is logged on stderr, as JSON lines: ${logLevels.join(', ')} (default ${DEFAULT_LOG_LEVEL})
  --audit-log FILE             append to this file who started what, and how it ended
  --log-dir DIR                write the output of detached runs (run -d) there, whole, within --log-mib: what has ended is kept
                               there beyond the server
  --record DIR                 record terminals there, a file each (asciicast v2), output only, within --log-mib
`

/**
 * Parses the log level and the path of the audit log.
 * @throws {UsageError}
 */
export function parseTelemetry(values: {
  'log-level'?: string | undefined
  'audit-log'?: string | undefined
  'log-dir'?: string | undefined
  record?: string | undefined
}): TelemetryOptions {
  const { 'log-level': level = DEFAULT_LOG_LEVEL, 'audit-log': auditLog, 'log-dir': logDir, record: recordDir } = values
  const logLevel = logLevels.find((each) => each === level)
  if (logLevel === undefined) throw new UsageError(`--log-level takes ${logLevels.join(', ')}, not '${level}'`, 2)
  if (auditLog === '') throw new UsageError('--audit-log takes the path of a file', 2)
  if (logDir === '') throw new UsageError('--log-dir takes the path of a directory', 2)
  if (recordDir === '') throw new UsageError('--record takes the path of a directory', 2)
  return { logLevel, auditLog, logDir, recordDir }
}
