/** From the gravest on. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

/** Silent as long as all is well. */
export const DEFAULT_LOG_LEVEL: LogLevel = 'warn'
