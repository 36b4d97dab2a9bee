/** Log levels, most severe first. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const
/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number]

/** Logs nothing in normal operation. */
export const DEFAULT_LOG_LEVEL: LogLevel = 'warn'
