/** Shows arguments as a shell would take them. */
import { escapeControlChars } from '../../../base/control-chars.ts'

/** Quotes an argument for a shell, if it needs quotes. */
export function quoteForShell(text: string): string {
  if (/^[\p{L}\p{N}_@%+=:,./\u2026-]+$/u.test(text)) return text
  if (escapeControlChars(text) === text) return `'${text.replaceAll("'", `'\\''`)}'`
  return `$'${escapeControlChars(text.replace(/[\\']/g, '\\$&'))}'`
}
