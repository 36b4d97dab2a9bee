/** Errors of the command line, and the one style in which every command prints them. */
import { escapeControlChars } from './control-chars.ts'

/** An invalid command line, or a reason not to start: a message of one line for stderr, and what to do about it. */
export class UsageError extends Error {
  readonly exitCode: number
  readonly hints: readonly string[]
  constructor(message: string, exitCode: number, hints: readonly string[] = []) {
    super(message)
    this.exitCode = exitCode
    this.hints = hints
  }
}

/** The text for stderr: `exec-server: MESSAGE`, then a line for each hint. Either may hold text of others. */
export function errorText(message: string, hints: readonly string[] = []): string {
  const lines = [`exec-server: ${escapeControlChars(message)}`, ...hints.map((hint) => `  ${escapeControlChars(hint)}`)]
  return `${lines.join('\n')}\n`
}
