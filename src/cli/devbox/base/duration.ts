/** Durations on the command line, as in timeout(1). */
import { usageError } from '../../base/parse-options.ts'

const DURATION = /^(?<count>\d{1,9}(?:\.\d{1,9})?)(?<unit>[smhd]?)$/

const UNITS: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The longest that a timer can wait: some 24 days. */
const MAX_MS = 2 ** 31 - 1

/**
 * Parses seconds, or a number with one of the units s, m, h and d. Returns ms.
 * @throws {UsageError}
 */
export function parseDuration(option: string, text: string): number {
  const { count, unit = '' } = DURATION.exec(text)?.groups ?? {}
  const ms = Math.round(Number(count) * (UNITS[unit] as number))
  if (count === undefined || ms > MAX_MS)
    throw usageError(`${option} takes seconds, or a number with m, h or d, not '${text}'`)
  return ms
}
