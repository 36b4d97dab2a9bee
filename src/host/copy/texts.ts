/** Words for what went wrong. */
import { errorCode, osErrorText, reasonOf } from '../../base/os-error-text.ts'
import type { Report, Side } from './messages.ts'

/** The operating system's reason, without its number. */
export function reasonText(error: unknown): string {
  const code = errorCode(error)
  return code === undefined ? reasonOf(error) : osErrorText(code).replace(/ \(os error \d+\)$/, '')
}

/** A report of what could not be copied. */
export const failure = (side: Side, path: string, error: unknown): Report => ({
  type: 'report',
  level: 'failed',
  side,
  path,
  text: typeof error === 'string' ? error : reasonText(error),
})

/** A report of what was not done as usual. */
export const note = (side: Side, path: string, text: string): Report => ({
  type: 'report',
  level: 'note',
  side,
  path,
  text,
})
