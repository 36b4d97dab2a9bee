/** The options that say which starts of commands are allowed. */
import type { AllowedStarts } from '../../core/base/host.ts'
import { UsageError } from '../../base/usage-error.ts'

export const startOptions = {
  direct: { type: 'boolean', fallback: true },
  prepared: { type: 'boolean', fallback: true },
} as const

export const START_HELP = `  --no-direct                  start only commands that come prepared, with a resolved sandbox
  --no-prepared                start no such commands
`

/**
 * Parses the options: a flag is on unless its opposite is given.
 * @throws {UsageError} if nothing could be started
 */
export function parseStarts(values: { direct?: boolean | undefined; prepared?: boolean | undefined }): AllowedStarts {
  const starts = { direct: values.direct !== false, prepared: values.prepared !== false }
  if (!starts.direct && !starts.prepared)
    throw new UsageError('--no-direct and --no-prepared together leave no command to start', 2)
  return starts
}
